"""Where weights come from: one kind of source a file, all behind the protocol in base.py."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from repro.config import WeightFile
from repro.errors import WeightsError
from repro.weight_address import AddressError, BucketAddress, HubAddress, WheelAddress, drive_id, last_part, local_path
from repro.weights.request import shown_address
from repro.weights.sources.base import Source
from repro.weights.sources.drive import DriveSource
from repro.weights.sources.http import HttpSource
from repro.weights.sources.hub import HubSource
from repro.weights.sources.local import LocalSource
from repro.weights.sources.s3 import BucketSource
from repro.weights.sources.wheel import WheelSource

_WITHOUT_SCHEME = re.compile(r"(?!file:)[^/@]*:[^@]*@")
"""`user:password@host/path`: an address that lost its beginning, and no folder."""

__all__ = ["Source", "source_of", "sources_of"]


def source_of(address: str, *, unsigned: bool = False) -> Source:
    """The source that an address names.

    >>> source_of("hf://facebook/esm2@0123/model.safetensors").needs_network
    True

    Raises:
        WeightsError: it is of no known form.
    """
    scheme = address.partition(":")[0]
    try:
        if scheme in ("http", "https"):
            return HttpSource(address)
        if scheme == "s3":
            return BucketSource(BucketAddress.parse(address), unsigned)
        if scheme == "gdrive":
            return DriveSource(drive_id(address))
        if scheme == "hf":
            return HubSource(HubAddress.parse(address))
        if scheme == "pypi":
            return WheelSource(WheelAddress.parse(address))
        if scheme == "file":
            return LocalSource(local_path(address))
    except AddressError as error:
        raise WeightsError(f"{shown_address(address)} {error}") from None
    raise WeightsError(
        f"cannot fetch {shown_address(address)}: {scheme} is no kind of address that can be fetched from",
        fix="known are https, s3, gdrive, hf, pypi and file",
    )


def sources_of(model: str, variant: str, file: WeightFile, mirror: str | None = None) -> list[Source]:
    """The sources of a file, in the order in which they are asked.

    Args:
        mirror: an address or folder that holds MODEL/VARIANT/FILE; it is asked first.

    Raises:
        WeightsError: an address is of no known form.
    """
    at_mirror = [_at_mirror(mirror, f"{model}/{variant}/{_served_name(file)}", file.unsigned)] if mirror else []
    return [*at_mirror, *(source_of(address, unsigned=file.unsigned) for address in (file.url, *file.mirrors))]


def _served_name(file: WeightFile) -> str:
    """A mirror holds an archive, not the folder that it becomes."""
    archive = last_part(file.url)
    return str(Path(file.name).with_name(archive).as_posix()) if file.unpack and archive else file.name


def _at_mirror(mirror: str, path: str, unsigned: bool) -> Source:
    scheme, found, _ = mirror.partition("://")
    if found and scheme in ("http", "https") and mirror[len(scheme) + 3 :][:1] not in ("", "/"):
        return HttpSource(f"{mirror.rstrip('/')}/{quote(path)}")
    if found and scheme == "s3":
        return source_of(f"{mirror.rstrip('/')}/{path}", unsigned=unsigned)
    if (found and scheme != "file") or (not found and _WITHOUT_SCHEME.match(mirror)):
        raise WeightsError(
            f"{shown_address(mirror)} cannot be a mirror of weights",
            fix="set REPRO_WEIGHTS_MIRROR to an address that begins with https:// or s3://, or to a folder",
        )
    folder = local_path(mirror) if mirror.startswith("file:") else Path(mirror).expanduser()
    return LocalSource(folder.absolute() / path)
