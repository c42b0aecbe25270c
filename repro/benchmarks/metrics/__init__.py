"""Metrics by name: how well predictions fit what was measured, with standard errors.

>>> from repro.benchmarks.metrics import METRICS, evaluate
>>> list(METRICS)[:3]
['spearman', 'auc', 'mcc']
>>> evaluate([0.0, 1.0], [0.0, 3.0], metrics=["mse"])["mse"].value
2.0
"""

from __future__ import annotations

from repro.benchmarks.metrics.base import Metric, Takes, UndefinedMetric
from repro.benchmarks.metrics.evaluation import Score, evaluate
from repro.benchmarks.metrics.registry import ENTRY_POINTS, METRICS, by_name, register
from repro.benchmarks.metrics.resample import Presorted, Resample
from repro.benchmarks.metrics.rows import Rows

__all__ = [
    "ENTRY_POINTS",
    "METRICS",
    "Metric",
    "Presorted",
    "Resample",
    "Rows",
    "Score",
    "Takes",
    "UndefinedMetric",
    "by_name",
    "evaluate",
    "register",
]
