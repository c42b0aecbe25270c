"""Unpack a zip or tar archive so that nothing in it can do harm: plain files, inside one folder, not too much.

Archives of weights come from strangers. A name that leaves the folder, a link, a device, or a few bytes that become a
full disk make the whole archive refused; nothing of it is kept then.
"""

from __future__ import annotations

import errno
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from repro.errors import WeightsError
from repro.weights.names import NameRefusedError, safe_name, same_file

_BLOCK_BYTES = 1 << 20
_ENCRYPTED = 0x1
_LONGEST_HEADER_BYTES = 1 << 20
_ALL_HEADERS_BYTES = 32 << 20
"""What the headers of a tar archive may hold of names and attributes: all of it is kept in memory."""
_ZIP_ENTRY_BYTES = 512
"""For each file that a zip archive may hold, so much of its list of files, which is read into memory at once."""


@dataclass(frozen=True)
class Limits:
    """How much an archive may become. Weights hardly compress: what grows a hundredfold is no weights."""

    files: int = 10_000
    """And folders."""
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
    except (_RefusedError, NameRefusedError) as why:
        raise WeightsError(
            f"the archive {name} is not unpacked: {why}; nothing of it was kept",
            fix="ask who made it; or unpack it yourself, look at it, and name the folder with --weights",
        ) from None
    return sorted(guard.names)


class _Guard:
    """Holds what comes out of an archive against the limits."""

    def __init__(self, archive_bytes: int, limits: Limits) -> None:
        self.names: set[str] = set()
        self.limits = limits
        self._files: dict[str, str] = {}  # the names, by what they are where case does not count
        self._folders: set[str] = set()
        self._archive_bytes = archive_bytes
        self._entries = 0
        self._header_bytes = 0
        self._total_bytes = 0

    def admit(self, stated: str) -> str:
        """The name that a member gets in the folder."""
        name = safe_name(stated)
        key = same_file(name)
        above = {"/".join(key.split("/")[:n]) for n in range(1, key.count("/") + 1)}
        other = self._files.get(key)
        if other not in (None, name):
            raise _RefusedError(f"{name!r} and {other!r} would be one file where case does not count")
        if other is not None or key in self._folders or not above.isdisjoint(self._files):
            raise _RefusedError(f"{name!r} is in it twice")
        self.names.add(name)
        self._files[key] = name
        self._folders |= above
        return name

    def count_entries(self, n: int = 1) -> None:
        """Files, folders, and whatever else makes an archive long."""
        self._entries += n
        if self._entries > self.limits.files:
            raise _RefusedError(f"it holds more than {self.limits.files:,} files and folders")

    def count_header(self, n_bytes: int) -> None:
        self._header_bytes += n_bytes
        if n_bytes > _LONGEST_HEADER_BYTES or self._header_bytes > _ALL_HEADERS_BYTES:
            raise _RefusedError("its headers are too large")

    def count(self, n_bytes: int) -> None:
        self._total_bytes += n_bytes
        self.check_total(self._total_bytes)

    def check_total(self, total_bytes: int) -> None:
        limits = self.limits
        if total_bytes > limits.total_bytes:
            raise _RefusedError(f"it becomes more than {limits.total_bytes:,} bytes")
        if total_bytes > limits.ratio_counts_from_bytes and total_bytes > limits.ratio * self._archive_bytes:
            raise _RefusedError(f"it becomes more than {limits.ratio:.0f} times as large as it is")


def _members(archive: Path, guard: _Guard) -> Iterator[_Member]:
    with _damage():
        is_zip = zipfile.is_zipfile(archive)
        # A tar that holds a zip at its end looks like both; what begins as a tar is one.
        if is_zip and not _begins_as_tar(archive):
            yield from _zip_members(archive, guard)
        else:
            yield from _tar_members(archive, guard)


def _begins_as_tar(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(262)[257:] == b"ustar"


def _zip_members(path: Path, guard: _Guard) -> Iterator[_Member]:
    with _InPieces(path, guard.limits.files * _ZIP_ENTRY_BYTES) as stream, zipfile.ZipFile(stream) as archive:
        entries = archive.infolist()
        guard.count_entries(len(entries))
        guard.check_total(sum(entry.file_size for entry in entries))  # before any of it is written
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _RefusedError(f"{entry.filename!r} is a {'link' if kind == stat.S_IFLNK else 'special file'}")
            if entry.flag_bits & _ENCRYPTED:
                raise _RefusedError(f"{entry.filename!r} is encrypted")
            if entry.is_dir():
                _check_folder(entry.orig_filename)
                continue
            with archive.open(entry) as content:
                yield _Member(entry.orig_filename, entry.file_size, content)


class _InPieces(io.FileIO):
    """A file that is never read in one great piece, as zipfile does with the list of files whatever its size."""

    def __init__(self, path: Path, longest_bytes: int) -> None:
        super().__init__(path)
        self._longest_bytes = max(longest_bytes, _BLOCK_BYTES)

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > self._longest_bytes:
            raise _RefusedError("its list of files is too long")
        return super().read(-1 if size is None else size) or b""


def _tar_members(path: Path, guard: _Guard) -> Iterator[_Member]:
    with tarfile.open(path, mode="r:*", tarinfo=_header_of(guard)) as archive:
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
        _check_end(archive, guard)


def _header_of(guard: _Guard) -> type[tarfile.TarInfo]:
    """Headers of a tar archive that are held against the limits, and have to be right to the last one.

    By itself tarfile takes a header that is damaged, or missing, for the end of the archive.
    """

    class Header(tarfile.TarInfo):
        @classmethod
        def fromtarfile(cls, archive: tarfile.TarFile) -> Header:
            try:
                return super().fromtarfile(archive)
            except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
                raise
            except tarfile.HeaderError as error:
                raise tarfile.ReadError(_TAR_FLAWS.get(str(error), str(error))) from error

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Header:
            header = super().frombuf(buf, encoding, errors)
            if header.size < 0:
                raise tarfile.ReadError("a size is less than 0")
            if header.type in _TAR_EXTENSIONS:
                guard.count_header(header.size)
            else:
                guard.count_entries()
            return header

    return Header


_TAR_EXTENSIONS = frozenset(
    {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
)
_TAR_FLAWS = {"empty header": "it has no end", "truncated header": "it ends in a header"}


def _check_end(archive: tarfile.TarFile, guard: _Guard) -> None:
    """Behind the mark of the end there are zeros at most."""
    while block := archive.fileobj.read(_BLOCK_BYTES):
        guard.count(len(block))
        if any(block):
            raise _RefusedError("it is damaged: something follows behind its end")


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
    except NameRefusedError:
        raise
    except tarfile.ReadError as error:
        known = "not a gzip file" in str(error) or "file could not be opened" in str(error)
        raise _RefusedError(
            "it is no zip or tar archive, or a damaged one" if known else f"it is damaged: {error}"
        ) from error
    except _DAMAGE as error:
        raise _RefusedError(f"it is damaged: {error}") from error
    except OSError as error:
        # gzip and bz2 tell of damage without a number; a place before the beginning of the file has this one.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _RefusedError(f"it is damaged: {error}") from error


_DAMAGE = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    # What their parsers do with numbers, texts and tables that are none, or that lead into each other without end.
    ValueError,
    OverflowError,
    IndexError,
    struct.error,
    RecursionError,
)
