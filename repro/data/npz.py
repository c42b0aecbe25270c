"""NumPy's `.npz`: one array a field, row by row, loadable with `numpy.load(path)` and no pickle.

Each row of the result is an entry of every field. What a field called `x` becomes:

- numbers, truth values or text: `x`, one value a row.
- arrays (or lists) of one shape: `x`, stacked along a new first axis.
- arrays that differ in the length of their first axis alone: `x`, joined along it, and `x__offsets`: entry i is
  `x[offsets[i]:offsets[i + 1]]`.
- arrays that differ in other axes too: `x`, all numbers one behind the other, `x__offsets` into them, and `x__shape`,
  the shape of each entry.
- text that would take over 256 MiB if every entry were padded to the longest: `x__utf8`, all text one behind the other
  as UTF-8 bytes, and `x__offsets` into it.
- a field that some rows do not have (or have as None), such as those that failed: the entries that there are, and
  `x__rows`, which row each belongs to.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any, BinaryIO

from repro.data.arrays import ArrayKind, exactly, no_fit, widened
from repro.data.columns import Row, errors_last, with_error_columns
from repro.errors import OutputError

if TYPE_CHECKING:
    import numpy as np

    from repro.data.arrays import Array

_MOST_PADDED_BYTES = 256 << 20
_BLOCK_BYTES = 1 << 20
_SAME_TIME_ALWAYS = (1980, 1, 1, 0, 0, 0)  # so that the same rows give the same file, byte for byte


def write_npz(file: BinaryIO, rows: Iterable[Row]) -> int:
    """Write all rows and say how many there were. `rows` is iterated once for a first look and once for each array.

    Raises:
        OutputError: a field holds what no array can hold, or values of different types.
    """
    count, fields = _scan(rows)
    members = [member for field in fields for member in _members(field, rows, count)]
    names = [member.name for member in members]
    if twice := [name for name in names if names.count(name) > 1]:
        raise OutputError(f"two arrays of the .npz file would be called {twice[0]!r}", fix="rename a column")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for member in members:
            _write(archive, member)
    return count


@dataclass
class _Field:
    """What a first look at all rows tells about one field."""

    name: str
    kind: ArrayKind | None = None
    entries: int = 0
    first_axis: int = 0
    """Sum of the lengths along the first axis."""
    numbers: int = 0
    """Sum of the sizes."""
    utf8_bytes: int = 0

    def look_at(self, value: Any) -> None:
        entry = _entry(value, self.name)
        if entry is None:
            return
        self.kind = widened(self.kind, entry, self.name)
        self.entries += 1
        self.numbers += entry.size
        self.first_axis += entry.shape[0] if entry.shape else 0
        if isinstance(value, str):
            self.utf8_bytes += len(value.encode("utf-8", "surrogatepass"))

    @property
    def dtype(self) -> np.dtype[Any]:
        import numpy as np

        if self.kind is None:
            return np.dtype(np.float64)
        return np.promote_types(self.kind.dtype, "<U1") if self.kind.dtype.kind == "U" else self.kind.dtype

    @property
    def shape(self) -> tuple[int | None, ...]:
        return () if self.kind is None else self.kind.shape


@dataclass(frozen=True)
class _Member:
    """One array of the file: its header, and its bytes piece by piece."""

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    pieces: Iterable[bytes]


def _scan(rows: Iterable[Row]) -> tuple[int, list[_Field]]:
    fields: dict[str, _Field] = {}
    count = 0
    for row in map(with_error_columns, rows):
        count += 1
        for name, value in row.items():
            if name not in fields:
                fields[name] = _Field(name)
            fields[name].look_at(value)
    return count, [fields[name] for name in errors_last(fields)]


# ------------------------------------------------------------------------------------------------------------ members


def _members(field: _Field, rows: Iterable[Row], count: int) -> Iterator[_Member]:
    import numpy as np

    int64 = np.dtype(np.int64)
    ndim, entries = len(field.shape), field.entries
    if field.entries < count:
        yield _Member(f"{field.name}__rows", int64, (entries,), _row_numbers(field, rows))
    if not ndim and field.dtype.kind == "U" and field.entries * field.dtype.itemsize > _MOST_PADDED_BYTES:
        yield _Member(f"{field.name}__utf8", np.dtype(np.uint8), (field.utf8_bytes,), _texts(field, rows))
        yield _Member(f"{field.name}__offsets", int64, (entries + 1,), _offsets(map(len, _texts(field, rows))))
    elif None not in field.shape:
        yield _Member(field.name, field.dtype, (entries, *_known(field.shape)), _values(field, rows))
    elif None not in field.shape[1:]:
        lengths = (entry.shape[0] for entry in _entries(field, rows))
        yield _Member(field.name, field.dtype, (field.first_axis, *_known(field.shape[1:])), _values(field, rows))
        yield _Member(f"{field.name}__offsets", int64, (entries + 1,), _offsets(lengths))
    else:
        sizes = (entry.size for entry in _entries(field, rows))
        shapes = (np.array(entry.shape, int64).tobytes() for entry in _entries(field, rows))
        yield _Member(field.name, field.dtype, (field.numbers,), _values(field, rows))
        yield _Member(f"{field.name}__offsets", int64, (entries + 1,), _offsets(sizes))
        yield _Member(f"{field.name}__shape", int64, (entries, ndim), shapes)


def _known(shape: tuple[int | None, ...]) -> Iterator[int]:
    return (length for length in shape if length is not None)


def _entries(field: _Field, rows: Iterable[Row]) -> Iterator[Array]:
    for row in map(with_error_columns, rows):
        entry = _entry(row.get(field.name), field.name)
        if entry is not None:
            yield entry


def _values(field: _Field, rows: Iterable[Row]) -> Iterator[bytes]:
    return (exactly(entry, field.dtype, field.name).tobytes() for entry in _entries(field, rows))


def _texts(field: _Field, rows: Iterable[Row]) -> Iterator[bytes]:
    return (str(entry).encode("utf-8", "surrogatepass") for entry in _entries(field, rows))


def _row_numbers(field: _Field, rows: Iterable[Row]) -> Iterator[bytes]:
    for number, row in enumerate(map(with_error_columns, rows)):
        if row.get(field.name) is not None:
            yield _int64(number)


def _offsets(lengths: Iterable[int]) -> Iterator[bytes]:
    return map(_int64, accumulate(lengths, initial=0))


def _int64(number: int) -> bytes:
    return number.to_bytes(8, sys.byteorder, signed=True)


def _write(archive: zipfile.ZipFile, member: _Member) -> None:
    from numpy.lib import format as npy

    info = zipfile.ZipInfo(f"{member.name}.npy", _SAME_TIME_ALWAYS)
    header = {"descr": npy.dtype_to_descr(member.dtype), "fortran_order": False, "shape": member.shape}
    with archive.open(info, "w", force_zip64=True) as file:
        npy.write_array_header_1_0(file, header)
        for block in _blocks(member.pieces):
            file.write(block)


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer, larger pieces: each write into a zip file costs a checksum and a call."""
    held: list[bytes] = []
    held_bytes = 0
    for piece in pieces:
        held.append(piece)
        held_bytes += len(piece)
        if held_bytes >= _BLOCK_BYTES:
            yield b"".join(held)
            held, held_bytes = [], 0
    yield b"".join(held)


