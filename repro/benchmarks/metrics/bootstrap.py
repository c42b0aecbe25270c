"""Standard errors by the bootstrap: rows are drawn again and again, all metrics see the same draws.

Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from repro.benchmarks.metrics.base import Metric, UndefinedMetric
from repro.benchmarks.metrics.resample import Presorted, Resample, Workspace, draw_counts
from repro.benchmarks.metrics.rows import Floats, Rows

_MOST_THREADS = 8


@dataclass(frozen=True)
class StandardError:
    """A metric's standard error.

    Attributes:
        value: the standard deviation over the resamples; None where fewer than two have the metric.
        undefined: in how many resamples the metric has no value.
        resamples: how many there were.
    """

    value: float | None
    undefined: int
    resamples: int


def standard_errors(
    rows: Rows, metrics: Sequence[Metric], resamples: int, seed: int = 0, threads: int | None = None
) -> dict[str, StandardError]:
    """The standard error of each metric. The same seed gives the same answer on any number of threads.

    Args:
        rows: what was measured and predicted.
        metrics: which; each is computed on the same resamples.
        resamples: how many, each of as many rows as there are, drawn with replacement.
        seed: of the random numbers.
        threads: how many at once; as many as there are cores, at most 8, by default.
    """
    values = resampled_values(rows, metrics, resamples, seed, threads)
    return {metric.name: _standard_error(column) for metric, column in zip(metrics, values.T, strict=True)}


def resampled_values(
    rows: Rows, metrics: Sequence[Metric], resamples: int, seed: int = 0, threads: int | None = None
) -> Floats:
    """(resamples, metrics): each metric of each resample; NaN where it is undefined."""
    values = np.empty((resamples, len(metrics)))
    presorted = Presorted(rows)
    presorted.prepare()
    streams = np.random.SeedSequence(seed).spawn(resamples)
    count = threads or _cores()
    # Most of the work is inside numpy, which lets other threads run meanwhile.
    with ThreadPoolExecutor(count) as pool:
        parts = [pool.submit(_fill, values[k::count], presorted, metrics, streams[k::count]) for k in range(count)]
        for part in parts:
            part.result()
    return values


def _fill(values: Floats, presorted: Presorted, metrics: Sequence[Metric], streams: Sequence[Any]) -> None:
    """One thread's share, all in the same memory."""
    workspace = Workspace(len(presorted))
    for row, stream in zip(values, streams, strict=True):
        counts = draw_counts(len(presorted), np.random.Generator(np.random.SFC64(stream)), workspace)
        resample = Resample(presorted, counts, workspace)
        row[:] = [_value_or_nan(metric, resample) for metric in metrics]


def _value_or_nan(metric: Metric, resample: Resample) -> float:
    try:
        return metric.of_resample(resample)
    except UndefinedMetric:
        return float("nan")


def _standard_error(values: Floats) -> StandardError:
    defined = values[~np.isnan(values)]
    spread = float(defined.std(ddof=1)) if len(defined) > 1 else None
    return StandardError(spread, len(values) - len(defined), len(values))


def _cores() -> int:
    return max(1, min(len(os.sched_getaffinity(0)), _MOST_THREADS))
