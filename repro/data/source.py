"""Opening an input: everything about a file that is wrong before its format matters.

Missing, a folder, not readable, empty, damaged gzip, not UTF-8: each is an `InputFileError` that names the file, the
line where there is one, and what to do. Nothing is read ahead further than one block.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from repro.data.formats import is_stream
from repro.errors import InputFileError

_BLOCK_BYTES = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_NEAR_NAMES = 3
_HEAD_BYTES = 512
_KNOWN_BINARIES = {
    b"\x89PNG": ("a PNG picture", ""),
    b"\xff\xd8\xff": ("a JPEG picture", ""),
    b"%PDF": ("a PDF", "copy the text out of it"),
    b"PK\x03\x04": ("a zip file, as those of Excel and numpy are", "unpack it, or export its table as CSV"),
    b"PAR1": ("Parquet", "--input-format parquet"),
    b"\x89HDF": ("HDF5", ""),
    b"BZh": ("a bzip2 file", "bunzip2 it first"),
    b"\xfd7zXZ": ("an xz file", "unxz it first"),
    b"\x28\xb5\x2f\xfd": ("a zstd file", "unzstd it first"),
    b"SQLite": ("an SQLite database", "export its table as CSV"),
}


def check_input(path: str | Path) -> None:
    """See that `path` is there and holds something, without reading it.

    Raises:
        InputFileError: it is missing, a folder, not readable or empty.
    """
    if is_stream(path) or is_pipe(path):
        return
    with open_bytes(Path(path)) as file:
        if os.fstat(file.fileno()).st_size == 0:
            raise nothing_in(path)


def is_pipe(path: str | Path) -> bool:
    """Whether `path` is a pipe or a device, which can be read only once: `<(zcat ...)` in a shell is one."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The file as it is on the disk.

    Raises:
        InputFileError: it is missing, a folder or not readable.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise _missing(path) from None
    except IsADirectoryError:
        raise InputFileError(f"{path} is a folder, not a file", fix="name one file in it") from None
    except PermissionError:
        fix = f"ask its owner, or if that is you: chmod u+r {path}"
        raise InputFileError(f"{path} may not be read by this user", fix=fix) from None
    except OSError as error:
        raise InputFileError(f"{path} cannot be opened: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def open_text(path: str | Path) -> Iterator[CheckedText]:
    """The file's text as UTF-8 bytes: unpacked where it is gzip, without its byte order mark, checked as it is read.

    Raises:
        InputFileError: as `check_input`; while reading: damaged gzip, not UTF-8, a NUL byte, lines ended by CR alone.
    """
    with ExitStack() as stack:
        if is_stream(path):
            name, file = "standard input", sys.stdin.buffer
        else:
            name, file = str(path), stack.enter_context(open_bytes(Path(path)))
        yield CheckedText(_unpacked(file, name), name)


def nothing_in(path: str | Path, *, size: int = 0) -> InputFileError:
    """The error for a file without a record; `size` is how many bytes it has."""
    name = "standard input" if is_stream(path) else str(path)
    what = "holds only blank lines" if size else "is empty"
    return InputFileError(f"{name} {what}", fix="see whether the step that should have written it worked")


def _missing(path: Path) -> InputFileError:
    folder = path.parent
    if not folder.is_dir():
        return InputFileError(f"{path} is not there: the folder {folder} does not exist", fix=f"ls {folder.parent}")
    import difflib

    names = [entry.name for entry in folder.iterdir()] if os.access(folder, os.R_OK) else []
    near = difflib.get_close_matches(path.name, names, n=_NEAR_NAMES, cutoff=0.6)
    fix = f"did you mean {' or '.join(str(folder / name) for name in near)}?" if near else f"ls {folder}"
    return InputFileError(f"{path} is not there", fix=fix)


def _unpacked(file: BinaryIO, name: str) -> BinaryIO:
    # Told by the content: a gzip file that lost its ending is as good as one that has it.
    buffered = file if isinstance(file, io.BufferedReader) else io.BufferedReader(cast(io.RawIOBase, file))
    if buffered.peek(2)[:2] == _GZIP_MAGIC:
        return gzip.open(buffered)  # type: ignore[return-value]
    if name.lower().endswith(".gz") and buffered.peek(1):
        raise InputFileError(f"{name} ends in .gz and is no gzip file", fix=f"mv {name} {name[:-3]}")
    return buffered


class CheckedText(io.BufferedReader):
    """Bytes of a text file, each block checked before it is handed on.

    Attributes:
        name_shown: what messages call the file.
    """

    def __init__(self, source: BinaryIO, name: str) -> None:
        self.name_shown = name
        self._checked = _CheckedBlocks(source, name)
        super().__init__(self._checked, _BLOCK_BYTES)

    @property
    def size(self) -> int:
        """Bytes of text that came so far, without the byte order mark."""
        return self._checked.size


class _CheckedBlocks(io.RawIOBase):
    """Reads block by block and refuses what is not plain UTF-8 text."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._started = False
        self._ahead = b""
        self._line = 1
        self._skipped = 0
        self._head = b""
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        if not self._started:
            self._started = True
            self._ahead = self._first_block()
        if self._ahead:
            block, self._ahead = self._ahead[: len(target)], self._ahead[len(target) :]
        else:
            block = self._read(len(target))
        self._check(block)
        target[: len(block)] = block
        return len(block)

    def _read(self, size: int) -> bytes:
        try:
            return self._source.read1(size)  # type: ignore[attr-defined,no-any-return]
        except EOFError:
            fix = "copy or download it again; `gzip -t` checks it"
            raise InputFileError(f"{self._name} is cut: its gzip data has no end", fix=fix) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            fix = "copy or download it again; `gzip -t` checks it"
            raise InputFileError(f"{self._name}: its gzip data is damaged ({error})", fix=fix) from error
        except OSError as error:
            raise InputFileError(f"{self._name} cannot be read: {error.strerror}") from error

    def _first_block(self) -> bytes:
        block = b""
        while len(block) < _HEAD_BYTES and (more := self._read(_BLOCK_BYTES)):
            block += more
        self._head = block[:_HEAD_BYTES]
        if block.startswith(_UTF16_MARKS):
            raise self._refused("is UTF-16, not UTF-8", "UTF-16")
        if block.startswith(codecs.BOM_UTF8):
            self._skipped = len(codecs.BOM_UTF8)
            block = block[self._skipped :]
        if b"\n" not in block and b"\r" in block[:-1]:
            raise InputFileError(
                f"{self._name}: its lines end in CR alone, as on a classic Mac",
                fix=f"tr '\\r' '\\n' < {self._name} > fixed, then use the fixed file",
            )
        return block

    def _check(self, block: bytes) -> None:
        if b"\0" in block:
            line = self._line + block.count(b"\n", 0, block.index(b"\0"))
            raise self._refused(f"has a NUL byte in line {line}: it is UTF-16 or no text at all", "UTF-16")
        pending: bytes = self._decoder.getstate()[0]
        if pending or not block or not block.isascii():
            self._decode(block, len(pending))
        self._line += block.count(b"\n")
        self.size += len(block)

    def _decode(self, block: bytes, pending: int) -> None:
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            start = error.start - pending
            line = self._line + block.count(b"\n", 0, max(start, 0))
            byte = error.object[error.start]
            where = f"line {line}: byte 0x{byte:02x} at offset {self._skipped + self.size + start}"
            raise self._refused(f"is not UTF-8 ({where})", "ISO-8859-1") from None

    def _refused(self, what: str, encoding: str) -> InputFileError:
        if (binary := _no_text(self._head)) is not None:
            kind, fix = binary
            return InputFileError(
                f"{self._name} is no text: {kind}", fix=fix or "name a file with sequences or records"
            )
        fix = f"iconv -f {encoding} -t UTF-8 {self._name} > fixed, then use the fixed file"
        return InputFileError(f"{self._name} {what}", fix=fix)


def _no_text(head: bytes) -> tuple[str, str] | None:
    """What a file is that begins so, and what to do with it; None where it may be text in some encoding."""
    for magic, known in _KNOWN_BINARIES.items():
        if head.startswith(magic):
            return known
    has_controls = any(byte < 32 and byte not in b"\0\t\n\f\r\x1b" for byte in head)
    return None if head.startswith(_UTF16_MARKS) or not has_controls else ("it holds control characters", "")
