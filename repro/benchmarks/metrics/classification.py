"""Predictions held against two classes: AUC and MCC, as ProteinGym has them."""

from __future__ import annotations

import math

import numpy as np

from repro.benchmarks.metrics.base import Metric, Takes, UndefinedMetric, all_the_same, library
from repro.benchmarks.metrics.order import total
from repro.benchmarks.metrics.resample import Resample
from repro.benchmarks.metrics.rows import Floats, Rows

_NO_CLASSES = "metrics that take classes are asked only where there are some"


class AUC(Metric):
    """The area under the ROC curve: how often a row of the upper class is predicted above one of the lower.

    Equals count half, so that constant predictions have 0.5.
    """

    name = "auc"
    title = "AUC"
    scales = True
    takes = Takes.CLASSES

    def value(self, rows: Rows) -> float:
        classes = _classes(rows)
        _check_both(float(classes.sum()), len(rows))
        return float(library("sklearn.metrics").roc_auc_score(classes, rows.pred))

    def of_resample(self, resample: Resample) -> float:
        positives, n = resample.sums.positives, resample.n
        _check_both(positives, n)
        # These are twice the distances of the ranks from their mean: half of their sum is the distance from chance.
        return 0.5 + resample.sums.positive_ranks / 2 / (positives * (n - positives))


class MCC(Metric):
    """Matthews' correlation of the classes with predictions cut at their median: at or above it is the upper class."""

    name = "mcc"
    title = "MCC"
    scales = True
    takes = Takes.CLASSES

    def value(self, rows: Rows) -> float:
        classes = _classes(rows)
        _check_both(float(classes.sum()), len(rows))
        called = rows.pred >= np.median(rows.pred)
        if called.all():
            raise UndefinedMetric(_uncut(float(rows.pred.min())))
        return float(library("sklearn.metrics").matthews_corrcoef(classes, called))

    def of_resample(self, resample: Resample) -> float:
        pred, positives, n = resample.by_pred, resample.sums.positives, resample.n
        median = (pred.value_at((n - 1) // 2) + pred.value_at(n // 2)) / 2
        place = pred.place_of(median)
        called = pred.drawn_from(place)
        _check_both(positives, n)
        if called == n:
            raise UndefinedMetric(_uncut(pred.value_at(0)))
        classes = resample.presorted.classes_by_pred
        assert classes is not None, _NO_CLASSES
        both = total(pred.counts[place:].astype(np.float64), classes[place:])
        scale = math.sqrt(positives * (n - positives)) * math.sqrt(called * (n - called))
        return (both * n - called * positives) / scale


def _classes(rows: Rows) -> Floats:
    assert rows.classes is not None, _NO_CLASSES
    return rows.classes


def _check_both(positives: float, n: int) -> None:
    if positives in (0, n):
        raise UndefinedMetric(all_the_same("classes", float(positives == n)))


def _uncut(lowest: float) -> str:
    return f"the median of the predictions ({lowest:g}) is their lowest value, so it cuts nothing off"
