"""The records of an input file as a model takes them: renamed, divided, and checked before anything starts."""

from __future__ import annotations

import difflib
import itertools
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from repro.declared import fields_of
from repro.errors import InputError, InputFileError, RecordError

if TYPE_CHECKING:
    from repro.model import Model

_ABSENT = object()
_CHUNK_RECORDS = 1024
_QUICKLY_READ_BYTES = 1 << 30
_QUICKLY_READ_GZIP_BYTES = 64 << 20
_DELIMITERS = {"csv": ",", "tsv": "\t"}
_TYPED: Mapping[str, type] = {"whole number": int, "number": float, "yes or no": bool}


@dataclass(frozen=True)
class InputFile:
    """What is read, and how."""

    path: str | Path
    format: str | None = None
    """`fasta`, `jsonl`, `csv`, `tsv` or `parquet`; None: as the ending says."""
    mapping: Mapping[str, str] = field(default_factory=dict)
    """`{key: column}`: the column of that name is the model's key."""
    limit: int | None = None
    """Only so many records, from the first."""


class RecordSource:
    """The records of one input for one model.

    Args:
        file: the input.
        model: whose `Inputs` say which columns are for it. Without `Inputs` it gets every column.
        check: holds records, the first of them of that index, against what the model takes; by default its `Inputs`.

    Raises:
        InputFileError: the file is missing, empty or of no known format, or is FASTA and the model takes more than one
            text.
    """

    def __init__(
        self,
        file: InputFile,
        model: type[Model],
        check: Callable[[list[Mapping[str, object]], int], None] | None = None,
    ) -> None:
        from repro.data.formats import input_format, is_stream
        from repro.data.source import check_input, is_pipe

        self.file = file
        self.format = input_format(file.path, file.format)
        self.can_be_read_again = not (is_stream(file.path) or is_pipe(file.path))
        self._schema = model.schema()
        self._check_records = check or (self._schema.check if self._schema is not None else None)
        self._fields = fields_of(model.Inputs)
        self._may_be_left_out = {one.name for one in self._fields if not one.is_required}
        self._unseen: set[str] = set()
        self._sequence_key = _sequence_key(file, model) if self.format == "fasta" else ""
        self._ahead: Iterator[dict[str, object]] | None = None
        check_input(file.path)

    def check(self) -> int | None:
        """Check all records, where the file is quickly read, or else the first ones, and say how many there are.

        Returns:
            The number of records; None where not all were read.

        Raises:
            InputError: something is wrong with the file, with a record, or with the mapping; says where.
        """
        if self.can_be_read_again and _is_quickly_read(Path(self.file.path)):
            count = self._check(self.rows())
            if self._unseen:
                raise InputError(
                    f"{self._shown_name}: no record has a column {min(self._unseen)!r}", fix="correct --map"
                )
            return count
        source = self.rows()
        first = list(itertools.islice(source, _CHUNK_RECORDS))
        self._check(iter(first))
        if not self.can_be_read_again:
            self._ahead = itertools.chain(first, source)
        return None

    def rows(self, start: int = 0) -> Iterator[dict[str, object]]:
        """The rows of the file from number `start` on, with the keys that the model knows them by."""
        if self._ahead is not None:
            rows, self._ahead = self._ahead, None
            return rows
        return itertools.islice(self._all_rows(), start, self.file.limit)

    def split(self, row: Mapping[str, object]) -> tuple[Mapping[str, object], dict[str, object]]:
        """The record for the model, and the columns that are carried past it to the output.

        Raises:
            InputError: a carried column has a name that the output needs.
        """
        from repro.data.fields import split_record

        if self._schema is None:
            return row, {"id": row["id"]} if "id" in row else {}
        record, carried = split_record(row, self._schema.keys)
        return record, {"id": row["id"], **carried} if "id" in record else carried

    def takes(self, key: str) -> bool:
        """Whether the model gets the column of that name."""
        return self._schema is None or key in self._schema.keys

    def located(self, error: RecordError) -> RecordError:
        """The error with the file and line of its record, and with the columns that could have been meant."""
        line = self._line(error.index)
        where = f"{self._shown_name}, line {line}" if line is not None else self._shown_name
        fix = self._mapping_hint(error) or error.fix
        return RecordError(f"{where}: {error.message}", index=error.index, key=error.key, fix=fix)

    def _all_rows(self) -> Iterator[dict[str, object]]:
        from repro.data.readers import open_records

        rows = open_records(
            self.file.path,
            sequence_key=self._sequence_key,
            format=self.format,
            types=self._types(),
        )
        return self._renamed(rows) if self.file.mapping else rows

    def _renamed(self, rows: Iterator[dict[str, object]]) -> Iterator[dict[str, object]]:
        """The rows with columns under the names of their keys. A column whose key may be left out may be missing."""
        from repro.data.fields import map_keys

        optional = {column for key, column in self.file.mapping.items() if key in self._may_be_left_out}
        self._unseen = set(optional)
        whole = (self._padded(row, optional) for row in rows) if optional else rows
        for row in map_keys(whole, self.file.mapping):
            yield {key: value for key, value in row.items() if value is not _ABSENT}

    def _padded(self, row: dict[str, object], columns: set[str]) -> dict[str, object]:
        self._unseen -= row.keys()
        return {**row, **dict.fromkeys(columns - row.keys(), _ABSENT)}

    def _types(self) -> dict[str, type]:
        """The columns of a table that are no text, as the file calls them."""
        return {
            self.file.mapping.get(one.name, one.name): _TYPED[one.shown_type]
            for one in self._fields
            if one.shown_type in _TYPED
        }

    def _check(self, rows: Iterator[dict[str, object]]) -> int:
        count = 0
        while chunk := [self.split(row)[0] for row in itertools.islice(rows, _CHUNK_RECORDS)]:
            if self._check_records is not None:
                try:
                    self._check_records(chunk, count)
                except RecordError as error:
                    raise self.located(error) from None
            count += len(chunk)
        return count

    @property
    def _shown_name(self) -> str:
        from repro.data.formats import is_stream

        return "standard input" if is_stream(self.file.path) else str(self.file.path)

    def _line(self, index: int) -> int | None:
        """The line of a record, from 1, where a record can be told from a line."""
        from repro.data.source import open_text
        from repro.data.table import row_lines

        if not self.can_be_read_again or self.format == "parquet":
            return None
        if self.format in _DELIMITERS:
            return next(itertools.islice(row_lines(self.file.path, _DELIMITERS[self.format]), index, None), None)
        begins = (lambda line: line.startswith(b">")) if self.format == "fasta" else bytes.strip
        with open_text(self.file.path) as text:
            lines = (number for number, line in enumerate(text, 1) if begins(line))
            return next(itertools.islice(lines, index, None), None)

    def _mapping_hint(self, error: RecordError) -> str:
        """How a column gets the name of a key that a record does not have."""
        if error.key is None or not self.can_be_read_again:
            return ""
        row = next(self.rows(error.index), {})
        if error.key in row:
            return ""
        from repro.data.table import delimiter_hint, likely_delimiter

        if self.format in _DELIMITERS and (delimiter := likely_delimiter(list(row))):
            return delimiter_hint(delimiter)
        near = difflib.get_close_matches(error.key, row, n=1, cutoff=0.3)
        columns = ", ".join(map(repr, row))
        pair = shlex.quote(f"{error.key}={near[0]}") if near else f"{error.key}=COLUMN"
        return f"--map {pair} (the columns are: {columns})"


def _is_quickly_read(path: Path) -> bool:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return path.stat().st_size <= (_QUICKLY_READ_GZIP_BYTES if packed else _QUICKLY_READ_BYTES)


def _sequence_key(file: InputFile, model: type[Model]) -> str:
    """The key of a FASTA record's sequence: `sequence`, or the one text that the model needs."""
    if model.Inputs is None or "sequence" in file.mapping.values() or "sequence" in model.Inputs.model_fields:
        return "sequence"
    fields = model.Inputs.model_fields
    texts = [field.name for field in fields_of(model.Inputs) if field.is_required and field.shown_type == "text"]
    if len(texts) == 1:
        return texts[0]
    raise InputFileError(
        f"{file.path}: a FASTA record has one sequence, and {model.name} takes {', '.join(fields)}",
        fix=f"give a CSV with these columns, or say which one it is: --map {texts[0] if texts else 'KEY'}=sequence",
    )
