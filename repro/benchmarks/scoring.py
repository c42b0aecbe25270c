"""Scores of the columns of a table of predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.benchmarks.metrics import METRICS, Score, Takes, by_name, evaluate
from repro.benchmarks.metrics.evaluation import lacking
from repro.benchmarks.metrics.rows import Rows, checked_rows
from repro.benchmarks.table_columns import Column, read_columns
from repro.errors import InputFileError, SettingsError

ALL = "all"
MEAN = "mean"
_CLASSES = {"0": 0.0, "0.0": 0.0, "false": 0.0, "1": 1.0, "1.0": 1.0, "true": 1.0}


@dataclass(frozen=True)
class TableScores:
    """What `score_table` found.

    Attributes:
        rows: how many rows were scored: all that the file has.
        scores: metrics by name, for each column of predictions, and for their mean where that was asked for.
        left_out: metrics of numbers, where numbers were given, that the columns do not suffice for, and why.
    """

    rows: int
    scores: dict[str, dict[str, Score]]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what."""

    truth: str
    preds: tuple[str, ...]
    binary: str | None = None
    fold: str | None = None


def score_table(
    path: str | Path,
    columns: Columns,
    metrics: Sequence[str] = (ALL,),
    bootstrap: int = 0,
    seed: int = 0,
    with_mean: bool = False,
) -> TableScores:
    """Hold columns of predictions against what was measured.

    Args:
        path: a CSV or TSV.
        columns: the names of its columns.
        metrics: names, or `all`: those that the columns suffice for.
        bootstrap, seed: as `repro.benchmarks.metrics.evaluate` has them.
        with_mean: also score the mean of the prediction columns, an ensemble: a row's values are added up as they stand
            and divided by their number, neither scaled nor ranked before.

    Raises:
        InputFileError: the file cannot be used, or a value is missing; names file, line and column.
        SettingsError: a metric that there is not, or that the columns do not suffice for.
    """
    if not metrics:
        raise SettingsError("no metric is named", fix=f"--metrics {','.join(METRICS)}; or {ALL}")
    asked = [columns.truth, *columns.preds, *filter(None, (columns.binary, columns.fold))]
    read = read_columns(path, asked)
    truth = _values(read[columns.truth], of_sequences=_are_of_sequences(metrics))
    binary = _classes(read[columns.binary]) if columns.binary else None
    folds = read[columns.fold].texts() if columns.fold else None
    predictions = {name: _values(read[name], like=truth) for name in columns.preds}
    if with_mean:
        predictions[MEAN] = _mean(predictions, read)
    chosen, left_out = _chosen(metrics, checked_rows(truth, next(iter(predictions.values())), binary))
    scores = {name: evaluate(truth, pred, binary, chosen, bootstrap, seed, folds) for name, pred in predictions.items()}
    return TableScores(len(truth), scores, left_out)


def _values(column: Column, like: list[Any] | None = None, of_sequences: bool = False) -> list[Any]:
    """Numbers, or sequences where the first cell is one (or `like`, the measured values, are some; or so said)."""
    are_texts = of_sequences or _is_sequence(column.cells[0]) if like is None else isinstance(like[0], str)
    return column.texts() if are_texts else column.numbers()


def _are_of_sequences(metrics: Sequence[str]) -> bool:
    """Whether the metrics that are asked for take sequences: the cells need not look like some then. SettingsError."""
    return ALL not in metrics and bool(metrics) and all(by_name(name).takes is Takes.SEQUENCES for name in metrics)


def _is_sequence(cell: str) -> bool:
    # Shorter than a sequence worth designing, and longer than `nan`: those are missing numbers.
    return cell.isalpha() and len(cell) > len("infinity")


def _classes(column: Column) -> list[float]:
    classes = [_CLASSES.get(cell.strip().lower(), math.nan) for cell in column.cells]
    wrong = next((row for row, value in enumerate(classes) if math.isnan(value)), None)
    if wrong is not None:
        said = "the class is missing" if column.is_missing(wrong) else f"{column.cells[wrong]!r} is neither 0 nor 1"
        raise InputFileError(f"{column.place(wrong)}: {said}", fix="a class is 0 or 1: above the assay's cutoff or not")
    return classes


def _mean(predictions: dict[str, list[Any]], read: dict[str, Column]) -> list[float]:
    if len(predictions) < 2:
        raise SettingsError("the mean of one column is that column", fix="name several: --pred A --pred B --mean")
    if MEAN in read:
        raise SettingsError(f"a column is called {MEAN!r} already", fix="rename it, or leave --mean away")
    if any(isinstance(column[0], str) for column in predictions.values()):
        raise SettingsError("sequences have no mean")
    return [math.fsum(values) / len(values) for values in zip(*predictions.values(), strict=True)]


def _chosen(metrics: Sequence[str], rows: Rows) -> tuple[list[str], dict[str, str]]:
    if ALL not in metrics:
        return [by_name(name).name for name in metrics], {}
    fitting = {n: metric for n, metric in METRICS.items() if (metric.takes is Takes.SEQUENCES) == rows.are_sequences}
    reasons = {name: lacking(metric, rows) for name, metric in fitting.items()}
    return [name for name, reason in reasons.items() if not reason], {n: why for n, why in reasons.items() if why}
