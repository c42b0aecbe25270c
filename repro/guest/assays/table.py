"""A CSV file as columns: one list a column, read in blocks, no object a row."""

import csv
import io
import itertools
import math

from .errors import DatasetError

BLOCK = 4096
_MISSING = frozenset(["", "na", "n/a", "nan", "none", "null"])
_NAN = float("nan")


def read_header(stream, where):
    """The reader of a CSV stream and the names of its columns."""
    reader = csv.reader(stream, strict=True)
    with _csv_errors(where, reader):
        header = next(reader, None)
    if not header:
        raise DatasetError("%s is empty: it has no line with the names of the columns" % where)
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DatasetError("%s has the column %s twice" % (where, ", ".join(map(repr, twice))))
    return reader, names


def read_columns(reader, header, wanted, numbers, where):
    """The wanted columns of all rows: lists of text, and of float for the `numbers` (NaN where a value is missing).

    Raises:
        DatasetError: a row has too many or too few fields, or a number is none; rows count from 1, below the header.
    """
    indices = [(name, header.index(name), name in numbers) for name in wanted]
    columns = {name: [] for name in wanted}
    width, done = len(header), 0
    while True:
        with _csv_errors(where, reader):
            block = list(itertools.islice(reader, BLOCK))
        if not block:
            return columns
        if set(map(len, block)) != {width}:
            block = _repaired(block, width, done, where)
        for name, index, is_number in indices:
            values = [row[index] for row in block]
            columns[name].extend(to_numbers(values, name, done, where) if is_number else values)
        done += len(block)


def to_numbers(values, name, before, where):
    """Text as floats; what is missing is NaN.

    >>> to_numbers(["1.5", "", "-2e3"], "score", 0, "assay.csv")
    [1.5, nan, -2000.0]
    """
    try:
        numbers = list(map(float, values))
    except ValueError:
        numbers = [_number(value, name, before + index + 1, where) for index, value in enumerate(values)]
    if math.inf in numbers or -math.inf in numbers or "_" in "".join(values):
        for index, value in enumerate(values):
            _number(value, name, before + index + 1, where)
    return numbers


def write_columns(columns):
    """The bytes of a CSV file, in chunks. Floats are written so that they are read back the same; NaN is empty."""
    names = list(columns)
    rows = len(columns[names[0]])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for start in range(0, rows, BLOCK):
        writer.writerows(zip(*(_texts(columns[name][start : start + BLOCK]) for name in names)))
        yield buffer.getvalue().encode("utf-8")
        buffer.seek(0)
        buffer.truncate()
    if not rows:
        yield buffer.getvalue().encode("utf-8")


def _texts(values):
    if isinstance(values[0], str):
        return values
    return ["" if value != value else repr(value) for value in values]


def _repaired(block, width, before, where):
    """The rows without blank lines. Raises DatasetError for a row that is not as wide as the header."""
    for index, row in enumerate(block):
        if row and len(row) != width:
            raise DatasetError(
                "%s, row %d: %d fields, where the header names %d columns"
                % (where, before + index + 1, len(row), width)
            )
    return [row for row in block if row]


def _number(value, name, row, where):
    text = value.strip()
    if text.lower() in _MISSING:
        return _NAN
    try:
        number = float(text)
    except ValueError:
        number = None
    if number is None or math.isinf(number) or "_" in text:
        raise DatasetError("%s, row %d, column %r: %r is no number" % (where, row, name, value[:60]))
    return number


class _csv_errors:  # noqa: N801 (reads as a with statement)
    def __init__(self, where, reader):
        self._where, self._reader = where, reader

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is not None and issubclass(kind, csv.Error):
            raise DatasetError("%s, line %d: %s" % (self._where, self._reader.line_num, error)) from None
        if kind is UnicodeDecodeError:
            raise DatasetError("%s is not UTF-8: %s" % (self._where, error.reason)) from None
        return False
