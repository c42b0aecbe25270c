"""An output file that appears only when it is complete: written under another name beside it, then renamed."""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from repro.errors import OutputError

if TYPE_CHECKING:
    from typing_extensions import Buffer

_BUFFER_BYTES = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)
_NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def complete_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it takes the place of `path` when the block ends well, and is removed when it does not.

    A pipe or a device is written as it stands, since no other file can take its place.

    Raises:
        OutputError: it cannot be written; says why and what to do.
    """
    target = path.resolve()
    if _is_pipe(target):
        with _open(target, "wb", path) as file:
            yield file
        return
    unfinished = _unfinished(target)
    try:
        with _open(unfinished, "xb", path) as file:
            yield file
            file.flush()
            with output_errors(path):
                os.fsync(file.fileno())
        with output_errors(path):
            unfinished.replace(target)
    except BaseException:
        with suppress(OSError):  # what went wrong first is what is told
            unfinished.unlink()
        raise


class _ToldWrites(io.FileIO):
    """A file whose own errors, and no others that come up while it is open, are told as errors of the output."""

    def __init__(self, path: Path, mode: str, output: Path) -> None:
        self._output = output
        super().__init__(path, mode)

    def write(self, data: Buffer) -> int:
        with output_errors(self._output):
            return super().write(data)


def _open(path: Path, mode: str, output: Path) -> BinaryIO:
    with output_errors(output):
        return io.BufferedWriter(_ToldWrites(path, mode, output), _BUFFER_BYTES)


def _unfinished(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.urandom(4).hex()}.part")


@contextmanager
def temporary_folder(beside: Path | None) -> Iterator[Path]:
    """A folder for the time of the block: beside an output, or where the system keeps such things."""
    import tempfile

    target = beside.resolve() if beside else None
    prefix = f".{target.name}." if target else "repro-"
    with tempfile.TemporaryDirectory(prefix=prefix, suffix=".part", dir=target and target.parent) as folder:
        yield Path(folder)


def remove_unfinished(path: Path) -> None:
    """Remove what writers of `path` that were killed left behind. Only who holds the lock on `path` may do this."""
    target = path.resolve()
    for left in target.parent.iterdir():
        if left.name.startswith(f".{target.name}.") and left.name.endswith(".part"):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def check_writable(path: Path) -> None:
    """Try whether `path` could be written, and leave no trace.

    Raises:
        OutputError: its folder is not there or not writable, the disk is full, or `path` is a folder.
    """
    target = path.resolve()
    with output_errors(path):
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _is_pipe(target):
            return
        probe = _unfinished(target)
        try:
            with probe.open("xb") as file:
                file.write(b"\0")
        finally:
            probe.unlink(missing_ok=True)


@contextmanager
def output_errors(path: Path | str) -> Iterator[None]:
    """Turn the system's errors in the block into an `OutputError` about `path`."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: Path | str, error: OSError) -> OutputError:
    """What the system's error means for the user who wants `path` written."""
    if isinstance(error, BrokenPipeError):
        return OutputError("whoever read the output stopped reading", cause=f"{path} is a closed pipe")
    folder = Path(path).parent
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        return OutputError(f"{path} cannot be written: the disk is full", cause=reason, fix=f"df -h {folder}")
    if error.errno in _NOT_WRITABLE or (error.errno == errno.ENOENT and folder.is_dir()):  # as in /proc
        fix = f"choose another folder: -o FOLDER/{Path(path).name}"
        return OutputError(f"{path} cannot be written: {folder} is not writable", cause=reason, fix=fix)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(f"{path} cannot be written: there is no folder {folder}", fix=f"mkdir -p {folder}")
    if error.errno == errno.EISDIR:
        fix = f"name a file in it: -o {Path(path) / 'results.jsonl'}"
        return OutputError(f"{path} is a folder, not a file", fix=fix)
    return OutputError(f"{path} cannot be written: {reason}")


def _is_pipe(path: Path) -> bool:
    with suppress(FileNotFoundError):
        mode = path.stat().st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
    return False
