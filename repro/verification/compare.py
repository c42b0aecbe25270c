"""Results held against others, field by field: what is missing, too much, of another shape or type, or too far away."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from repro.errors import PredictionError, ReproError
from repro.verification.distance import both_nan, distance_between, distances_between, wide
from repro.verification.tolerance import EXACT, Tolerance, Tolerances

if TYPE_CHECKING:
    import numpy as np

__all__ = ["EXACT", "Comparison", "Difference", "ExpectedError", "Tolerance", "Tolerances", "compare", "compare_rows"]

DifferenceKind = Literal[
    "value", "type", "dtype", "shape", "length", "missing", "additional", "error", "order", "count"
]
_LONGEST_SHOWN = 60
_MOST_REORDERED = 64  # looking for whose answer a record got instead takes a comparison a pair


@dataclass(frozen=True)
class Difference:
    """One field of one record that is not as expected."""

    kind: DifferenceKind
    record: int | None
    """Index of the record, from 0; None where it is the number of records."""
    field: str
    """Its name, with dots between the keys of what is nested; empty where it is the whole record."""
    expected: str
    got: str
    position: tuple[int, ...] = ()
    """Where in the array or list the largest difference is."""
    difference: float | None = None
    """The largest one; infinite where one of the two is NaN or infinite and the other is not."""
    allowed: float | None = None
    tolerance: str = str(EXACT)
    record_id: str | None = None
    values: int = 1
    """How many values of the field differ by more than is allowed."""


@dataclass(frozen=True)
class ExpectedError:
    """What a record that must fail has to say.

    >>> ExpectedError("holds '*'").fits(PredictionError(0, "ValueError", "position 4 holds '*'"))
    True
    """

    message: str = ""
    """A part of the message."""
    type: str | None = None
    """Name of the exception's class; any where it is None."""

    def fits(self, got: object) -> bool:
        if not isinstance(got, PredictionError):
            return False
        return self.message in got.error_message and self.type in (None, got.error_type)

    def __str__(self) -> str:
        return f"error {self.type or ''}".strip() + (f": ...{self.message}..." if self.message else "")


Row = Mapping[str, Any] | ExpectedError | ReproError
"""The answer to one record, or its error."""


@dataclass
class Comparison:
    """What was found when results were held against others."""

    differences: list[Difference] = field(default_factory=list)
    largest: dict[str, float] = field(default_factory=dict)
    """The largest difference of each field with numbers, also where it is allowed."""
    rows: int = 0

    @property
    def is_right(self) -> bool:
        return not self.differences

    @property
    def closeness(self) -> str:
        """How close the results are, in words."""
        name, most = max(self.largest.items(), key=lambda item: item[1], default=("", 0.0))
        return f"largest difference {most:.2g} ({name})" if most else "exact"


def compare_rows(
    expected: Sequence[Row],
    got: Sequence[Row],
    tolerances: Tolerances | Mapping[str, Tolerance] | None = None,
    *,
    ids: Sequence[str | None] = (),
) -> list[Difference]:
    """What differs between results and what they should be; an empty list where nothing does.

    Args:
        expected: a dict a record, of what JSON has and of numpy arrays; or the error that it has to give.
        got: likewise; an error of repro for a record that failed.
        tolerances: how far numbers may be apart, by field; exact where nothing is said.
        ids: names of the records, for what is said of them.

    >>> compare_rows([{"score": 1.0}], [{"score": 1.5}], {"score": Tolerance("absolute", 0.1)})[0].difference
    0.5
    """
    return compare(expected, got, tolerances, ids=ids).differences


