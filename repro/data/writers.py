"""Writing results, in the format that the output's ending says.

A row is what came with the record and was not for the model (`id`, other columns) beside the model's answer, or beside
`{"error": {"type": ..., "message": ...}}` where the record failed.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from repro.data.chunks import Chunks
from repro.data.columns import Row, is_failed
from repro.data.formats import is_stream, output_format
from repro.data.jsonl import write_jsonl
from repro.data.npz import write_npz
from repro.data.output import check_writable, complete_file, output_errors, temporary_folder
from repro.data.parquet import check_pyarrow, write_parquet
from repro.data.table import write_table
from repro.errors import OutputError

_WRITERS: dict[str, Callable[[BinaryIO, Iterable[Row]], int]] = {
    "jsonl": write_jsonl,
    "csv": write_table,
    "tsv": partial(write_table, delimiter="\t"),
    "parquet": write_parquet,
    "npz": write_npz,
}


def check_output(path: str | Path, *, format: str | None = None) -> str:
    """See that `path` could be written, before anything expensive starts, and say in which format.

    Raises:
        OutputError: unknown ending, no such folder, folder not writable, disk full, a folder itself, no pyarrow.
    """
    name = output_format(path, format)
    if name == "parquet":
        check_pyarrow()
    if not is_stream(path):
        check_writable(Path(path))
    return name


def write_records(path: str | Path, rows: Iterable[Row], *, format: str | None = None) -> int:
    """Write all rows to `path`, or to standard output for `-`, and say how many there were.

    The file appears when it is complete, in place of one that was there, and never before. Memory is bounded by the
    largest group of rows that the format holds together, not by their number.

    Args:
        path: where to; the ending is the format.
        rows: the rows. All formats but JSONL go over them more than once, so an iterator, which can be gone over only
            once, is kept on the disk beside the output meanwhile.
        format: `jsonl`, `csv`, `tsv`, `parquet` or `npz`, where the ending does not say it.

    Raises:
        OutputError: the file cannot be written, or a row does not fit into the format.
    """
    name = output_format(path, format)
    if is_stream(path):
        return _to_stdout(_WRITERS[name], rows, name)
    with complete_file(Path(path)) as file, _repeatable(rows, name, Path(path)) as repeatable:
        return write_rows(file, repeatable, name)


def write_rows(file: BinaryIO, rows: Iterable[Row], format: str) -> int:
    """Write rows, which can be gone over more than once, into an open file, and say how many there were.

    Raises:
        OutputError: a row does not fit into the format.
    """
    return _WRITERS[format](file, rows)


def fitting(rows: Iterable[Row], format: str, what_fits: str = "") -> Iterator[Row]:
    """The rows as they are, after a try whether rows like these can be written in `format`.

    The first row whose record did not fail is written to nowhere, so that an embedding on its way into a CSV is told of
    after the first record, and not when all have been computed. `what_fits` is told as another way out.

    Raises:
        OutputError: the row does not fit into the format.
    """
    rows = iter(rows)
    for row in rows:
        if not is_failed(row):
            try:
                _WRITERS[format](io.BytesIO(), [row])
            except OutputError as error:
                error.fix += f", or {what_fits}" if what_fits else ""
                raise
            yield row
            break
        yield row
    yield from rows


def _to_stdout(write: Callable[[BinaryIO, Iterable[Row]], int], rows: Iterable[Row], name: str) -> int:
    stdout = sys.stdout.buffer
    with output_errors("standard output"), _repeatable(rows, name, None) as repeatable:
        try:
            count = write(stdout, _passed_on(repeatable, stdout) if name == "jsonl" else repeatable)
            stdout.flush()
        except BrokenPipeError:
            # What is still in the buffer would raise once more when the interpreter flushes it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
            raise
        return count


def _passed_on(rows: Iterable[Row], stdout: BinaryIO) -> Iterator[Row]:
    """The rows; each is with whoever reads standard output before the next is computed."""
    for row in rows:
        yield row
        stdout.flush()


@contextmanager
def _repeatable(rows: Iterable[Row], name: str, beside: Path | None) -> Iterator[Iterable[Row]]:
    """Rows that can be gone over again: an iterator is kept on the disk until the block ends."""
    if name == "jsonl" or iter(rows) is not rows:
        yield rows
        return
    with temporary_folder(beside) as folder:
        kept = Chunks(folder)
        kept.append(rows)
        kept.seal()
        yield kept
