"""Which file format a path means: told by its ending, or by name where the ending says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repro.errors import InputFileError, OutputError, ReproError

STREAM = "-"
"""Standard input or standard output."""

INPUT_ENDINGS: Mapping[str, str] = {
    ".fasta": "fasta",
    ".fa": "fasta",
    ".faa": "fasta",
    ".fna": "fasta",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
"""All but `.parquet` may be followed by `.gz`."""

OUTPUT_ENDINGS: Mapping[str, str] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".npz": "npz",
}


def is_stream(path: str | Path) -> bool:
    """Whether `path` is `-`."""
    return str(path) == STREAM


def input_format(path: str | Path, format: str | None = None) -> str:
    """The format that `path` is read in.

    Raises:
        InputFileError: the ending, or the name of the format, is not known.

    >>> input_format("antibodies.fa.gz"), input_format("-"), input_format("table.txt", format="tsv")
    ('fasta', 'jsonl', 'tsv')
    """
    name = str(path)
    plain = name[: -len(".gz")] if name.lower().endswith(".gz") else name
    return _format(plain, format, _Side(INPUT_ENDINGS, InputFileError, "read", "--input-format"))


def output_format(path: str | Path, format: str | None = None) -> str:
    """The format that `path` is written in.

    Raises:
        OutputError: the ending, or the name of the format, is not known.

    >>> output_format("embeddings.parquet"), output_format("-")
    ('parquet', 'jsonl')
    """
    found = _format(str(path), format, _Side(OUTPUT_ENDINGS, OutputError, "written", "--format"))
    if is_stream(path) and found in ("parquet", "npz"):
        raise OutputError(f"{found} is not text and cannot go to standard output", fix="name a file: -o FILE")
    return found


@dataclass(frozen=True)
class _Side:
    """What is told apart between what is read and what is written."""

    endings: Mapping[str, str]
    error: type[ReproError]
    verb: str
    option: str


def _format(name: str, format: str | None, side: _Side) -> str:
    known = sorted(set(side.endings.values()))
    if format is not None:
        if format not in known:
            fix = f"{side.option} takes {', '.join(known)}"
            raise side.error(f"{format!r} is not a format that can be {side.verb}", fix=fix)
        return format
    if name == STREAM:
        return "jsonl"
    ending = Path(name).suffix.lower()
    if ending not in side.endings:
        said = f"the ending {ending!r}" if ending else "a name without an ending"
        raise side.error(
            f"{name}: {said} does not say which format it is",
            fix=f"use one of {' '.join(side.endings)}, or say it: {side.option} {'|'.join(known)}",
        )
    return side.endings[ending]
