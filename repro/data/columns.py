"""Rows seen as columns: what the formats that need all column names beforehand have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from repro.errors import OutputError

ERROR_KEY = "error"
ERROR_COLUMNS = ("error_type", "error_message")

Row = Mapping[str, object]


def is_failed(row: Row) -> bool:
    """Whether the row stands for a record that failed: `{"error": {"type": ..., "message": ...}}`."""
    error = row.get(ERROR_KEY)
    return isinstance(error, Mapping) and "type" in error


def column_names(rows: Iterable[Row]) -> list[str]:
    """Every key of any row, in the order in which they first appear; the columns of errors last.

    >>> column_names([{"id": "a", "error": {"type": "ValueError", "message": "no"}}, {"id": "b", "score": 1.0}])
    ['id', 'score', 'error_type', 'error_message']
    """
    names: dict[str, None] = {}
    for row in rows:
        if row.keys() - names.keys() or is_failed(row):
            names.update(dict.fromkeys(with_error_columns(row)))
    return errors_last(names)


def errors_last(names: Collection[str]) -> list[str]:
    """`names` with the columns of errors, where they are there, at the end."""
    return [*(name for name in names if name not in ERROR_COLUMNS), *(name for name in ERROR_COLUMNS if name in names)]


def groups(rows: Iterable[Row], most_rows: int, most_bytes: int) -> Iterator[list[Row]]:
    """The rows in lists of bounded size, errors as columns; a list holds at least one row, however large it is."""
    group: list[Row] = []
    group_bytes = 0
    for row in rows:
        group.append(with_error_columns(row))
        group_bytes += weight_bytes(row)
        if len(group) >= most_rows or group_bytes >= most_bytes:
            yield group
            group, group_bytes = [], 0
    if group:
        yield group


def weight_bytes(row: Row) -> int:
    """About how much memory a row takes: exact for arrays, roughly for all else."""
    return sum(_weight_bytes(value) for value in row.values())


def _weight_bytes(value: object) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, (list, tuple)):
        return 8 + sum(map(_weight_bytes, value))
    if isinstance(value, Mapping):
        return 8 + sum(map(_weight_bytes, value.values()))
    return int(getattr(value, "nbytes", 8))


def not_unicode(what: str, error: UnicodeEncodeError) -> OutputError:
    """The error for text with half a surrogate pair, which UTF-8 cannot hold."""
    fix = "choose an output that ends in .jsonl, or correct the text"
    return OutputError(f"{what} holds text that is not valid Unicode ({error.reason})", fix=fix)


def with_error_columns(row: Row) -> Row:
    """The row with its error, where it failed, as the two columns `error_type` and `error_message`."""
    if not is_failed(row):
        return row
    error = row[ERROR_KEY]
    assert isinstance(error, Mapping)
    flat = {key: value for key, value in row.items() if key != ERROR_KEY}
    return flat | {"error_type": error["type"], "error_message": error.get("message")}
