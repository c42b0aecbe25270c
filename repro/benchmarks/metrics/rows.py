"""What a metric is computed from: measured and predicted values of the same rows, checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from repro.errors import InputError

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.intp]
Values: TypeAlias = Sequence[Any] | NDArray[Any]

_LARGEST = 1e150
"""Of twice as many digits is a square, and there are no numbers beyond 1e308."""
_TWO_CLASSES = (
    'a class is 0 or 1: whether the measured value is above the assay\'s cutoff (ProteinGym: "DMS_score_bin")'
)


@dataclass(frozen=True, eq=False)
class Rows:
    """Measured and predicted values, a pair a row.

    Attributes:
        truth: measured values, (n,) float64; or n sequences, where designs are judged.
        pred: predicted values, (n,) float64; or n designed sequences.
        classes: (n,) float64 of 0 and 1, or None: whether a row's measured value is in the upper class.
    """

    truth: NDArray[Any]
    pred: NDArray[Any]
    classes: Floats | None = None

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def are_sequences(self) -> bool:
        """Whether the rows hold sequences, not numbers."""
        return self.truth.dtype == object

    def take(self, positions: Integers) -> Rows:
        """The rows at `positions`, each as often as it stands there."""
        classes = None if self.classes is None else self.classes[positions]
        return Rows(self.truth[positions], self.pred[positions], classes)

    @cached_property
    def squared_errors(self) -> Floats:
        """(n,): the square of predicted less measured."""
        errors: Floats = self.pred - self.truth
        return np.square(errors)

    @cached_property
    def recovered(self) -> Floats:
        """(n,): the fraction of a native sequence's residues that stand in the designed one."""
        pairs = zip(self.truth, self.pred, strict=True)
        return np.array([sum(map(str.__eq__, native, designed)) / len(native) for native, designed in pairs])


def checked_rows(truth: Values, pred: Values, binary: Values | None = None) -> Rows:
    """Rows whose every value is there.

    Raises:
        InputError: nothing to compare, different lengths, a value that is missing, not a number or not finite, a class
            other than 0 and 1, sequences of different lengths; names the row, from 1.
    """
    if _is_text(truth) or _is_text(pred):
        rows = Rows(_sequences(truth, "measured"), _sequences(pred, "predicted"))
    else:
        rows = Rows(_numbers(truth, "measured"), _numbers(pred, "predicted"), _classes(binary))
    lengths = {"measured values": len(rows.truth), "predictions": len(rows.pred)}
    if rows.classes is not None:
        lengths["classes"] = len(rows.classes)
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{count:,} {what}" for what, count in lengths.items())
        raise InputError(f"there are {counts}", fix="give one of each a row; none may be left out")
    if not len(rows):
        raise InputError("there is no row to score")
    if rows.are_sequences:
        _check_sequence_lengths(rows)
    return rows


def _is_text(values: Any) -> bool:
    return isinstance(next(iter(values), None), str)


def _numbers(values: Any, what: str) -> Floats:
    try:
        filled = values if isinstance(values, np.ndarray) else [np.nan if v is None else v for v in values]
        numbers = np.asarray(filled, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"not every {what} value is a number") from None
    if numbers.ndim != 1:
        raise InputError(f"{what} values have the shape {numbers.shape}; one number a row is needed")
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        more = f" (and of {len(wrong) - 1:,} more rows)" if len(wrong) > 1 else ""
        said = "missing" if np.isnan(numbers[wrong[0]]) else "infinite"
        raise InputError(
            f"the {what} value of row {wrong[0] + 1:,}{more} is {said}",
            fix="give every row a value: a score over the rows that are left would be another score",
        )
    if len(numbers) and np.abs(numbers).max() > _LARGEST:
        row = int(np.abs(numbers).argmax())
        raise InputError(
            f"the {what} value of row {row + 1:,} is too large to compute with: {numbers[row]:g}",
            fix="give values in another unit",
        )
    return numbers


def _classes(values: Any) -> Floats | None:
    if values is None:
        return None
    classes = _numbers(values, "class")
    wrong = np.flatnonzero((classes != 0) & (classes != 1))
    if len(wrong):
        raise InputError(f"the class of row {wrong[0] + 1:,} is {classes[wrong[0]]:g}", fix=_TWO_CLASSES)
    return classes


def _sequences(values: Values, what: str) -> NDArray[Any]:
    for number, value in enumerate(values, 1):
        if not isinstance(value, str) or not value:
            raise InputError(f"the {what} sequence of row {number:,} is {value!r}", fix="give every row a sequence")
    texts = np.empty(len(values), dtype=object)
    texts[:] = list(values)
    return texts


def _check_sequence_lengths(rows: Rows) -> None:
    for number, (native, designed) in enumerate(zip(rows.truth, rows.pred, strict=True), 1):
        if len(native) != len(designed):
            raise InputError(
                f"row {number:,}: the designed sequence has {len(designed)} residues, the native one {len(native)}",
                fix="recovery compares residue by residue: align them first",
            )
