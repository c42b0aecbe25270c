"""Reading records from a file, in the format that its ending says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from repro.data.fasta import read_fasta
from repro.data.formats import input_format, is_stream
from repro.data.jsonl import read_jsonl
from repro.data.parquet import count_parquet, read_parquet
from repro.data.source import check_input, is_pipe, open_text
from repro.data.table import count_table, read_table
from repro.errors import InputFileError

_LARGEST_COUNTED_BYTES = 1 << 30
_LARGEST_COUNTED_GZIP_BYTES = 64 << 20


def open_records(
    path: str | Path,
    *,
    sequence_key: str = "sequence",
    format: str | None = None,
    types: Mapping[str, type] | None = None,
) -> Iterator[dict[str, object]]:
    """The records of a file, one after the other, in bounded memory.

    That the file is there, readable, not empty and of a known format is checked at once; all else when its line is
    reached. Records of equal id are no error: results are told apart by their position (see `check_unique_ids`).

    Args:
        path: FASTA (`.fasta .fa .faa .fna`), JSONL (`.jsonl .ndjson`), CSV, TSV, all of these also with `.gz`, or
            `.parquet`; `-` is JSONL on standard input.
        sequence_key: the key under which a FASTA record has its sequence; its name is under `id`.
        format: `fasta`, `jsonl`, `csv`, `tsv` or `parquet`, where the ending does not say it.
        types: of a CSV's columns that are no text: `int`, `float` or `bool`.

    Raises:
        InputFileError: the file, or a line of it, cannot be taken; says which and what to do.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "antibodies.fasta"
    >>> _ = path.write_text(">heavy chain of 4D5\\nEVQLVES\\nGGGLVQP\\n")
    >>> list(open_records(path))
    [{'id': 'heavy', 'sequence': 'EVQLVESGGGLVQP'}]
    """
    name = input_format(path, format)
    check_input(path)
    readers: dict[str, Callable[[], Iterator[dict[str, object]]]] = {
        "fasta": lambda: read_fasta(path, sequence_key),
        "jsonl": lambda: read_jsonl(path),
        "csv": lambda: read_table(path, ",", types),
        "tsv": lambda: read_table(path, "\t", types),
        "parquet": lambda: read_parquet(path),
    }
    return readers[name]()


def count_records(path: str | Path, *, format: str | None = None) -> int | None:
    """How many records `path` has, for a progress bar; None where that cannot be told cheaply or at all.

    That is: standard input, pipes, over 1 GiB of text (64 MiB of gzip), and files that reading will find fault with.
    """
    name = input_format(path, format)
    if is_stream(path) or is_pipe(path):
        return None
    path = Path(path)
    try:
        if name == "parquet":
            return count_parquet(path)
        check_input(path)
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if path.stat().st_size > (_LARGEST_COUNTED_GZIP_BYTES if packed else _LARGEST_COUNTED_BYTES):
            return None
        return _count_text(path, name)
    except InputFileError:
        return None


def _count_text(path: Path, name: str) -> int:
    if name in ("csv", "tsv"):
        return count_table(path, "," if name == "csv" else "\t")
    with open_text(path) as text:
        if name == "fasta":
            return sum(1 for line in text if line.startswith(b">"))
        return sum(1 for line in text if line.strip())
