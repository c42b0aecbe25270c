"""All metrics of a model's predictions, with standard errors, over all rows or fold by fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from repro.benchmarks.metrics.base import Metric, Takes, UndefinedMetric
from repro.benchmarks.metrics.bootstrap import StandardError, standard_errors
from repro.benchmarks.metrics.registry import METRICS, by_name
from repro.benchmarks.metrics.rows import Rows, Values, checked_rows
from repro.errors import InputError, SettingsError

_FIXES = {
    Takes.SCORES: "name columns of numbers (--truth, --pred)",
    Takes.CLASSES: "name the column of the classes: --bin COLUMN (in Python: binary)",
    Takes.SEQUENCES: "name columns of sequences (--truth, --pred)",
}
"""What to do where rows do not suffice for a metric."""


@dataclass(frozen=True)
class Score:
    """A metric of some predictions.

    Attributes:
        value: the metric; None where it is undefined, and `note` says why.
        standard_error: by the bootstrap; None where none was asked for, or the metric is undefined.
        n: how many rows it is of.
        note: what has to be known about the two.
    """

    value: float | None
    standard_error: float | None
    n: int
    note: str = ""


def evaluate(
    truth: Values,
    pred: Values,
    binary: Values | None = None,
    metrics: Sequence[str] | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    folds: Values | None = None,
) -> dict[str, Score]:
    """Metrics by name, in the order asked for.

    Args:
        truth: (n,) measured values, or n native sequences.
        pred: (n,) predicted values, or n designed sequences.
        binary: (n,) of 0 and 1: whether the measured value is in the upper class. AUC and MCC need it.
        metrics: names; None for every metric that what is given suffices for.
        bootstrap: how many resamples standard errors are from; 0 for none.
        seed: of the resamples.
        folds: (n,) the fold of each row: each metric is then computed a fold, and is the mean over the folds, its rows
            drawn within folds. Without it all rows are one set, as in ProteinGym's supervised tables.

    Raises:
        InputError: a value is missing, not finite or no number; names the row.
        SettingsError: a metric that there is not, or that needs what is not given.

    >>> score = evaluate([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], metrics=["spearman"])["spearman"]
    >>> score.value, score.note
    (None, 'undefined: all predictions are the same (1)')
    """
    rows = checked_rows(truth, pred, binary)
    chosen = applicable(rows) if metrics is None else [by_name(name) for name in metrics]
    for metric in chosen:
        if reason := lacking(metric, rows):
            raise SettingsError(f"the metric {metric.name} cannot be computed: {reason}", fix=_FIXES[metric.takes])
    if bootstrap < 0 or bootstrap == 1:
        raise SettingsError(f"{bootstrap} resamples give no standard error", fix="at least 2, or 0 for none")
    if folds is None:
        return _of_rows(rows, chosen, bootstrap, seed)
    parts = [_of_rows(part, chosen, bootstrap, seed + number) for number, part in enumerate(_parts(rows, folds))]
    return {metric.name: _mean([scores[metric.name] for scores in parts]) for metric in chosen}


def applicable(rows: Rows) -> list[Metric]:
    """The metrics that these rows suffice for."""
    return [metric for metric in METRICS.values() if not lacking(metric, rows)]


def lacking(metric: Metric, rows: Rows) -> str:
    """What a metric needs and these rows do not have; empty where they suffice."""
    if (metric.takes is Takes.SEQUENCES) != rows.are_sequences:
        return f"it needs {metric.takes.value} a row"
    if metric.takes is Takes.CLASSES and rows.classes is None:
        return "it needs the class (0 or 1) of each row, and none are given"
    return ""


def _of_rows(rows: Rows, metrics: Sequence[Metric], bootstrap: int, seed: int) -> dict[str, Score]:
    values = {metric.name: _value(metric, rows) for metric in metrics}
    defined = [metric for metric in metrics if isinstance(values[metric.name], float)]
    errors = standard_errors(rows, defined, bootstrap, seed) if bootstrap else {}
    return {name: _score(value, errors.get(name), len(rows)) for name, value in values.items()}


def _value(metric: Metric, rows: Rows) -> float | UndefinedMetric:
    try:
        value = metric.value(rows)
    except UndefinedMetric as reason:
        return reason
    return value if math.isfinite(value) else UndefinedMetric(f"{metric.name} gave {value}")


def _score(value: float | UndefinedMetric, error: StandardError | None, n: int) -> Score:
    if isinstance(value, UndefinedMetric):
        return Score(None, None, n, f"undefined: {value}")
    if error is None:
        return Score(value, None, n)
    used = error.resamples - error.undefined
    note = f"standard error from {used} of {error.resamples} resamples: undefined in the others"
    return Score(value, error.value, n, note if error.undefined else "")


def _parts(rows: Rows, folds: Values) -> list[Rows]:
    if len(folds) != len(rows):
        raise InputError(f"there are {len(folds):,} folds for {len(rows):,} rows", fix="give one a row")
    labels = np.array([str(fold) for fold in folds])
    return [rows.take(np.flatnonzero(labels == label)) for label in dict.fromkeys(labels.tolist())]


def _mean(scores: Sequence[Score]) -> Score:
    """The mean over folds, which are independent of each other; undefined where one is."""
    n, count = sum(score.n for score in scores), len(scores)
    values = [score.value for score in scores if score.value is not None]
    errors = [score.standard_error for score in scores if score.standard_error is not None]
    notes = "; ".join(dict.fromkeys(score.note for score in scores if score.note))
    if len(values) < count:
        return Score(None, None, n, f"in {count - len(values)} of {count} folds {notes}")
    spread = math.hypot(*errors) / count if len(errors) == count else None
    return Score(math.fsum(values) / count, spread, n, notes)
