"""Names of repositories in registries: `registry.example.org/namespace/model`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from repro.errors import SettingsError

DOCKER_HUB = "docker.io"

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
_PATH = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Repository:
    """Where the versions of one image lie.

    >>> str(Repository.of_model("localhost:5000/lab", "esm"))
    'localhost:5000/lab/esm'
    """

    host: str
    """With its port, where it has one."""
    path: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def is_loopback(self) -> bool:
        """Whether the registry is on this machine: engines speak plain HTTP to one that is."""
        name = self.host.rpartition(":")[0] if re.search(r":\d+$", self.host) else self.host
        try:
            return ipaddress.ip_address(name.strip("[]")).is_loopback
        except ValueError:
            return name == "localhost"

    @classmethod
    def of_model(cls, registry: str, model: str) -> Repository:
        """The repository of a model in `HOST/NAMESPACE`.

        >>> Repository.of_model("lab", "esm")
        Traceback (most recent call last):
        repro.errors.SettingsError: --registry 'lab' names no host...

        Raises:
            SettingsError: it is no such name; says how one is written.
        """
        if "@" in registry:  # not told: a password may stand before it
            raise SettingsError(
                "a user name or a password has no place in the name of a registry",
                fix="leave it out; `docker login HOST` keeps it",
            )
        host, _, namespace = registry.strip().rstrip("/").partition("/")
        if "://" in registry or not _names_a_host(host) or not namespace:
            raise SettingsError(
                f"--registry {registry!r} names no host and namespace, as HOST/NAMESPACE does",
                fix="write it like registry.example.org/lab, or docker.io/NAMESPACE for Docker Hub",
            )
        return cls._checked(host, f"{namespace}/{model}", f"--registry {registry!r}")

    @classmethod
    def of_image(cls, image: str) -> Repository:
        """The repository of an image; without a host it is Docker Hub's.

        >>> str(Repository.of_image("danieldeutsch/tutorial:1.0"))
        'docker.io/danieldeutsch/tutorial'

        Raises:
            SettingsError: it is no name of an image.
        """
        name = image.partition("@")[0]
        name = name[: -len(tag) - 1] if (tag := tag_of(name)) else name
        host, slash, path = name.partition("/")
        if not (slash and _names_a_host(host)):
            host, path = DOCKER_HUB, name if slash else f"library/{name}"
        return cls._checked(host, path, f"the image {image!r}")

    @classmethod
    def _checked(cls, host: str, path: str, said: str) -> Repository:
        if not _HOST.fullmatch(host) or not _PATH.fullmatch(path):
            raise SettingsError(
                f"{said} is no name that a registry takes",
                fix="a name has lower-case letters and digits, with single `.`, `_`, `-` or `/` between them",
            )
        return cls(host, path)


def tag_of(image: str) -> str:
    """The tag in the name of an image; empty where it has none.

    >>> tag_of("localhost:5000/lab/esm:1.0"), tag_of("localhost:5000/lab/esm")
    ('1.0', '')
    """
    tag = image.partition("@")[0].rpartition("/")[2].partition(":")[2]
    return tag if _TAG.fullmatch(tag) else ""


def checked_digest(digest: str) -> str:
    """A digest as it has to be written. Raises SettingsError."""
    if not _DIGEST.fullmatch(digest):
        raise SettingsError(f"{digest!r} is no digest", fix="write it as sha256:<64 hexadecimal digits, in lower case>")
    return digest


def _names_a_host(part: str) -> bool:
    return part == "localhost" or "." in part or ":" in part