def compare(
    expected: Sequence[Row],
    got: Sequence[Row],
    tolerances: Tolerances | Mapping[str, Tolerance] | None = None,
    *,
    ids: Sequence[str | None] = (),
) -> Comparison:
    """Like `compare_rows`, and also says how close the results are that are right."""
    if not isinstance(tolerances, Tolerances):
        tolerances = Tolerances(tolerances or {})
    found = Comparison(rows=len(got))
    by_record: dict[int, list[Difference]] = {}
    for index, (one, other) in enumerate(zip(expected, got, strict=False)):
        row = _Row(index, ids[index] if index < len(ids) else None, tolerances, found.largest)
        differences = row.compare(one, other)
        if differences:
            by_record[index] = differences
    _tell_reordered(expected, got, tolerances, by_record)
    found.differences = [difference for differences in by_record.values() for difference in differences]
    if len(expected) != len(got):
        found.differences.append(Difference("count", None, "", _counted(len(expected)), _counted(len(got))))
    return found


def _counted(many: int) -> str:
    return f"{many} record" if many == 1 else f"{many} records"


def _tell_reordered(
    expected: Sequence[Row], got: Sequence[Row], tolerances: Tolerances, by_record: dict[int, list[Difference]]
) -> None:
    """Where a record has the answer of another one, say that in place of how the numbers differ."""
    wrong = list(by_record)
    if len(wrong) > _MOST_REORDERED:
        return
    for index in wrong:
        for other in range(len(expected)):
            if other != index and not _Row(index, None, tolerances, {}).compare(expected[other], got[index]):
                said = Difference("order", index, "", f"the answer to record {index}", f"the answer to record {other}")
                by_record[index] = [replace(said, record_id=by_record[index][0].record_id)]
                break


