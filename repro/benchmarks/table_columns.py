"""Columns of a CSV or TSV, by name: only those asked for are kept, and every error names file, line and column."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.data.source import CheckedText, nothing_in, open_text
from repro.data.table import delimiter_hint, likely_delimiter
from repro.errors import InputFileError

_LONGEST_CELL = 1 << 30
_SHOWN_COLUMNS = 12
_TAB_ENDINGS = (".tsv", ".tab", ".tsv.gz", ".tab.gz")
_MISSING = frozenset(["", "na", "n/a", "nan", "none", "null"])


@dataclass(frozen=True)
class Column:
    """A column's cells as text, and where they stand."""

    file: str
    name: str
    cells: list[str]
    lines: list[int]
    """The line in which each row begins, from 1; the same list for all columns of a file."""

    def place(self, row: int) -> str:
        """Where the cell of a row, from 0, stands: for an error message."""
        return f"{self.file}, line {self.lines[row]}, column {self.name!r}"

    def is_missing(self, row: int) -> bool:
        """Whether there is no value: the cell is empty, or says NaN, NA, None or null."""
        return self.cells[row].strip().lower() in _MISSING

    def numbers(self) -> list[float]:
        """A finite number a row.

        Raises:
            InputFileError: a cell is empty, no number or not finite; says which, and how many more are.
        """
        try:
            numbers = list(map(float, self.cells))
        except ValueError:
            numbers = []
        # Python also takes 1_000, which nothing else reads as a number.
        if (
            len(numbers) == len(self.cells)
            and all(map(math.isfinite, numbers))
            and not any("_" in c for c in self.cells)
        ):
            return numbers
        raise self._wrong_number()

    def number(self, row: int) -> float | None:
        """The number of one row; None where it is missing.

        Raises:
            InputFileError: the cell is no number or not finite.
        """
        if self.is_missing(row):
            return None
        if not _is_number(self.cells[row]):
            raise InputFileError(f"{self.place(row)}: {self.cells[row]!r} is no finite number", fix="correct the cell")
        return float(self.cells[row])

    def texts(self) -> list[str]:
        """A text a row.

        Raises:
            InputFileError: a cell is empty.
        """
        empty = next((row for row, cell in enumerate(self.cells) if not cell.strip()), None)
        if empty is not None:
            raise InputFileError(f"{self.place(empty)} is empty", fix="give every row a value")
        return [cell.strip() for cell in self.cells]

    def _wrong_number(self) -> InputFileError:
        wrong = [row for row, cell in enumerate(self.cells) if not _is_number(cell)]
        row, more = wrong[0], f" (and in {len(wrong) - 1:,} more rows)" if len(wrong) > 1 else ""
        if self.is_missing(row):
            fix = "give every row a value: a score over the rows that are left would be another score"
            return InputFileError(f"{self.place(row)}: the value is missing{more}", fix=fix)
        return InputFileError(
            f"{self.place(row)}: {self.cells[row]!r} is no finite number{more}", fix="correct the cell"
        )


def read_columns(path: str | Path, names: Sequence[str] | None = None) -> dict[str, Column]:
    """Columns by name, in the order asked for; where `names` is None the first one, and all others that have a name.

    Raises:
        InputFileError: the file cannot be read, has no rows, lacks a column or has it twice, or a row has too few or
            too many cells; names the line.
    """
    with open_text(path) as text:
        file, rows = text.name_shown, _numbered_rows(text, "\t" if _is_tsv(path) else ",")
        _, header = next(rows, (0, []))
        if not header:
            raise nothing_in(path, size=text.size)
        wanted = dict.fromkeys(names if names is not None else [header[0], *filter(str.strip, header[1:])])
        places = [_place_of(name, header, file) for name in wanted]
        lines, cells = _read_cells(rows, header, places, file)
    if not lines:
        raise InputFileError(f"{file} has a header and no rows", fix="add rows below the header")
    return {name: Column(file, name, column, lines) for name, column in zip(wanted, cells, strict=True)}


def column_names(path: str | Path) -> list[str]:
    """The names in the header of a file. Raises InputFileError, as `read_columns`."""
    with open_text(path) as text:
        return next(_numbered_rows(text, "\t" if _is_tsv(path) else ","), (0, []))[1]


def _is_tsv(path: str | Path) -> bool:
    return str(path).lower().endswith(_TAB_ENDINGS)


def _numbered_rows(text: CheckedText, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, and the line it begins in."""
    # The csv module's limit is one for the whole process; 128 KiB is less than a long complex.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    reader = csv.reader(io.TextIOWrapper(text, encoding="utf-8", newline="\n"), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            fix = 'a cell with a quote in it is written "...""...", and a quote that is opened is closed'
            raise InputFileError(f"{text.name_shown}, line {line} is not CSV: {error}", fix=fix) from None
        if cells is None:
            return
        if cells:
            yield line, cells


def _read_cells(
    rows: Iterator[tuple[int, list[str]]], header: list[str], places: list[int], file: str
) -> tuple[list[int], list[list[str]]]:
    width = len(header)
    lines: list[int] = []
    cells: list[list[str]] = [[] for _ in places]
    appends = [(column.append, place) for column, place in zip(cells, places, strict=True)]
    for line, row in rows:
        if len(row) != width:
            raise _wrong_width(file, line, row, header)
        lines.append(line)
        for append, place in appends:
            append(row[place])
    return lines, cells


def _wrong_width(file: str, line: int, row: list[str], header: list[str]) -> InputFileError:
    if len(row) < len(header):
        fix = f"cells are missing from {header[len(row)]!r} on; an empty cell still needs its delimiter"
    else:
        fix = 'a cell with a delimiter in it is quoted: "a,b"'
    return InputFileError(f"{file}, line {line} has {len(row)} cells, the header has {len(header)}", fix=fix)


def _place_of(name: str, header: list[str], file: str) -> int:
    found = [place for place, column in enumerate(header) if column == name]
    if len(found) == 1:
        return found[0]
    if found:
        said = " and ".join(str(place + 1) for place in found)
        raise InputFileError(f"{file}, line 1: columns {said} are both called {name!r}", fix="rename one of them")
    if delimiter := likely_delimiter(header):
        raise InputFileError(f"{file} has no column {name!r}", fix=delimiter_hint(delimiter))
    near = difflib.get_close_matches(name, header, n=1)
    shown = ", ".join(filter(None, header[:_SHOWN_COLUMNS])) + (", ..." if len(header) > _SHOWN_COLUMNS else "")
    fix = f"did you mean {near[0]!r}?" if near else f"there are: {shown}"
    raise InputFileError(f"{file}, line 1: there is no column {name!r}", fix=fix)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and "_" not in cell
    except ValueError:
        return False
