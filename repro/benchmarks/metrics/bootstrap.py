"""Standard errors by the bootstrap: rows are drawn again and again, all metrics see the same draws.

Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 6. Of very many rows, parts are resampled in their
stead, and the error is scaled with the square root of the number of rows: Politis, Romano, Wolf, "Subsampling", 1999.
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
_ROWS_A_THREAD = 100_000  # with fewer, threads wait for each other longer than they compute
PART_ROWS = 50_000
"""Rows of a part; from twice as many on, parts are resampled."""
_RESAMPLES_A_PART = 10  # at least
_FEWER = 5  # times fewer resamples for a metric that needs all of very many rows


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
        threads: how many at once; by default as many as there are cores, at most 8, and one for fewer than 100,000
            rows: threads would wait for each other longer than they compute.
    """
    parts = parts_of(rows, resamples, seed)
    scaling = [metric for metric in metrics if metric.scales or len(parts) == 1]
    others = [metric for metric in metrics if metric not in scaling]
    errors = _errors(rows, parts, scaling, resamples, seed, threads)
    errors |= _errors(rows, [rows], others, -(-resamples // _FEWER), seed, threads) if others else {}
    return {metric.name: errors[metric.name] for metric in metrics}


def _errors(
    rows: Rows, parts: Sequence[Rows], metrics: Sequence[Metric], resamples: int, seed: int, threads: int | None
) -> dict[str, StandardError]:
    """Standard errors for all `rows`, from resamples of each of `parts`."""
    shares = [resamples // len(parts) + (number < resamples % len(parts)) for number in range(len(parts))]
    values = [
        resampled_values(part, metrics, share, seed + number, threads)
        for number, (part, share) in enumerate(zip(parts, shares, strict=True))
    ]
    columns = ([part[:, number] for part in values] for number in range(len(metrics)))
    scale = len(parts[0]) / len(rows)
    return {metric.name: _standard_error(column, scale) for metric, column in zip(metrics, columns, strict=True)}


def parts_of(rows: Rows, resamples: int, seed: int) -> list[Rows]:
    """All rows as one part; of very many, random parts of one size that share no row, each for ten resamples."""
    count = min(len(rows) // PART_ROWS, resamples // _RESAMPLES_A_PART)
    if count < 2 or rows.are_sequences:
        return [rows]
    order = np.random.Generator(np.random.SFC64(seed)).permutation(len(rows))
    return [rows.take(np.sort(part)) for part in order[: count * PART_ROWS].reshape(count, PART_ROWS)]


def resampled_values(
    rows: Rows, metrics: Sequence[Metric], resamples: int, seed: int = 0, threads: int | None = None
) -> Floats:
    """(resamples, metrics): each metric of each resample; NaN where it is undefined."""
    values = np.empty((resamples, len(metrics)))
    presorted = Presorted(rows)
    presorted.prepare()
    streams = np.random.SeedSequence(seed).spawn(resamples)
    count = threads or (_cores() if len(rows) > _ROWS_A_THREAD else 1)
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


def _standard_error(parts: Sequence[Floats], scale: float) -> StandardError:
    """Of the resamples of parts that are `scale` of all rows: a variance falls with the number of rows."""
    resamples = sum(len(part) for part in parts)
    defined = [part[~np.isnan(part)] for part in parts]
    variances = [part.var(ddof=1) for part in defined if len(part) > 1]
    value = float(np.sqrt(np.mean(variances) * scale)) if variances else None
    return StandardError(value, resamples - sum(len(part) for part in defined), resamples)


def _cores() -> int:
    return max(1, min(len(os.sched_getaffinity(0)), _MOST_THREADS))
