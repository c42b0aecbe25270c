"""What plots are drawn from: the rows of each assay once, and the predictions of each cell beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.benchmarks.report.bins import count_in_bins
from repro.benchmarks.report.packing import pack, pack_codes
from repro.benchmarks.report.predictions import Predictions, read_predictions
from repro.benchmarks.report.results import Cell
from repro.benchmarks.report.variants import common_sequence, labels, parse_single

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_POINTS = 5_000
"""Points that are drawn one by one in a scatter plot; with more rows they are counted in bins."""
MOST_VALUES = 4_000_000
"""Values that a page carries in all, about 11 MB of it."""
_FEWEST_POINTS = 300
_MOST_BINS, _FEWEST_BINS = 80, 16


@dataclass
class _Assay:
    """The rows that the plots of one assay know, gathered from its cells."""

    rows: dict[tuple[str, int], int] = field(default_factory=dict)
    """Variant, and which of the rows with this variant -> place."""
    measured: list[float] = field(default_factory=list)
    wild_type_told: bool = True

    def places(self, variants: Sequence[str], measured: Sequence[float]) -> list[int]:
        """Where these rows stand; those that are new are added."""
        repeats: dict[str, Iterator[int]] = {}
        found = []
        for variant, value in zip(variants, measured, strict=True):
            place = self.rows.setdefault((variant, next(repeats.setdefault(variant, count()))), len(self.rows))
            if place == len(self.measured):
                self.measured.append(value)
            found.append(place)
        return found


@dataclass(frozen=True)
class Plots:
    """As JSON has it."""

    assays: list[dict[str, Any]]
    cells: list[dict[str, Any] | None]
    """Beside the cells; None where a cell has no predictions."""
    left_out: int
    """Cells whose predictions did not fit into the page."""


def collect_plots(folder: Path, cells: Sequence[Cell]) -> Plots:
    """Read `cells/<key>/predictions.csv` of each cell that has scores.

    Raises:
        InputFileError: a file of predictions is there and cannot be taken.
    """
    collected = _Collection(_points_each(cells))
    drawn = [collected.add(folder / "cells" / cell.key, cell) for cell in cells]
    return Plots(collected.packed_assays(), collected.packed_cells(drawn), collected.left_out)


def _points_each(cells: Sequence[Cell]) -> int:
    """How many points of a cell are drawn one by one: fewer where there are many cells."""
    scored = sum(not cell.failed for cell in cells)
    return max(_FEWEST_POINTS, min(MOST_POINTS, MOST_VALUES // max(scored, 1)))


@dataclass(frozen=True)
class _Drawn:
    """What is drawn of a cell."""

    assay: int
    rows: int
    """All that the cell has, also those that are only counted in bins."""
    places: list[int]
    """Where the rows that are kept stand among those of the assay."""
    predicted: NDArray[np.float64]
    folds: list[str]
    bins: dict[str, Any] | None

    def packed(self, size: int) -> dict[str, Any]:
        """As JSON has it, with a value for each of the `size` rows of the assay: missing where the cell has none."""
        import numpy as np

        names = list(dict.fromkeys(self.folds))
        numbers = {name: number for number, name in enumerate(names)}
        predicted, folds = np.full(size, np.nan), np.zeros(size, dtype=np.uint16)
        predicted[self.places] = self.predicted
        folds[self.places] = [numbers[name] for name in self.folds]
        return {
            "assay": self.assay,
            "rows": self.rows,
            "predicted": pack(predicted),
            "foldNames": names,
            "folds": pack_codes(folds) if len(names) > 1 else None,
            "bins": self.bins,
        }


class _Collection:
    """Goes through the cells once, with the predictions of one of them in memory."""

    def __init__(self, most_points: int) -> None:
        self.most_points = most_points
        self.assays: dict[tuple[str, str], _Assay] = {}
        self.values = 0
        self.left_out = 0

    def add(self, folder: Path, cell: Cell) -> _Drawn | None:
        """Read one cell; it is packed when all rows of its assay are known."""
        file = folder / "predictions.csv"
        if cell.failed or not cell.key or not file.is_file():
            return None
        if self.values >= MOST_VALUES:
            self.left_out += 1
            return None
        predictions = read_predictions(file)
        return self._drawn(cell, predictions) if len(predictions) else None

    def _drawn(self, cell: Cell, predictions: Predictions) -> _Drawn:
        assay = self.assays.setdefault(cell.assay, _Assay())
        variants = _labelled(predictions, assay)
        kept, bins = list(range(len(variants))), None
        if len(variants) > self.most_points:
            kept = [row for row in kept if parse_single(variants[row])]  # what a heat map shows
            side = max(_FEWEST_BINS, min(_MOST_BINS, int(self.most_points**0.5)))
            bins = count_in_bins(predictions.measured, predictions.predicted, side)
        self.values += len(kept)
        return _Drawn(
            assay=list(self.assays).index(cell.assay),
            rows=len(predictions),
            places=assay.places([variants[row] for row in kept], predictions.measured[kept].tolist()),
            predicted=predictions.predicted[kept],
            folds=[predictions.folds[row] for row in kept],
            bins=bins,
        )

    def packed_assays(self) -> list[dict[str, Any]]:
        import numpy as np

        return [
            {
                "dataset": dataset,
                "target": target,
                "variants": [variant for variant, _ in assay.rows],
                "measured": pack(np.array(assay.measured, dtype=np.float64)),
                "wildTypeTold": assay.wild_type_told,
            }
            for (dataset, target), assay in self.assays.items()
        ]

    def packed_cells(self, drawn: Sequence[_Drawn | None]) -> list[dict[str, Any] | None]:
        sizes = [len(assay.rows) for assay in self.assays.values()]
        return [None if cell is None else cell.packed(sizes[cell.assay]) for cell in drawn]


def _labelled(predictions: Predictions, assay: _Assay) -> Sequence[str]:
    """The rows as mutants. Whole sequences are told by what differs from the commonest residues."""
    if predictions.are_mutants:
        return predictions.variants
    assay.wild_type_told = False
    wild_type = common_sequence(predictions.variants)
    return predictions.variants if wild_type is None else labels(predictions.variants, wild_type)
