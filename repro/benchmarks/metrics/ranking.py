"""Whether the best rows are found: NDCG and top-recall over the upper tenth, as ProteinGym has them."""

from __future__ import annotations

import numpy as np

from repro.benchmarks.metrics.base import Metric, UndefinedMetric, check_varied, library
from repro.benchmarks.metrics.order import Ranked, total
from repro.benchmarks.metrics.resample import Resample
from repro.benchmarks.metrics.rows import Floats, Rows

_TOP_PERCENT = 10


class NDCG(Metric):
    """Normalised discounted cumulative gain of the tenth that is predicted best.

    A row's gain is its measured value, scaled so that the least is 0 and the greatest 1; its discount is
    log2(rank + 1). Rows that are predicted equal share the mean of their gains, where ProteinGym takes them as its sort
    leaves them.
    """

    name = "ndcg"
    title = "NDCG"

    def value(self, rows: Rows) -> float:
        check_varied(rows)
        low, high = rows.truth.min(), rows.truth.max()
        gains = (rows.truth - low) / (high - low)
        return float(library("sklearn.metrics").ndcg_score([gains], [rows.pred], k=_top_count(len(rows))))

    def of_resample(self, resample: Resample) -> float:
        presorted, n = resample.presorted, resample.n
        truth, pred = resample.by_truth, resample.by_pred
        low = truth.value_at(0)
        if low == truth.value_at(n - 1) or pred.value_at(0) == pred.value_at(n - 1):
            raise UndefinedMetric("all measured values, or all predictions, are the same")
        top = _top_count(n)
        gained = _discounted(pred, presorted.truth_by_pred, low, top, presorted.discounts)
        return gained / _discounted(truth, presorted.rows.truth, low, top, presorted.discounts)


class TopRecall(Metric):
    """How many of the tenth that is measured best are in the tenth that is predicted best.

    A tenth is what is not below the 90th percentile (linear between two values); with equal values it may be more.
    """

    name = "top-recall"
    title = "Top recall"
    scales = True

    def value(self, rows: Rows) -> float:
        check_varied(rows)  # by the formula a constant prediction would have the recall 1
        best = rows.truth >= np.percentile(rows.truth, 100 - _TOP_PERCENT)
        called = rows.pred >= np.percentile(rows.pred, 100 - _TOP_PERCENT)
        return float((best & called).sum() / best.sum())

    def of_resample(self, resample: Resample) -> float:
        truth, pred, n = resample.by_truth, resample.by_pred, resample.n
        for values in (truth, pred):
            if values.value_at(0) == values.value_at(n - 1):
                raise UndefinedMetric("all measured values, or all predictions, are the same")
        best, called = (values.place_of(_percentile(values, 100 - _TOP_PERCENT)) for values in (truth, pred))
        found = resample.presorted.place_by_pred[best:] >= called
        return float(resample.counts[best:][found].sum()) / truth.drawn_from(best)


def _top_count(n: int) -> int:
    count = int(np.floor(n * (_TOP_PERCENT / 100)))
    if count == 0:
        raise UndefinedMetric(f"a tenth of {n} rows is no row: 10 are needed")
    return count


def _discounted(order: Ranked, truth: Floats, low: float, top: int, discounts: Floats) -> float:
    """The sum of gains, each discounted, over the `top` first ranks from above; gains are `truth` less `low`."""
    n, place = len(order), order.first_run_among_top(top)
    begins, ends = order.runs(place, n)
    discounted = discounts[np.minimum(n - begins, top)] - discounts[np.minimum(n - ends, top)]
    shares = order.counts[place:] * discounted / np.maximum(ends - begins, 1)
    return total(shares, truth[place:] - low)


def _percentile(order: Ranked, percent: float) -> float:
    """As `numpy.percentile` has it to the last bit, which decides whether a value that equals it is at or above it."""
    position = (len(order) - 1) * (percent / 100)
    below = int(np.floor(position))
    fraction = position - below
    low, high = order.value_at(below), order.value_at(min(below + 1, len(order) - 1))
    step = high - low
    return high - step * (1 - fraction) if fraction >= 0.5 else low + step * fraction
