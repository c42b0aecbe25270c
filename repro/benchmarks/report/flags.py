"""What a reader of a table of results should be told before they believe a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from repro.benchmarks.report.results import Cell

METRIC = "spearman"
GOOD = 0.3
"""From here on a rank correlation is good enough for its absence on other folds to say something."""
NEAR_ZERO = 0.1
"""A rank correlation up to here, on either side, is none."""
_POSITION_WISE = ("modulo", "contiguous")


def find_flags(cells: Sequence[Cell]) -> list[tuple[str, ...]]:
    """The flags of each cell, in the order of `cells`.

    - good on random folds, near zero (or below) on folds that hold whole positions out: the model has learned which
      positions bear a change, and can say nothing of a position that it has not seen;
    - the ranks are turned round: mostly a target whose sign was turned, or a model that was;
    - other rows were scored than for most models on the same split: the numbers cannot be held against each other.
    """
    spearman = _by_model(cells)
    usual = _usual_rows(cells)
    return [
        (
            *_not_carried_over(cell, spearman.get((*cell.assay, cell.model), [])),
            *_turned(cell),
            *_other_rows(cell, usual),
        )
        for cell in cells
    ]


def _by_model(cells: Sequence[Cell]) -> dict[tuple[str, str, str], list[tuple[str, float]]]:
    """Data set, target and model -> kind of split and rank correlation."""
    found: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
    for cell in cells:
        if METRIC in cell.scores:
            found.setdefault((*cell.assay, cell.model), []).append((_kind(cell.split), cell.scores[METRIC].value))
    return found


def _kind(split: str) -> str:
    """`random` of `random_5`."""
    return split.partition("_")[0]


def _not_carried_over(cell: Cell, spearman: Sequence[tuple[str, float]]) -> tuple[str, ...]:
    """Told at both cells of the pair: who reads the good number alone should know."""
    best = max((value for kind, value in spearman if kind == "random"), default=0.0)
    if best < GOOD or METRIC not in cell.scores:
        return ()
    own = _kind(cell.split)
    pairs = spearman if own == "random" else [(own, cell.scores[METRIC].value)]
    return tuple(_gap(kind, value) for kind, value in pairs if kind in _POSITION_WISE and value <= NEAR_ZERO)


def _gap(kind: str, value: float) -> str:
    return f"good on random folds, {'near' if value >= -NEAR_ZERO else 'below'} zero on {kind} folds"


def _turned(cell: Cell) -> tuple[str, ...]:
    score = cell.scores.get(METRIC)
    return ("predicts the opposite order",) if score is not None and score.value <= -GOOD else ()


def _usual_rows(cells: Sequence[Cell]) -> dict[tuple[str, str, str], int]:
    """How many rows most models were scored on, by data set, target and split."""
    counts: dict[tuple[str, str, str], Counter[int]] = {}
    for cell in cells:
        if cell.n is not None and not cell.failed:
            counts.setdefault((*cell.assay, cell.split), Counter())[cell.n] += 1
    return {place: found.most_common(1)[0][0] for place, found in counts.items()}


def _other_rows(cell: Cell, usual: Mapping[tuple[str, str, str], int]) -> tuple[str, ...]:
    rows = usual.get((*cell.assay, cell.split))
    if cell.failed or cell.n is None or cell.n == rows:
        return ()
    return (f"scored on {cell.n:,} rows, other models on {rows:,}",)
