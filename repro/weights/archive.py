"""Unpack a zip or tar archive so that nothing in it can do harm: plain files, inside one folder, not too much.

Archives of weights come from strangers. A name that leaves the folder, a link, a device, or a few bytes that become a
full disk make the whole archive refused; nothing of it is kept then.
"""

from __future__ import annotations

import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from repro.errors import WeightsError

_BLOCK_BYTES = 1 << 20
_DRIVE_LETTER = re.compile(r"[A-Za-z]:")
_ENCRYPTED = 0x1
_KEPT_FOR_THE_STORE = (".part", ".part.json")


@dataclass(frozen=True)
class Limits:
    """How much an archive may become. Weights hardly compress: what grows a hundredfold is no weights."""

    files: int = 10_000
    total_bytes: int = 1 << 40
    ratio: float = 100.0
    """Of what it becomes to what it is."""
    ratio_counts_from_bytes: int = 64 << 20
    """Small archives may hold text, or zeros."""


class _RefusedError(Exception):
    """Why an archive is not unpacked."""


@dataclass(frozen=True)
class _Member:
    """A regular file in an archive."""

    name: str
    size_bytes: int
    content: IO[bytes]


def unpack(archive: Path, into: Path, name: str, limits: Limits | None = None) -> list[str]:
    """Unpack `archive` into the folder `into`, which is new, and list the files by their path in it.

    Args:
        name: how the archive is called in an error.

    Raises:
        WeightsError: it is no archive, is damaged, or holds something that is refused. What was unpacked of it is
            the caller's to remove.
        OSError: a file cannot be written.
    """
    into.mkdir(parents=True)
    try:
        guard = _Guard(archive.stat().st_size, limits or Limits())
        for member in _members(archive, guard):
            _write(member, into, guard)
        if not guard.names:
            raise _RefusedError("it holds no files")
    except _RefusedError as why:
        raise WeightsError(
            f"the archive {name} is not unpacked: {why}; nothing of it was kept",
            fix="ask who made it; or unpack it yourself, look at it, and name the folder with --weights",
        ) from None
    return sorted(guard.names)


class _Guard:
    """Holds what comes out of an archive against the limits."""

    def __init__(self, archive_bytes: int, limits: Limits) -> None:
        self.names: set[str] = set()
        self._folders: set[str] = set()
        self._archive_bytes = archive_bytes
        self._limits = limits
        self._total_bytes = 0

    def admit(self, stated: str) -> str:
        """The name that a member gets in the folder."""
        name = safe_name(stated)
        above = {"/".join(name.split("/")[:n]) for n in range(1, name.count("/") + 1)}
        if name in self.names or name in self._folders or above & self.names:
            raise _RefusedError(f"{name!r} is in it twice")
        self.names.add(name)
        self._folders |= above
        if len(self.names) > self._limits.files:
            raise _RefusedError(f"it holds more than {self._limits.files:,} files")
        return name

    def count(self, n_bytes: int) -> None:
        self._total_bytes += n_bytes
        self.check_total(self._total_bytes)

    def check_total(self, total_bytes: int) -> None:
        limits = self._limits
        if total_bytes > limits.total_bytes:
            raise _RefusedError(f"it becomes more than {limits.total_bytes:,} bytes")
        if total_bytes > limits.ratio_counts_from_bytes and total_bytes > limits.ratio * self._archive_bytes:
            raise _RefusedError(f"it becomes more than {limits.ratio:.0f} times as large as it is")


def safe_name(stated: str) -> str:
    """A member's name as a path inside the folder.

    >>> safe_name("./weights/small.pt")
    'weights/small.pt'
    """
    if not stated or "\0" in stated or "\\" in stated:
        raise _RefusedError(f"{stated!r} is no name for a file")
    if stated.startswith("/") or _DRIVE_LETTER.match(stated):
        raise _RefusedError(f"{stated!r} is an absolute path")
    parts = [part for part in stated.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _RefusedError(f"{stated!r} leaves the folder")
    if not parts or parts[-1].endswith(_KEPT_FOR_THE_STORE):
        raise _RefusedError(f"{stated!r} is no name for a file here")
    return "/".join(parts)


def _members(archive: Path, guard: _Guard) -> Iterator[_Member]:
    with _damage():
        is_zip = zipfile.is_zipfile(archive)
        # A tar that holds a zip at its end looks like both; what begins as a tar is one.
        if is_zip and not _begins_as_tar(archive):
            yield from _zip_members(archive, guard)
        else:
            yield from _tar_members(archive)


def _begins_as_tar(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(262)[257:] == b"ustar"


def _zip_members(path: Path, guard: _Guard) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        guard.check_total(sum(entry.file_size for entry in entries))  # before any of it is written
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _RefusedError(f"{entry.filename!r} is a {'link' if kind == stat.S_IFLNK else 'special file'}")
            if entry.flag_bits & _ENCRYPTED:
                raise _RefusedError(f"{entry.filename!r} is encrypted")
            if entry.is_dir():
                _check_folder(entry.filename)
                continue
            with archive.open(entry) as content:
                yield _Member(entry.filename, entry.file_size, content)


def _tar_members(path: Path) -> Iterator[_Member]:
    with tarfile.open(path, mode="r:*") as archive:
        for entry in archive:
            if entry.issym() or entry.islnk():
                raise _RefusedError(f"{entry.name!r} is a link")
            if entry.isdir():
                _check_folder(entry.name)
                continue
            content = archive.extractfile(entry) if entry.isreg() and not entry.issparse() else None
            if content is None:
                raise _RefusedError(f"{entry.name!r} is a special file")
            yield _Member(entry.name, entry.size, content)


def _check_folder(stated: str) -> None:
    if stated.rstrip("/") not in ("", "."):
        safe_name(stated)


def _write(member: _Member, into: Path, guard: _Guard) -> None:
    path = into / guard.admit(member.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    written_bytes = 0
    with path.open("xb") as stream:
        while block := _read(member):
            written_bytes += len(block)
            guard.count(len(block))
            stream.write(block)
    if written_bytes != member.size_bytes:
        raise _RefusedError(f"{member.name!r} ends after {written_bytes:,} of {member.size_bytes:,} bytes")


def _read(member: _Member) -> bytes:
    with _damage():
        return member.content.read(_BLOCK_BYTES)


@contextmanager
def _damage() -> Iterator[None]:
    """The many ways in which the standard library says that an archive is damaged."""
    try:
        yield
    except tarfile.ReadError as error:
        known = "not a gzip file" in str(error) or "file could not be opened" in str(error)
        raise _RefusedError(
            "it is no zip or tar archive, or a damaged one" if known else f"it is damaged: {error}"
        ) from error
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError) as error:
        raise _RefusedError(f"it is damaged: {error}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        # gzip and bz2 tell of damage in this way.
        raise _RefusedError(f"it is damaged: {error}") from error
