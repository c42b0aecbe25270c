"""What dtype and shape hold all the arrays of one column. Numbers are never rounded to make them fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from repro.errors import OutputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]

_KINDS = {"b": "truth values", "i": "numbers", "u": "numbers", "f": "numbers", "c": "numbers", "U": "text"}


@dataclass(frozen=True)
class ArrayKind:
    """What holds all arrays of a column."""

    dtype: np.dtype[Any]
    shape: tuple[int | None, ...]
    """Their common shape: None where lengths differ."""
    empty: bool
    """Whether none of them has a number in it, so that their dtype says nothing."""


def is_array(value: Any) -> bool:
    """Whether `value` is an array with at least one dimension."""
    return hasattr(value, "dtype") and value.shape != ()


def plain_scalar(value: Any) -> Any:
    """The Python number in a scalar of numpy; all else as it is."""
    return value.item() if hasattr(value, "dtype") and value.shape == () else value


def widened(kind: ArrayKind | None, array: Array, column: str) -> ArrayKind:
    """The kind that also holds `array`.

    Raises:
        OutputError: its dtype, or its number of dimensions, has nothing in common with the others'.
    """
    if array.dtype.kind not in _KINDS:
        raise no_fit(column, f"an array of {array.dtype}")
    dtype = array.dtype.newbyteorder("=")
    if kind is None:
        return ArrayKind(dtype, array.shape, not array.size)
    if kind.dtype == dtype and kind.shape == array.shape and not kind.empty:
        return kind
    if len(kind.shape) != array.ndim:
        raise no_fit(column, f"arrays of {len(kind.shape)} and of {array.ndim} dimensions")
    shape = tuple(old if old == new else None for old, new in zip(kind.shape, array.shape, strict=True))
    return ArrayKind(_common_dtype(kind, array, dtype, column), shape, kind.empty and not array.size)


def _common_dtype(kind: ArrayKind, array: Array, dtype: np.dtype[Any], column: str) -> np.dtype[Any]:
    import numpy as np

    if _KINDS[kind.dtype.kind] == _KINDS[dtype.kind]:
        return np.promote_types(kind.dtype, dtype)
    if kind.empty:
        return dtype
    if not array.size:
        return kind.dtype
    raise no_fit(column, f"arrays of {kind.dtype} and of {dtype}")


def exactly(array: Array, dtype: np.dtype[Any], column: str) -> Array:
    """`array` as `dtype`, in C order.

    Raises:
        OutputError: a number would not be the same.
    """
    import numpy as np

    cast = np.asarray(array, dtype=dtype, order="C")
    if array.dtype.kind in "iu" and dtype.kind in "fc":
        with np.errstate(invalid="ignore"):
            same = cast.astype(array.dtype) == array
        if not np.all(same):
            raise no_fit(column, f"a whole number that {dtype} cannot hold")
    return cast


def no_fit(column: str, what: str) -> OutputError:
    """The error for a column whose values have no common array."""
    fix = "choose an output that ends in .jsonl, or let the model give arrays of one kind"
    return OutputError(f"column {column!r} holds {what}, which do not go into one array", fix=fix)
