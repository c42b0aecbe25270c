"""How far numbers are apart."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def distance_between(expected: float, got: float) -> float:
    """How far two numbers are apart: 0 where both are NaN, infinite where one of them is."""
    if expected == got or (expected != expected and got != got):  # NaN alone; isnan() takes no whole number of any size
        return 0.0
    try:
        difference = float(abs(expected - got))
    except OverflowError:  # whole numbers have no largest one
        return math.inf
    return math.inf if math.isnan(difference) else difference


def distances_between(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """How far the elements are apart: 0 where both are NaN or the same infinity, infinite where one of them is."""
    with np.errstate(invalid="ignore", over="ignore"):
        distances: np.ndarray[Any, Any] = np.abs(wide(expected) - wide(got))
    distances = np.where(np.isnan(distances), np.inf, distances)
    return np.where((expected == got) | both_nan(expected, got), 0.0, distances)


def wide(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The numbers in a type in which their differences are not rounded, or next to not."""
    if array.dtype.kind in "iu":
        return array.astype(np.longdouble)
    return array.astype(np.result_type(array.dtype, np.float64))


def both_nan(expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Where both are NaN: of complex numbers each part, or that the other part is the same."""
    if expected.dtype.kind == "c" and got.dtype.kind == "c":
        parts = ((expected.real, got.real), (expected.imag, got.imag))
        real, imaginary = ((one == other) | (np.isnan(one) & np.isnan(other)) for one, other in parts)
        return np.asarray(np.isnan(expected) & real & imaginary)
    return np.asarray(np.isnan(expected) & np.isnan(got))
