"""Parquet, by pyarrow (the extra `parquet`).

Written: an array of one dimension is a list of its dtype, of a fixed size where every row has one of the same length;
one of more dimensions is a list of lists. A key that a row does not have is null. NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from repro.data.arrays import ArrayKind, exactly, is_array, plain_scalar, widened
from repro.data.columns import Row, errors_last, groups, not_unicode
from repro.data.source import open_bytes
from repro.errors import InputFileError, OutputError

_ROWS_READ = 1024
_ROWS_PER_GROUP = 8192
_BYTES_PER_GROUP = 64 << 20
_INSTALL = "pip install pyarrow"


# ------------------------------------------------------------------------------------------------------------ reading


def read_parquet(path: str | Path) -> Iterator[dict[str, object]]:
    """Rows as they are read; nulls are None, lists are lists; dates, times and decimals come as text.

    Raises:
        InputFileError: it is no Parquet file, cut or damaged, has no rows, or a column that no record can hold.
    """
    with open_bytes(Path(path)) as file, _reading(path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pq.ParquetFile(file, pre_buffer=False)
        columns = _readable_columns(table.schema_arrow, path)
        if not table.metadata.num_rows:
            raise InputFileError(f"{path} has no rows", fix="see whether the step that should have written it worked")
        for batch in table.iter_batches(batch_size=_ROWS_READ):
            yield from pa.Table.from_batches([batch]).cast(columns).to_pylist()


def count_parquet(path: Path) -> int:
    """How many rows the file says it has."""
    with open_bytes(path) as file, _reading(path):
        import pyarrow.parquet as pq

        return int(pq.ParquetFile(file).metadata.num_rows)


@contextmanager
def _reading(path: str | Path) -> Iterator[None]:
    try:
        import pyarrow as pa
    except ModuleNotFoundError:
        raise InputFileError(f"{path}: reading Parquet needs pyarrow", fix=_INSTALL) from None
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        fix = "copy or download it again"
        raise InputFileError(f"{path} is no Parquet file, or is cut or damaged: {error}", fix=fix) from error


def _readable_columns(schema: Any, path: str | Path) -> Any:
    """The schema that rows are handed on in."""
    import pyarrow as pa
    from pyarrow import types

    fields = []
    for field in schema:
        if schema.names.count(field.name) > 1:
            raise InputFileError(f"{path} has two columns called {field.name!r}", fix="rename one of them")
        as_text = types.is_temporal(field.type) or types.is_decimal(field.type)
        if not as_text and not _is_plain(field.type):
            fix = "leave the column out, or write it as text, numbers or lists of them"
            raise InputFileError(f"{path}: column {field.name!r} is of type {field.type}", fix=fix)
        fields.append(field.with_type(pa.string()) if as_text else field)
    return pa.schema(fields)


def _is_plain(kind: Any) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        return _is_plain(kind.value_type)
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return _is_plain(kind.value_type)
    if types.is_struct(kind):
        return all(_is_plain(kind.field(index).type) for index in range(kind.num_fields))
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind)
    return bool(is_text or is_number or types.is_null(kind))


# ------------------------------------------------------------------------------------------------------------ writing


def write_parquet(file: BinaryIO, rows: Iterable[Row]) -> int:
    """Write all rows, in groups of bounded size, and say how many there were. `rows` is iterated twice.

    Raises:
        OutputError: the values of a column are of different types, or of one that Parquet does not have.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = _scan(rows)
    schema = pa.schema([(column.name, column.kind) for column in columns])
    count = 0
    with _writing("the table"), pq.ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            arrays = [column.arrow([row.get(column.name) for row in group]) for column in columns]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


def check_pyarrow() -> None:
    """Raises OutputError where pyarrow is not installed."""
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError:
        raise OutputError("writing Parquet needs pyarrow", fix=_INSTALL) from None


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    return groups(rows, _ROWS_PER_GROUP, _BYTES_PER_GROUP)


