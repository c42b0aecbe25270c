"""Spearman's rank correlation."""

from __future__ import annotations

import math

from repro.benchmarks.metrics.base import Metric, UndefinedMetric, check_varied, library
from repro.benchmarks.metrics.resample import Resample
from repro.benchmarks.metrics.rows import Rows


class Spearman(Metric):
    """Spearman's rank correlation of predicted with measured values; equal values share the mean of their ranks."""

    name = "spearman"
    title = "Spearman"
    scales = True

    def value(self, rows: Rows) -> float:
        check_varied(rows)
        return float(library("scipy.stats").spearmanr(rows.truth, rows.pred).statistic)

    def of_resample(self, resample: Resample) -> float:
        scale = math.sqrt(resample.squared_truth_ranks) * math.sqrt(resample.squared_pred_ranks)
        if scale == 0:
            raise UndefinedMetric("all measured values, or all predictions, are the same")
        return resample.sums.rank_products / scale
