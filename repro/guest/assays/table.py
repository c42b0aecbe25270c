"""A CSV file as columns: one list a column, read in blocks, no object a row."""

import codecs
import csv
import io
import itertools
import math
import os
import shlex

from .errors import DatasetError

BLOCK = 4096
_MISSING = frozenset(["", "na", "n/a", "nan", "none", "null"])
_NAN = float("nan")
_NO_TEXT = "UTF-16 or no text at all"
_TRUTHS = {"true": 1.0, "false": 0.0}  # as pandas writes a column of classes


def read_header(stream, where):
    """The reader of a CSV stream and the names of its columns."""
    reader = csv.reader(stream, strict=True)
    with _csv_errors(where, reader):
        header = next(reader, None)
    if not header:
        raise DatasetError("%s is empty: it has no line with the names of the columns" % where)
    if "\0" in header[0]:
        raise _not_utf8(where, _NO_TEXT, "UTF-16")
    names = [name.strip() for name in header]
    twice = sorted({name for name in names if name and names.count(name) > 1})
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


def read_rows(reader, header, where):
    """The rows as tables of text by column, without blank lines. Raises DatasetError, as `read_columns`."""
    done = 0
    while True:
        with _csv_errors(where, reader):
            block = list(itertools.islice(reader, BLOCK))
        if not block:
            return
        block = _repaired(block, len(header), done, where)
        done += len(block)
        for row in block:
            yield {name: field.strip() for name, field in zip(header, row)}


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
    rows = [row for row in block if row]
    for index, row in enumerate(rows):
        if len(row) != width:
            raise DatasetError(
                "%s, row %d: %d fields, where the header names %d columns"
                % (where, before + index + 1, len(row), width)
            )
    return rows


def _number(value, name, row, where):
    text = value.strip()
    if text.lower() in _MISSING:
        return _NAN
    if text.lower() in _TRUTHS:
        return _TRUTHS[text.lower()]
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
            if "NUL" in str(error):  # as Python up to 3.10 says it
                raise _not_utf8(self._where, _NO_TEXT, "UTF-16") from None
            raise DatasetError("%s, line %d: %s" % (self._where, self._reader.line_num, error)) from None
        if kind is UnicodeDecodeError:
            raise undecodable(self._where, error) from None
        return False


def undecodable(where, error):
    """The DatasetError for a UnicodeDecodeError of the text of `where`, which says what it seems to be."""
    if bytes(error.object[:2]) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return _not_utf8(where, "UTF-16, not UTF-8", "UTF-16")
    if b"\0" in error.object:
        return _not_utf8(where, _NO_TEXT, "UTF-16")
    return _not_utf8(where, "not UTF-8: %s" % error.reason, "ISO-8859-1")


def _not_utf8(where, what, encoding):
    fix = "save it as CSV in UTF-8"
    if os.path.isfile(where):  # no member of an archive
        fix += ", or: iconv -f %s -t UTF-8 %s > fixed.csv" % (encoding, shlex.quote(where))
    return DatasetError("%s is %s" % (where, what), fix)
