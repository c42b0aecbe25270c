"""Where a file of weights comes from, as `config.yaml` writes it.

| address | what |
|---|---|
| `https://host/path` | a file on a server |
| `s3://bucket/key` | an object in a bucket |
| `gdrive://ID` | a file on Google Drive |
| `hf://org/name@commit/path` | a file of a repository on the Hugging Face hub, at a revision |
| `pypi://project==version/path` | a file inside a wheel |
| `file:path` | a file or folder of this machine; relative to the model's folder, or absolute |
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit

ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HUB = re.compile(r"hf://(?P<repository>[\w.-]+(/[\w.-]+)?)@(?P<revision>[^/@]+)/(?P<path>.+)")
_WHEEL = re.compile(r"pypi://(?P<project>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.+!-]+)/(?P<path>.+)")
_DRIVE = re.compile(r"gdrive://(?P<file_id>[\w-]+)")
_BUCKET = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]+)/(?P<key>.+)")


class AddressError(ValueError):
    """An address that cannot be used; the text completes the sentence "the address ..."."""


@dataclass(frozen=True)
class HubAddress:
    """A file of a repository on the Hugging Face hub."""

    repository: str
    revision: str
    path: str

    @property
    def moves(self) -> bool:
        """The content may be another one tomorrow: a branch or a tag, not a commit."""
        return not _COMMIT.fullmatch(self.revision)

    @classmethod
    def parse(cls, address: str) -> HubAddress:
        """
        >>> HubAddress.parse("hf://facebook/esm2@main/model.safetensors").moves
        True

        Raises:
            AddressError: it is not of this form.
        """
        found = _HUB.fullmatch(address)
        if found is None:
            raise AddressError("must be of the form hf://org/name@revision/path/in/repository")
        return cls(found["repository"], found["revision"], found["path"])


@dataclass(frozen=True)
class WheelAddress:
    """A file inside a wheel of a package index."""

    project: str
    version: str
    path: str

    @classmethod
    def parse(cls, address: str) -> WheelAddress:
        """
        >>> WheelAddress.parse("pypi://antiberty==0.1.3/antiberty/model.bin").version
        '0.1.3'

        Raises:
            AddressError: it is not of this form.
        """
        found = _WHEEL.fullmatch(address)
        if found is None:
            raise AddressError("must be of the form pypi://project==version/path/in/wheel")
        return cls(found["project"], found["version"], found["path"])


@dataclass(frozen=True)
class BucketAddress:
    """An object in an S3 bucket."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, address: str) -> BucketAddress:
        """
        >>> BucketAddress.parse("s3://models/esm/small.pt").key
        'esm/small.pt'

        Raises:
            AddressError: it is not of this form.
        """
        found = _BUCKET.fullmatch(address)
        if found is None:
            raise AddressError("must be of the form s3://bucket/key")
        return cls(found["bucket"], found["key"])


def drive_id(address: str) -> str:
    """The ID of a file on Google Drive.

    >>> drive_id("gdrive://1AbC_d-e")
    '1AbC_d-e'

    Raises:
        AddressError: it is not of this form.
    """
    found = _DRIVE.fullmatch(address)
    if found is None:
        raise AddressError("must be of the form gdrive://ID; the ID stands in the link that Drive gives for sharing")
    return found["file_id"]


def local_path(address: str) -> Path:
    """The path that a `file:` address names.

    >>> local_path("file:///data/small.pt").as_posix(), local_path("file:weights/small.pt").as_posix()
    ('/data/small.pt', 'weights/small.pt')

    Raises:
        AddressError: it names another machine, or nothing.
    """
    parts = _split(address)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost") or not parts.path:
        raise AddressError("must be of the form file:path or file:///path")
    return Path(unquote(address[len("file:") :] if not parts.netloc and address[5:7] != "//" else parts.path))


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise AddressError("is not an address: its host is not written as one") from None


def check_address(address: str, sha256: str | None) -> None:
    """Hold an address against its form.

    Raises:
        AddressError: it is of no known form; or what it names may change, and no hash is stated.
    """
    scheme, colon, _ = address.partition(":")
    if not colon:
        # A password may stand in one that holds an @.
        raise AddressError("is not an address" + ("" if "@" in address else f": {address!r}"))
    if scheme in ("http", "https"):
        if not _split(address).hostname:
            raise AddressError(f"is not an address: no host follows {scheme}://")
    elif scheme == "hf":
        named = HubAddress.parse(address)
        if named.moves and sha256 is None:
            raise AddressError(
                f"names the revision {named.revision!r}, which may move: name a commit (40 hexadecimal digits), "
                "or state sha256 of the file"
            )
    elif scheme in _PARSERS:
        _PARSERS[scheme](address)
    else:
        known = ", ".join(("https", "hf", *_PARSERS))
        raise AddressError(f"is of a kind that is not known: {scheme}; known are {known}")


_PARSERS = {"s3": BucketAddress.parse, "gdrive": drive_id, "pypi": WheelAddress.parse, "file": local_path}


def last_part(address: str) -> str:
    """The name that a file has at its address; empty where the address holds none (Google Drive).

    >>> last_part("https://example.org/get/small.pt?download=1"), last_part("gdrive://1AbC")
    ('small.pt', '')
    """
    scheme = address.partition(":")[0]
    if scheme == "gdrive":
        return ""
    if scheme in ("http", "https"):
        return PurePosixPath(urlsplit(address).path).name
    return PurePosixPath(address.partition(":")[2]).name


def without_archive_suffix(name: str) -> str:
    """
    >>> without_archive_suffix("weights.tar.gz")
    'weights'
    """
    longest = sorted((suffix for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), key=len)
    return name[: -len(longest[-1])] if longest else name
