"""Whatever rows are written, the same come back, in every format that can hold them."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from repro.data.readers import count_records, open_records
from repro.data.writers import write_records

Row = dict[str, Any]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CELL_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
# A mark at the very start of a file is the file's, not the first column's.
COLUMN_NAME = CELL_TEXT.filter(lambda name: name.strip() and not name.startswith("\ufeff"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
DTYPES = hnp.floating_dtypes(sizes=(16, 32, 64)) | hnp.integer_dtypes(endianness="=") | hnp.boolean_dtypes()
INT64 = st.integers(-(2**63), 2**63 - 1)
SCALAR_COLUMNS = [INT64, st.floats(), st.booleans(), CELL_TEXT]


@st.composite
def columns(draw: st.DrawFn) -> list[Row]:
    """Rows whose columns hold scalars of one type, or arrays of one dtype; some values are missing."""
    count = draw(st.integers(1, 5))
    names = draw(st.lists(st.sampled_from(["a", "b c", "d.e", "ä"]), unique=True, min_size=1))
    values = {name: draw(st.one_of(*map(st.just, SCALAR_COLUMNS)) | arrays_of_a_column()) for name in names}
    rows = [{name: draw(values[name]) for name in names} for _ in range(count)]
    missing = draw(st.sets(st.tuples(st.integers(0, count - 1), st.sampled_from(names)), max_size=3))
    return [{n: v for n, v in row.items() if (index, n) not in missing} for index, row in enumerate(rows)]


@st.composite
def arrays_of_a_column(draw: st.DrawFn) -> st.SearchStrategy[Any]:
    """A strategy for arrays of one dtype and one number of dimensions, of one shape or of many."""
    dtype = draw(DTYPES)
    ndim = draw(st.integers(1, 3))
    shape: Any = draw(st.tuples(*[st.integers(0, 3)] * ndim))
    if draw(st.booleans()):
        shape = st.tuples(*[st.just(n) if draw(st.booleans()) else st.integers(0, 3) for n in shape])
    return hnp.arrays(dtype, shape)


def equal(one: Any, other: Any) -> bool:
    """Equal in value and kind; NaN is equal to NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return type(one) is type(other) and bool(one == other)


def plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def through(name: str, rows: list[Row], **options: Any) -> list[Row]:
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        assert write_records(path, rows) == len(rows)
        assert count_records(path) == len(rows)
        return list(open_records(path, **options))


@settings(deadline=None)
@given(st.lists(st.dictionaries(TEXT, JSON, max_size=4), min_size=1, max_size=5))
def test_jsonl_gives_back_every_json_value(rows: list[Row]) -> None:
    assert repr(through("a.jsonl", rows)) == repr(rows)


@settings(deadline=None)
@given(st.data(), st.lists(COLUMN_NAME, unique=True, min_size=1, max_size=3))
def test_tables_give_back_every_text(data: st.DataObject, names: list[str]) -> None:
    rows = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, CELL_TEXT)), min_size=1, max_size=5))
    assert through("a.csv", rows) == rows
    assert through("a.tsv", rows) == rows


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()), min_size=1))
def test_tables_give_back_every_number(values: list[tuple[int, float, bool]]) -> None:
    rows = [{"n": n, "x": x, "t": t} for n, x, t in values]
    assert repr(through("a.csv", rows, types={"n": int, "x": float, "t": bool})) == repr(rows)


@settings(max_examples=200, deadline=None)
@given(columns())
def test_parquet_gives_back_every_column(rows: list[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not names:
        return
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.parquet")
        write_records(path, rows)
        read = pq.read_table(path).to_pylist()
        again = list(open_records(path))
    for row, there, once_more in zip(rows, read, again, strict=True):
        for name in names:
            assert equal(plain(row.get(name)), there[name])
            assert equal(there[name], once_more[name])


@settings(max_examples=200, deadline=None)
@given(columns())
def test_npz_gives_back_every_field_by_the_documented_rules(rows: list[Row]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.npz")
        write_records(path, rows)
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    for name in dict.fromkeys(name for row in rows for name in row):
        read = field_of(arrays, name, len(rows))
        for row, value in zip(rows, read, strict=True):
            if name not in row:
                assert value is None
            elif isinstance(row[name], np.ndarray):
                assert value.dtype == row[name].dtype.newbyteorder("=")
                assert np.array_equal(value, row[name], equal_nan=value.dtype.kind == "f")
            else:
                assert equal(value.item(), row[name])


def field_of(arrays: dict[str, Any], name: str, count: int) -> list[Any]:
    """All values of a field, None where a row does not have it."""
    values: Any = arrays[name]
    if f"{name}__offsets" in arrays:
        values = [arrays[name][start:stop] for start, stop in pairwise(arrays[f"{name}__offsets"])]
    if f"{name}__shape" in arrays:
        values = [value.reshape(shape) for value, shape in zip(values, arrays[f"{name}__shape"], strict=True)]
    there = dict(zip(arrays.get(f"{name}__rows", range(count)), values, strict=True))
    return [there.get(index) for index in range(count)]