class _Row:
    """One record's answer against what it should be."""

    def __init__(self, index: int, name: str | None, tolerances: Tolerances, largest: dict[str, float]) -> None:
        self._index = index
        self._id = name
        self._tolerances = tolerances
        self._largest = largest
        self._found: dict[str, Difference] = {}

    def compare(self, expected: Row, got: Row) -> list[Difference]:
        """One difference a field: the largest."""
        if isinstance(expected, ExpectedError):
            if not expected.fits(got):
                self._add("error", "", str(expected), _shown_row(got))
        elif isinstance(expected, ReproError) or isinstance(got, ReproError):
            if _shown_row(expected) != _shown_row(got):
                self._add("error", "", _shown_row(expected), _shown_row(got))
        elif isinstance(got, ExpectedError):
            raise TypeError("results are answers or errors; only what is expected can be an ExpectedError")
        else:
            self._compare_mappings(expected, got, "", ())
        return list(self._found.values())

    def _compare_mappings(
        self, expected: Mapping[str, Any], got: Mapping[str, Any], name: str, position: tuple[int, ...]
    ) -> None:
        for key in expected:
            inner = f"{name}.{key}" if name else str(key)
            if key in got:
                self._compare_values(expected[key], got[key], inner, position)
            else:
                self._add("missing", inner, _shown(expected[key]), "nothing", position)
        for key in got:
            if key not in expected:
                self._add("additional", f"{name}.{key}" if name else str(key), "nothing", _shown(got[key]), position)

    def _compare_values(self, expected: Any, got: Any, name: str, position: tuple[int, ...]) -> None:
        expected, got = _plain(expected), _plain(got)
        if _kind(expected) != _kind(got):
            kind: DifferenceKind = "value" if expected is None or got is None else "type"
            self._add(kind, name, _typed(expected), _typed(got), position)
        elif isinstance(expected, Mapping):
            self._compare_mappings(expected, got, name, position)
        elif isinstance(expected, (list, tuple)):
            if len(expected) != len(got):
                self._add("length", name, f"{len(expected)} values", f"{len(got)} values", position)
            for number, (one, other) in enumerate(zip(expected, got, strict=False)):
                self._compare_values(one, other, name, (*position, number))
        elif hasattr(expected, "dtype"):
            self._compare_arrays(expected, got, name, position)
        elif isinstance(expected, (int, float)) and not isinstance(expected, bool):
            self._compare_numbers(expected, got, name, position)
        elif expected != got:
            self._add("value", name, _shown(expected), _shown(got), position)

    def _compare_numbers(self, expected: float, got: float, name: str, position: tuple[int, ...]) -> None:
        difference = distance_between(expected, got)
        self._note(name, difference)
        tolerance = self._tolerances.of(name)
        is_finite = isinstance(expected, int) or math.isfinite(expected)
        allowed = tolerance.allowed(expected) if is_finite else 0.0
        if expected != got and difference and not difference <= allowed:
            self._add("value", name, repr(expected), repr(got), position, difference, allowed)

    def _compare_arrays(
        self, expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], name: str, position: tuple[int, ...]
    ) -> None:
        if expected.shape != got.shape:
            self._add("shape", name, str(expected.shape), str(got.shape), position)
        if expected.dtype.newbyteorder("=") != got.dtype.newbyteorder("="):
            self._add("dtype", name, str(expected.dtype), str(got.dtype), position)
        elif expected.shape == got.shape and expected.size:
            self._compare_elements(expected, got, name, position)

    def _compare_elements(
        self, expected: np.ndarray[Any, Any], got: np.ndarray[Any, Any], name: str, position: tuple[int, ...]
    ) -> None:
        import numpy as np

        if expected.dtype.kind not in "iufc":
            wrong = np.asarray(expected != got)
            distances = allowed = np.zeros(expected.shape)
        else:
            distances = distances_between(expected, got)
            self._note(name, float(distances.max()))
            finite = np.isfinite(expected)
            allowed = self._tolerances.of(name).allowed(np.where(finite, wide(expected), 0)) * finite
            # In whole numbers beyond 64 bits of a float a distance may be rounded to 0: those are told by `!=`.
            wrong = (distances > allowed) | ((allowed == 0) & (expected != got) & ~both_nan(expected, got))
        if not wrong.any():
            return
        worst = np.unravel_index(np.argmax(np.where(wrong, distances, -1.0)), expected.shape)
        place = tuple(int(axis) for axis in worst)
        is_number = expected.dtype.kind in "iufc"
        self._add(
            "value",
            name,
            _shown(expected[place]),
            _shown(got[place]),
            (*position, *place),
            float(distances[place]) if is_number else None,
            float(allowed[place]) if is_number else None,
            int(np.count_nonzero(wrong)),
        )

    def _note(self, name: str, difference: float) -> None:
        self._largest[name] = max(self._largest.get(name, 0.0), difference)

    def _add(
        self,
        kind: DifferenceKind,
        name: str,
        expected: str,
        got: str,
        position: tuple[int, ...] = (),
        difference: float | None = None,
        allowed: float | None = None,
        values: int = 1,
    ) -> None:
        tolerance = str(self._tolerances.of(name))
        new = Difference(
            kind, self._index, name, expected, got, position, difference, allowed, tolerance, self._id, values
        )
        before = self._found.get(name)
        if before is None:
            self._found[name] = new
            return
        many = before.values + new.values
        is_larger = before.kind == "value" and (new.kind != "value" or (difference or 0) > (before.difference or 0))
        self._found[name] = replace(new if is_larger else before, values=many)


def _plain(value: Any) -> Any:
    """A numpy scalar as Python's number: that is how it travels."""
    return value.item() if hasattr(value, "dtype") and value.shape == () else value


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "object"
    if isinstance(value, (list, tuple)):
        return "list"
    if hasattr(value, "dtype"):
        return "array"
    names = {bool: "yes or no", int: "whole number", float: "number", str: "text", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)


def _typed(value: Any) -> str:
    return f"{_kind(value)} {_shown(value)}" if value is not None else "null"


def _shown_row(row: Row) -> str:
    if isinstance(row, PredictionError):
        return _cut(f"error {row.error_type}: {row.error_message}")
    if isinstance(row, ReproError):
        return _cut(f"error {type(row).__name__}: {row.message}")
    return str(row) if isinstance(row, ExpectedError) else f"an answer ({', '.join(row) or 'no fields'})"


def _shown(value: Any) -> str:
    if hasattr(value, "dtype") and value.shape != ():
        return f"{value.dtype} array {value.shape}"
    return _cut(str(value) if hasattr(value, "dtype") else repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."