def _scan(rows: Iterable[Row]) -> list[_Column]:
    """All columns, each after a look at every value in it."""
    columns: dict[str, _Column] = {}
    count = 0
    for group in _groups(rows):
        count += len(group)
        for name in dict.fromkeys(chain.from_iterable(group)):
            columns.setdefault(name, _Column(name)).look_at([row.get(name) for row in group])
    for column in columns.values():
        column.settle(count)
    return [columns[name] for name in errors_last(columns)]


class _Column:
    """A column of the table: which Arrow type holds all its values, and the values in that type."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._arrays: ArrayKind | None = None
        self._array_count = 0
        self._plain: Any = None

    def look_at(self, values: list[Any]) -> None:
        """Widen the type so that it holds these values too."""
        for array in filter(is_array, values):
            self._arrays = widened(self._arrays, array, self.name)
            self._array_count += 1
        plain = [plain_scalar(value) for value in values if not is_array(value)]
        with _writing(f"column {self.name!r}"):
            self._plain = _unified(self._plain, plain)

    def settle(self, row_count: int) -> None:
        """Decide, after all rows, whether the arrays can be lists of a fixed size."""
        if self._arrays is not None and self._array_count < row_count:
            # pyarrow before 26 cannot read a fixed-size list that is null back from Parquet.
            self._arrays = replace(self._arrays, shape=(None, *self._arrays.shape[1:]))

    @property
    def kind(self) -> Any:
        import pyarrow as pa

        if self._arrays is None:
            return pa.null() if self._plain is None else self._plain
        if self._plain is not None and self._plain != pa.null():
            raise _mixed(f"column {self.name!r}", f"arrays and values of type {self._plain}")
        with _writing(f"column {self.name!r}"):
            return _list_type(self._arrays)

    def arrow(self, values: list[Any]) -> Any:
        """The values as an Arrow array."""
        import pyarrow as pa

        with _writing(f"column {self.name!r}"):
            if self._arrays is None:
                return pa.array([plain_scalar(value) for value in values], type=self.kind)
            return _list_array(values, self._arrays, self.name)


def _unified(kind: Any, values: list[Any]) -> Any:
    import pyarrow as pa

    found = pa.array(values).type
    if kind is None or kind == found:
        return found
    schemas = [pa.schema([("value", one)]) for one in (kind, found)]
    return pa.unify_schemas(schemas, promote_options="permissive").field(0).type


@contextmanager
def _writing(what: str) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except UnicodeEncodeError as error:
        raise not_unicode(what, error) from error
    except (pa.ArrowException, OverflowError) as error:
        raise _mixed(what, str(error)) from error


def _mixed(what: str, reason: str) -> OutputError:
    fix = "choose an output that ends in .jsonl, or make the values of one type"
    return OutputError(f"{what} does not fit into Parquet: {reason}", fix=fix)


def _list_type(arrays: ArrayKind) -> Any:
    import pyarrow as pa

    kind = pa.from_numpy_dtype(arrays.dtype)
    for length in reversed(arrays.shape):
        kind = pa.list_(kind, length) if length else pa.list_(kind)
    return kind


def _list_array(values: list[Any], arrays: ArrayKind, column: str) -> Any:
    """Lists in lists, built from the inside out around the flat values of all rows."""
    import numpy as np
    import pyarrow as pa

    stand_in = np.zeros([length or 0 for length in arrays.shape], arrays.dtype)
    filled = [stand_in if value is None else exactly(value, arrays.dtype, column) for value in values]
    level = pa.array(np.concatenate([array.reshape(-1) for array in filled]))
    for axis in reversed(range(len(arrays.shape))):
        if length := arrays.shape[axis]:
            level = pa.FixedSizeListArray.from_arrays(level, length)
            continue
        outer = [math.prod(array.shape[:axis]) for array in filled]
        lengths = np.repeat([array.shape[axis] for array in filled], outer)
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
        missing = pa.array([value is None for value in values]) if axis == 0 else None
        level = pa.ListArray.from_arrays(offsets, level, mask=missing)
    return level
