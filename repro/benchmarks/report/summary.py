"""Means over data sets: a line a model and a split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from repro.benchmarks.report.results import Cell


@dataclass(frozen=True)
class Line:
    """One model with one split."""

    model: str
    split: str
    means: Mapping[str, float]
    """Metric -> mean over the assays that have it."""
    scored: Mapping[str, int]
    """Metric -> how many assays have it."""
    assays: int
    """How many there are to score: those of the benchmark with this split."""


def metrics_of(cells: Sequence[Cell]) -> list[str]:
    """The names of all metrics, in the order in which they first stand."""
    return list(dict.fromkeys(metric for cell in cells for metric in [*cell.scores, *cell.undefined]))


def summarise(cells: Sequence[Cell]) -> list[Line]:
    """A plain mean over data sets and targets; ProteinGym's own, in three levels, is `repro benchmark aggregate`.

    >>> from repro.benchmarks.report.results import Score
    >>> one = Cell("a", "y", "ridge", "random_5", "k1", "done", "", {"spearman": Score(0.5)})
    >>> two = Cell("b", "y", "ridge", "random_5", "k2", "failed", "no memory", {})
    >>> [(line.means, line.scored, line.assays) for line in summarise([one, two])]
    [({'spearman': 0.5}, {'spearman': 1}, 2)]
    """
    assays: dict[str, set[tuple[str, str]]] = {}
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        assays.setdefault(cell.split, set()).add(cell.assay)
        found.setdefault((cell.model, cell.split), []).append(cell)
    return [_line(model, split, own, len(assays[split])) for (model, split), own in found.items()]


def _line(model: str, split: str, cells: Sequence[Cell], assays: int) -> Line:
    names = dict.fromkeys(metric for cell in cells for metric in cell.scores)
    values = {name: [cell.scores[name].value for cell in cells if name in cell.scores] for name in names}
    return Line(
        model,
        split,
        {metric: fmean(of) for metric, of in values.items()},
        {metric: len(of) for metric, of in values.items()},
        assays,
    )
