"""CSV and TSV: a header line, then a record a row. Every cell is text unless a type is asked for."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from repro.data.columns import column_names, not_unicode, with_error_columns
from repro.data.jsonl import number_text
from repro.data.source import CheckedText, nothing_in, open_text
from repro.errors import InputFileError, OutputError

_LONGEST_CELL = 1 << 30
_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_TRUTH = {"true": True, "1": True, "false": False, "0": False}


# ------------------------------------------------------------------------------------------------------------ reading


def read_table(
    path: str | Path, delimiter: str = ",", types: Mapping[str, type] | None = None
) -> Iterator[dict[str, object]]:
    """Rows as they are read: `{column: text}`; blank lines are passed over.

    Args:
        path: the file.
        delimiter: `,` or a tab.
        types: `int`, `float` or `bool` for the columns that are no text. An empty cell of such a column is a key that
            is not given, and is left out of the record.

    Raises:
        InputFileError: no header, a column name that is missing or there twice, a row with too few or too many cells,
            a quote that is not closed, a cell that is not of its type; names the line and the column.
    """
    with open_text(path) as text:
        rows = _numbered_rows(text, delimiter)
        _, header = next(rows, (0, []))
        if not header:
            raise nothing_in(path, size=text.size)
        _check_header(header, text.name_shown)
        convert = _converters(header, types or {})
        empty = True
        for line, cells in rows:
            if len(cells) != len(header):
                raise _wrong_width(text.name_shown, line, cells, header)
            empty = False
            row: dict[str, object] = dict(zip(header, cells, strict=True))
            if convert:
                _convert_row(row, convert, f"{text.name_shown}, line {line}")
            yield row
        if empty:
            raise InputFileError(f"{text.name_shown} has a header and no rows", fix="add rows below the header")


def count_table(path: str | Path, delimiter: str = ",") -> int:
    """How many rows stand below the header."""
    with open_text(path) as text:
        return max(sum(1 for _ in _numbered_rows(text, delimiter)) - 1, 0)


def row_lines(path: str | Path, delimiter: str = ",") -> Iterator[int]:
    """The line in which each row below the header starts, from 1."""
    with open_text(path) as text:
        for line, _ in islice(_numbered_rows(text, delimiter), 1, None):
            yield line


def likely_delimiter(header: Sequence[str]) -> str:
    """What seems to separate the columns of a header that was read as one column; empty where nothing does.

    >>> likely_delimiter(["id;sequence"]), likely_delimiter(["id", "sequence"])
    (';', '')
    """
    if len(header) != 1:
        return ""
    return next((delimiter for delimiter in ("\t", ";", "|", ",") if delimiter in header[0]), "")


def delimiter_hint(delimiter: str) -> str:
    """What to do about a table whose columns are separated by something else than its ending says."""
    said = {"\t": "a tab", ",": "','"}.get(delimiter, repr(delimiter))
    formats = {"\t": "--input-format tsv", ",": "--input-format csv"}
    way_out = formats.get(delimiter, "write it with ',' between the columns (pandas: read_csv(..., sep=None))")
    return f"the separator seems to be {said}: {way_out}"


def _numbered_rows(text: CheckedText, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not blank, and the line it starts in."""
    # The csv module's limit is one for the whole process; 128 KiB is less than a long genome or protein complex.
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    # newline="\n" and not "": a CR alone ends no line, so that line numbers are those of an editor.
    reader = csv.reader(io.TextIOWrapper(text, encoding="utf-8", newline="\n"), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _not_csv(text.name_shown, line, str(error)) from None
        if cells is None:
            return
        if cells:
            yield line, cells


def _not_csv(name: str, line: int, reason: str) -> InputFileError:
    if "unexpected end of data" in reason:
        return InputFileError(f"{name}, line {line}: a quote is opened and never closed", fix='close it: "..."')
    if "new-line character" in reason:
        fix = "quote the cell, or change the line ends: tr '\\r' '\\n'"
        return InputFileError(f"{name}, line {line}: a CR stands outside of quotes", fix=fix)
    fix = 'a cell with a quote in it is written "...""..."'
    return InputFileError(f"{name}, line {line} is not CSV: {reason}", fix=fix)


def _check_header(header: list[str], name: str) -> None:
    for number, column in enumerate(header, 1):
        if not column.strip():
            fix = "give it one (pandas: to_csv(..., index=False) leaves its row numbers out)"
            raise InputFileError(f"{name}, line 1: column {number} has no name", fix=fix)
        if (first := header.index(column) + 1) != number:
            fix = "rename one of them"
            raise InputFileError(f"{name}, line 1: columns {first} and {number} are both called {column!r}", fix=fix)


def _wrong_width(name: str, line: int, cells: list[str], header: list[str]) -> InputFileError:
    if delimiter := likely_delimiter(header):
        fix = delimiter_hint(delimiter)
    elif len(cells) < len(header):
        fix = f"cells are missing from {header[len(cells)]!r} on; an empty cell still needs its delimiter"
    else:
        fix = 'a cell with a delimiter in it is quoted: "a,b"'
    return InputFileError(f"{name}, line {line} has {len(cells)} cells, the header has {len(header)}", fix=fix)


def _converters(header: list[str], types: Mapping[str, type]) -> dict[str, Callable[[str], object]]:
    known: dict[type, Callable[[str], object]] = {int: _whole_number, float: _number, bool: _truth}
    return {key: known[kind] for key, kind in types.items() if key in header and kind in known}


def _convert_row(row: dict[str, object], convert: Mapping[str, Callable[[str], object]], where: str) -> None:
    for column, converter in convert.items():
        cell = str(row[column]).strip()
        if not cell:
            del row[column]
            continue
        try:
            row[column] = converter(cell)
        except ValueError as error:
            raise InputFileError(f"{where}, column {column!r}: {cell!r} is {error}", fix="correct the cell") from None


def _whole_number(cell: str) -> int:
    if not _WHOLE_NUMBER.fullmatch(cell):
        raise ValueError("no whole number")
    return int(cell)


def _number(cell: str) -> float:
    # Python also takes 1_000, which nothing else reads as a number.
    try:
        number = math.nan if "_" in cell else float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("no finite number")
    return number


def _truth(cell: str) -> bool:
    if cell.lower() not in _TRUTH:
        raise ValueError("neither true nor false")
    return _TRUTH[cell.lower()]


# ------------------------------------------------------------------------------------------------------------ writing


def write_table(file: BinaryIO, rows: Iterable[Mapping[str, object]], delimiter: str = ",") -> int:
    """Write a header and a line a row, and say how many rows there were. `rows` is iterated twice.

    None and a key that is not there are empty cells; NaN and infinities are written as in JSONL.

    Raises:
        OutputError: a value is an array, a list or a dict, which a cell cannot hold; names the row and the column.
    """
    header = column_names(rows)
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    count = 0
    try:
        write = _row_writer(text, delimiter)
        write(header)
        for count, row in enumerate(map(with_error_columns, rows), 1):
            write([cell_text(row.get(column), column, count - 1) for column in header])
    finally:
        text.detach()
    return count


def _row_writer(text: io.TextIOWrapper, delimiter: str) -> Callable[[list[str]], None]:
    minimal = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    # The csv module leaves a CR without quotes when it is no part of the line end, and then cannot read it back.
    quoting = csv.writer(text, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(cells: list[str]) -> None:
        (quoting if any("\r" in cell for cell in cells) else minimal).writerow(cells)

    return write


def cell_text(value: Any, column: str, index: int) -> str:
    """What stands in the cell of a value.

    >>> cell_text(0.5, "score", 0), cell_text(True, "heavy", 0), cell_text(None, "id", 0)
    ('0.5', 'true', '')
    """
    if isinstance(value, str):
        return _text(value, column, index)
    if hasattr(value, "dtype") and value.shape == ():
        value = value.item()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    raise _no_cell("an array" if hasattr(value, "dtype") else f"a {type(value).__name__}", column, index)


def _text(value: str, column: str, index: int) -> str:
    if "\0" in value:
        raise _no_cell("text with a NUL byte", column, index)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise not_unicode(f"row {index}, {column!r}", error) from error
    return str(value)


def _no_cell(what: str, column: str, index: int) -> OutputError:
    fix = "choose an output that ends in .parquet, .npz or .jsonl"
    return OutputError(f"row {index}, {column!r}: {what} does not fit into a cell of a table", fix=fix)
