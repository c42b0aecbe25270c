"""How far predictions are from what was measured, row by row."""

from __future__ import annotations

import numpy as np

from repro.benchmarks.metrics.base import Metric, Takes, library
from repro.benchmarks.metrics.order import total
from repro.benchmarks.metrics.resample import Resample
from repro.benchmarks.metrics.rows import Rows


class MSE(Metric):
    """The mean squared error, in the square of the assay's unit."""

    name = "mse"
    title = "MSE"
    scales = True
    higher_is_better = False

    def value(self, rows: Rows) -> float:
        return float(library("sklearn.metrics").mean_squared_error(rows.truth, rows.pred))

    def of_resample(self, resample: Resample) -> float:
        return resample.sums.squared_errors / resample.n


class Recovery(Metric):
    """Sequence recovery of designs: the fraction of a native sequence's residues that the designed one has at the same
    positions, as a mean over the rows."""

    name = "recovery"
    title = "Recovery"
    takes = Takes.SEQUENCES

    def value(self, rows: Rows) -> float:
        return float(rows.recovered.mean())

    def of_resample(self, resample: Resample) -> float:
        return total(resample.counts.astype(np.float64), resample.presorted.rows.recovered) / resample.n
