"""Rows kept on the disk in the order in which they came, in the form in which batches are exchanged with a worker.

Each chunk is a folder `NUMBER-ROWS` with a JSONL file and the arrays as `.npy`. It appears whole or not at all.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from repro.data.columns import Row, weight_bytes
from repro.data.output import output_errors
from repro.errors import OutputError
from repro.guest.exchange import ExchangeError, read_batch, write_batch

_ROWS_FILE = "rows.jsonl"
_UNFINISHED = "unfinished"


class Chunks:
    """Rows on the disk, to be gone over any number of times.

    Args:
        folder: an existing folder for the chunks. Those that are there already are taken over, up to the first that is
            missing; what comes after it would be out of place and is removed.
        most_rows, most_bytes, most_seconds: rows wait in memory until there are so many, or so much of them, or so
            much time has passed since the last chunk was written. What waits is lost when the process is killed.
    """

    def __init__(
        self, folder: Path, *, most_rows: int = 16384, most_bytes: int = 16 << 20, most_seconds: float = 5.0
    ) -> None:
        self.folder = folder
        self._most = (most_rows, most_bytes, most_seconds)
        self._chunks = _take_over(folder)
        self._waiting: list[Row] = []
        self._waiting_bytes = 0
        self._sealed_at = time.monotonic()

    def __len__(self) -> int:
        """How many rows there are, those that wait included."""
        return sum(count for _, count in self._chunks) + len(self._waiting)

    def append(self, rows: Iterable[Row]) -> None:
        """Add rows at the end.

        Raises:
            OutputError: the disk is full or not writable, or a row holds what cannot be kept.
        """
        most_rows, most_bytes, most_seconds = self._most
        for row in rows:
            self._waiting.append(row)
            self._waiting_bytes += weight_bytes(row)
            late = time.monotonic() - self._sealed_at >= most_seconds
            if late or len(self._waiting) >= most_rows or self._waiting_bytes >= most_bytes:
                self.seal()

    def seal(self) -> None:
        """Write the rows that wait to the disk."""
        self._sealed_at = time.monotonic()
        if not self._waiting:
            return
        chunk = self.folder / f"{len(self._chunks):08d}-{len(self._waiting)}"
        with output_errors(self.folder):
            self._write(chunk)
        self._chunks.append((chunk, len(self._waiting)))
        self._waiting, self._waiting_bytes = [], 0

    def _write(self, chunk: Path) -> None:
        unfinished = self.folder / _UNFINISHED
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir()
        try:
            write_batch(self._waiting, str(unfinished), _ROWS_FILE)
        except TypeError as error:
            raise OutputError(f"a row cannot be kept: {error}", fix="see what the model's `decode` gives") from error
        for file in unfinished.iterdir():
            _flush_to_disk(file)
        unfinished.rename(chunk)
        _flush_to_disk(self.folder)

    def __iter__(self) -> Iterator[Row]:
        """All rows in order, arrays mapped from the disk.

        Raises:
            OutputError: a chunk was damaged since it was written.
        """
        self.seal()
        for chunk, count in self._chunks:
            try:
                rows = read_batch(str(chunk), _ROWS_FILE)
            except ExchangeError as error:
                raise _damaged(chunk, str(error)) from error
            if len(rows) != count:
                raise _damaged(chunk, f"{len(rows)} of {count} rows are there")
            yield from rows


def _take_over(folder: Path) -> list[tuple[Path, int]]:
    """The chunks in a folder, in order, up to the first gap; those behind it are removed."""
    found: dict[int, tuple[Path, int]] = {}
    for entry in folder.iterdir():
        number, dash, count = entry.name.partition("-")
        if dash and number.isdecimal() and count.isdecimal():
            found[int(number)] = (entry, int(count))
    whole: list[tuple[Path, int]] = []
    while len(whole) in found:
        whole.append(found.pop(len(whole)))
    for stray, _ in found.values():
        shutil.rmtree(stray)
    return whole


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _damaged(chunk: Path, reason: str) -> OutputError:
    return OutputError(f"{chunk}: what was kept of the results is damaged: {reason}", fix="run again without --resume")