# -------------------------------------------------------------------------------------------------------- one value


def _entry(value: Any, field: str) -> Array | None:
    """A value as an array; a number or a text has no dimension. None is no entry."""
    import numpy as np

    if value is None or hasattr(value, "dtype"):
        return None if value is None else np.asarray(value)
    if not isinstance(value, (bool, int, float, str, list, tuple)):
        raise no_fit(field, f"a {type(value).__name__}")
    _check_leaves(value, field)
    try:
        array = np.asarray(value)
    except ValueError:
        raise no_fit(field, "a list of lists of different lengths") from None
    if array.dtype.hasobject:
        raise no_fit(field, "whole numbers beyond 64 bits")
    return array


def _check_leaves(value: Any, field: str) -> None:
    """numpy would turn numbers beside text into text, and truth values beside numbers into numbers."""
    leaves = list(_leaves(value))
    kinds = set(map(type, leaves))
    if kinds == {int, float}:
        if any(float(leaf) != leaf for leaf in leaves):
            raise no_fit(field, "a whole number that float64 cannot hold")
    elif len(kinds) > 1 or not kinds <= {bool, int, float, str}:
        raise no_fit(field, f"a list of {' and '.join(sorted(kind.__name__ for kind in kinds))}")
    if kinds == {str} and any(leaf.endswith("\0") for leaf in leaves):
        raise no_fit(field, "text that ends in a NUL byte")


def _leaves(value: Any) -> Iterator[Any]:
    return chain.from_iterable(map(_leaves, value)) if isinstance(value, (list, tuple)) else iter((value,))
