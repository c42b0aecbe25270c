"""The locks of a model's folder: `image.lock` (content of its bases, what was published) and `requirements.lock`."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro.errors import SettingsError

LOCK_FILE = "image.lock"
REQUIREMENTS, REQUIREMENTS_LOCK = "requirements.txt", "requirements.lock"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Published:
    """Where one version of a model's image lies."""

    repository: str
    """`registry.example.org/namespace/model`"""
    digest: str
    """`sha256:...` of its manifest."""


@dataclass(frozen=True)
class ImageLock:
    """What `image.lock` holds.

    >>> ImageLock(base={"python:3.11-slim-bookworm": "sha256:" + 64 * "0"}).published
    {}
    """

    base: Mapping[str, str] = field(default_factory=dict)
    """Base image as the Dockerfile names it -> digest of its manifest."""
    published: Mapping[str, Published] = field(default_factory=dict)
    """Version of the model -> where it was published."""


def read_lock(folder: Path) -> ImageLock:
    """The lock of a model's container folder; an empty one where there is none.

    Raises:
        SettingsError: the file cannot be read, or is no such lock.
    """
    path = folder / LOCK_FILE
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ImageLock()
    except (OSError, ValueError, RecursionError) as error:
        raise SettingsError(f"{path} cannot be read: {error}", fix="put it back as it was committed") from None
    document = _mapping(path, document, "", ("base", "published"))
    published = _mapping(path, document.get("published", {}), "published")
    return ImageLock(
        base={
            name: _digest(path, f"base.{name}", digest)
            for name, digest in _mapping(path, document.get("base", {}), "base").items()
        },
        published={version: _published(path, version, entry) for version, entry in published.items()},
    )


def write_lock(folder: Path, lock: ImageLock) -> None:
    """Write the lock of a model's container folder; a reader sees the old one or the new one, never a part."""
    document = {
        "base": dict(sorted(lock.base.items())),
        "published": {
            version: {"repository": entry.repository, "digest": entry.digest}
            for version, entry in sorted(lock.published.items())
        },
    }
    path = folder / LOCK_FILE
    written = path.with_name(f".{LOCK_FILE}.{os.getpid()}")
    try:
        written.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def made_from(folder: Path) -> str:
    """The line of a `requirements.lock` that says of which requirements.txt it is."""
    return f"# {REQUIREMENTS}: sha256:{hashlib.sha256((folder / REQUIREMENTS).read_bytes()).hexdigest()}"


def is_in_step(folder: Path) -> bool:
    """Whether `requirements.lock` was made from requirements.txt as it is now; also where a folder has neither."""
    requirements, lock = folder / REQUIREMENTS, folder / REQUIREMENTS_LOCK
    if not (requirements.is_file() and lock.is_file()):
        return requirements.is_file() == lock.is_file()
    return made_from(folder) in lock.read_text(encoding="utf-8").splitlines()


def _published(path: Path, version: str, entry: Any) -> Published:
    where = f"published.{version}"
    entry = _mapping(path, entry, where, ("repository", "digest"))
    repository = entry.get("repository")
    if not isinstance(repository, str) or not repository:
        raise _wrong(path, f"{where}.repository", "is no name of a repository")
    return Published(repository, _digest(path, f"{where}.digest", entry.get("digest")))


def _digest(path: Path, where: str, value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise _wrong(path, where, "is no digest such as sha256:<64 hexadecimal digits>")
    return value


def _mapping(path: Path, value: Any, where: str, known: tuple[str, ...] | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(path, where or "the file", "is no JSON object")
    unknown = [key for key in value if known is not None and key not in known]
    if unknown:
        raise _wrong(path, f"{where}.{unknown[0]}".lstrip("."), "is not known here")
    return value


def _wrong(path: Path, where: str, what: str) -> SettingsError:
    return SettingsError(f"{path}: {where} {what}", fix="mend it, or make it anew with `repro lock`")
