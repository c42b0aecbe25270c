"""The partial output of a run, so that an interrupted one goes on where it stopped (`--resume`).

Beside OUTPUT stands the folder `.OUTPUT.repro-partial` with the rows that are done and `run.json`, which says what run
they belong to. Only when all rows are done is OUTPUT written from them. A process that is killed at any moment, also
with -9, leaves either whole chunks of rows or none, so that what a resumed run writes is what an undisturbed one would.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from repro.data.chunks import Chunks
from repro.data.columns import Row
from repro.data.output import check_writable, output_errors, remove_unfinished
from repro.errors import InputError, OutputError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_RUN_FILE = "run.json"
_LAYOUT = 1
_LOCK_TIMEOUT_S = 0.5
_READ_BYTES = 1 << 20


def partial_folder(output: str | Path) -> Path:
    """Where the partial output of `output` is kept.

    >>> partial_folder("results/embeddings.parquet").name
    '.embeddings.parquet.repro-partial'
    """
    target = Path(output).resolve()
    return target.with_name(f".{target.name}.repro-partial")


def file_sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, for the fingerprint of a run."""
    import hashlib

    from repro.data.source import open_bytes

    digest = hashlib.sha256()
    with open_bytes(Path(path)) as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
    return digest.hexdigest()


class Spool:
    """The rows of one output that are done so far. Made by `Spool.open`; a context manager.

    While it is open no other process can open one for the same output. When the `with` block ends, also by an error or
    Ctrl-C, every row that was appended is on the disk.

    Attributes:
        discarded: how many rows of an earlier run were thrown away when this one started anew.

    >>> import tempfile
    >>> output = Path(tempfile.mkdtemp()) / "scores.jsonl"
    >>> with Spool.open(output, {"model": "tutorial"}, resume=False) as spool:
    ...     spool.append([{"output": "olleh"}])
    >>> with Spool.open(output, {"model": "tutorial"}, resume=True) as spool:
    ...     print(spool.done, list(spool.rows()))
    ...     spool.remove()
    1 [{'output': 'olleh'}]
    """

    def __init__(self, chunks: Chunks, lock: BaseFileLock, discarded: int) -> None:
        self._chunks = chunks
        self._lock = lock
        self.discarded = discarded

    @classmethod
    def open(
        cls,
        output: str | Path,
        fingerprint: Mapping[str, object],
        *,
        resume: bool,
        chunk_rows: int = 16384,
        chunk_seconds: float = 5.0,
    ) -> Spool:
        """Start the partial output of `output`, or go on with the one that is there.

        Args:
            output: the file that the rows are for.
            fingerprint: all that the rows depend on: model, environment, options, SHA-256 of the input; JSON values.
            resume: go on where the run with the same fingerprint stopped; otherwise what it left is thrown away.
            chunk_rows, chunk_seconds: rows go to the disk when there are so many, or after so many seconds; a process
                that is killed with -9 loses what it has computed since.

        Raises:
            InputError: what is there belongs to a run with another fingerprint; says what differs.
            OutputError: another process writes the same output, or the folder cannot be written.
        """
        folder = partial_folder(output)
        lock = _locked(Path(output))
        try:
            with output_errors(output):
                remove_unfinished(Path(output))
                discarded = 0
                if not (resume and _belongs_to(folder, fingerprint)):
                    discarded = _discard(folder)
                    _start(folder, fingerprint)
                return cls(Chunks(folder, most_rows=chunk_rows, most_seconds=chunk_seconds), lock, discarded)
        except BaseException:
            _unlock(lock)
            raise

    @property
    def done(self) -> int:
        """How many rows are there: the position in the input from which a run goes on."""
        return len(self._chunks)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows at the end. Raises OutputError: the disk is full, or a row holds what cannot be kept."""
        self._chunks.append(rows)

    def rows(self) -> Iterable[Row]:
        """All rows in order, arrays mapped; can be gone over any number of times."""
        self._chunks.seal()
        return self._chunks

    def remove(self) -> None:
        """Throw the partial output away: the output is written, or not wanted."""
        with output_errors(self._chunks.folder):
            _discard(self._chunks.folder)

    def close(self) -> None:
        """Put the last rows on the disk, if it was not removed, and let other processes open it."""
        try:
            if not self.done:
                self.remove()
            elif self._chunks.folder.exists():
                self._chunks.seal()
        finally:
            _unlock(self._lock)

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What ended the block is what the user has to know; that the disk is full too would hide it.
        with suppress(*([OutputError] if error else [])):
            self.close()


def _locked(output: Path) -> BaseFileLock:
    from filelock import FileLock, Timeout

    target = output.resolve()
    lock = FileLock(target.with_name(f".{target.name}.repro-lock"), timeout=_LOCK_TIMEOUT_S, thread_local=False)
    check_writable(output)  # before the lock, which makes folders that are not there
    with output_errors(output):
        try:
            lock.acquire()
        except Timeout:
            fix = "wait for it, or name another output"
            raise OutputError(f"{output} is being written by another process", fix=fix) from None
    return lock


def _unlock(lock: BaseFileLock) -> None:
    # Removed while it is held: a process that has opened it meanwhile sees that the name is gone, and starts over.
    Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _start(folder: Path, fingerprint: Mapping[str, object]) -> None:
    folder.mkdir()
    text = json.dumps({"layout": _LAYOUT, "fingerprint": fingerprint}, indent=2)
    unfinished = folder / f"{_RUN_FILE}.part"
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(folder / _RUN_FILE)


def _discard(folder: Path) -> int:
    """Remove the folder and say how many rows were in it. Without its run.json it counts as not there."""
    if not folder.exists():
        return 0
    count = len(Chunks(folder)) if (folder / _RUN_FILE).exists() else 0
    (folder / _RUN_FILE).unlink(missing_ok=True)
    shutil.rmtree(folder)
    return count


def _belongs_to(folder: Path, fingerprint: Mapping[str, object]) -> bool:
    """Whether there is a partial output, of this run. Raises InputError if it is of another one."""
    try:
        stored = json.loads((folder / _RUN_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    if stored["layout"] != _LAYOUT:
        return False
    given = json.loads(json.dumps(fingerprint))
    if differences := list(_differences(stored["fingerprint"], given)):
        raise InputError(
            f"{folder} is of another run and cannot be gone on with",
            cause="; ".join(differences),
            fix="run with the settings of that run, or without --resume to start anew",
        )
    return True


def _differences(stored: Any, given: Any, name: str = "") -> Iterator[str]:
    if isinstance(stored, dict) and isinstance(given, dict):
        for key in sorted(stored.keys() | given.keys()):
            yield from _differences(stored.get(key), given.get(key), f"{name}.{key}" if name else key)
    elif stored != given:
        yield f"{name} was {stored!r} and is {given!r} now"
