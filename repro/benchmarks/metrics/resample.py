"""Bootstrap resamples as counts: how often each row was drawn. Rows are sorted once, then a resample is O(n).

A resample of n of n rows, with replacement, is a vector of multinomial counts. Ranks in it are cumulative counts in an
order that was sorted beforehand; all copies of a row, and all rows of one value, share the mean of their ranks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from repro.benchmarks.metrics.order import Counts, Order, Ranked, total
from repro.benchmarks.metrics.rows import Floats, Integers, Rows

T = TypeVar("T", bound=np.generic)

_BITS_64 = (1 << 64) - 1
_SWEPT = 1 << 16  # values swept over at a time: with fewer, threads wait for each other more often than they compute
_BLOCK = 1 << 16  # of rows whose counts fill together: their table stays in the processor's cache


class Presorted:
    """Rows in the order of their measured values, and the order of their predictions, found once for all resamples."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows if rows.are_sequences else rows.take(np.argsort(rows.truth, kind="stable"))

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def truth(self) -> Order:
        return Order.of(self.rows.truth)

    @cached_property
    def by_pred(self) -> Integers:
        """(n,): the rows in ascending order of their predictions."""
        return np.argsort(self.rows.pred, kind="stable")

    @cached_property
    def place_by_pred(self) -> Integers:
        """(n,): where each row stands in `by_pred`."""
        places = np.empty_like(self.by_pred)
        places[self.by_pred] = np.arange(len(self))
        return places

    @cached_property
    def pred(self) -> Order:
        return Order.of(self.rows.pred[self.by_pred])

    @cached_property
    def truth_by_pred(self) -> Floats:
        truth: Floats = self.rows.truth[self.by_pred]
        return truth

    @cached_property
    def classes_by_pred(self) -> Floats | None:
        return None if self.rows.classes is None else self.rows.classes[self.by_pred]

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """[start, stop) of parts of the predictions' order that fit into the cache; no run of equals is cut."""
        stops = np.arange(_SWEPT, len(self) + _SWEPT, _SWEPT)
        if self.pred.last is not None:
            stops = np.unique(self.pred.last[np.minimum(stops, len(self)) - 1] + 1)
        stops = np.minimum(stops, len(self))
        return list(zip([0, *stops[:-1].tolist()], stops.tolist(), strict=True))

    @cached_property
    def squared_errors_by_pred(self) -> Floats:
        errors: Floats = self.rows.squared_errors[self.by_pred]
        return errors

    @cached_property
    def discounts(self) -> Floats:
        """(n + 1,): the sum of 1 / log2(rank + 1) over the first ranks."""
        discounts: Floats = np.r_[0.0, np.cumsum(1 / np.log2(np.arange(2, len(self) + 2)))]
        return discounts

    def prepare(self) -> None:
        """Find every order now: threads that share this would each find it on their own."""
        if not self.rows.are_sequences:
            _ = (self.truth, self.pred, self.place_by_pred, self.truth_by_pred, self.discounts, self.blocks)
            _ = (self.squared_errors_by_pred, self.classes_by_pred)
        else:
            _ = self.rows.recovered


class Workspace:
    """Arrays that one resample after another is computed in: fresh memory for each would take as long as the sums."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._arrays: dict[str, NDArray[Any]] = {}

    def __call__(self, name: str, kind: type[T]) -> NDArray[T]:
        """The (n,) array of that name and kind, whatever it holds."""
        if name not in self._arrays:
            self._arrays[name] = np.empty(self.n, dtype=kind)
        return self._arrays[name]


class Resample:
    """One resample: `counts` says how often each row of `presorted.rows` was drawn; they sum up to n.

    It is good until its workspace is used for the next one.
    """

    def __init__(self, presorted: Presorted, counts: Counts, workspace: Workspace | None = None) -> None:
        self.presorted = presorted
        self.n = len(presorted)
        self.counts = counts
        self._workspace = workspace or Workspace(self.n)

    def repeated_rows(self) -> Rows:
        """The rows of the resample, each as often as it was drawn."""
        return self.presorted.rows.take(np.repeat(np.arange(self.n), self.counts))

    @cached_property
    def by_truth(self) -> Ranked:
        """The counts in the order of the measured values."""
        ends = np.cumsum(self.counts, dtype=np.int32, out=self._workspace("truth ends", np.int32))
        return Ranked(self.presorted.truth, self.counts, ends)

    @cached_property
    def by_pred(self) -> Ranked:
        """The counts in the order of the predictions; without the sums, which take several times as long."""
        if "_swept" in self.__dict__:
            return self._swept[0]
        space = self._workspace
        counts, ends = space("pred counts", np.int32), space("pred ends", np.int32)
        # mode: any but the default, which copies `out` to leave it as it was after an error
        np.take(self.counts, self.presorted.by_pred, out=counts, mode="clip")
        return Ranked(self.presorted.pred, counts, np.cumsum(counts, dtype=np.int32, out=ends))

    @property
    def sums(self) -> Sums:
        """The sums over all rows that metrics are made of."""
        return self._swept[1]

    @cached_property
    def squared_truth_ranks(self) -> float:
        """The sum of the squares of the measured values' ranks."""
        return self.by_truth.squared_ranks(self.sums.cubes)

    @cached_property
    def squared_pred_ranks(self) -> float:
        """The sum of the squares of the predictions' ranks."""
        return self.by_pred.squared_ranks(self.sums.cubes)

    @cached_property
    def _swept(self) -> tuple[Ranked, Sums]:
        """One pass in the order of the predictions, block by block, so that what is computed stays in the cache.

        Counts and ranks are moved into that order as pairs: it is the reading here and there in memory that takes time.
        """
        presorted, space = self.presorted, self._workspace
        joined = space("pairs", np.int64)
        pairs = joined.view(np.int32).reshape(-1, 2)
        pairs[:, 0] = self.counts
        self.by_truth.centered_ranks(0, self.n, out=pairs[:, 1])
        ranked = Ranked(presorted.pred, space("pred counts", np.int32), space("pred ends", np.int32))
        parts, memory, ranks = [], space("moved", np.int64), space("pred ranks", np.int32)
        for start, stop in presorted.blocks:
            place = slice(start, stop)
            moved, pred_ranks = memory[: stop - start], ranks[: stop - start]
            np.take(joined, presorted.by_pred[place], out=moved, mode="clip")
            counts, truth_ranks = moved.view(np.int32)[::2], moved.view(np.int32)[1::2]
            ranked.add(counts, place)
            ranked.centered_ranks(start, stop, out=pred_ranks)
            parts.append(self._sums(place, ranked.counts[place], truth_ranks, pred_ranks))
        return ranked, Sums(*map(math.fsum, zip(*parts, strict=True)))

    def _sums(self, place: slice, counts: Counts, truth_ranks: Counts, pred_ranks: Counts) -> list[float]:
        classes = self.presorted.classes_by_pred
        weights = counts.astype(np.float64)
        weighted_ranks = weights * pred_ranks
        return [
            total(weighted_ranks, truth_ranks.astype(np.float64)),
            total(weights * weights, weights),
            total(weights, self.presorted.squared_errors_by_pred[place]),
            0.0 if classes is None else total(weights, classes[place]),
            0.0 if classes is None else total(weighted_ranks, classes[place]),
        ]


@dataclass(frozen=True)
class Sums:
    """Sums over the drawn rows. Ranks are centered and doubled, as `Ranked.centered_ranks` has them."""

    rank_products: float
    """Of a row's two ranks, multiplied."""
    cubes: float
    """Of the third power of how often a row was drawn."""
    squared_errors: float
    positives: float
    """Of the classes: how many rows are in the upper one."""
    positive_ranks: float
    """Of the predictions' ranks of the upper class."""


def draw_counts(n: int, generator: np.random.Generator, workspace: Workspace | None = None) -> Counts:
    """(n,): how often each of n rows is drawn, n draws with replacement (multinomial counts).

    Draws are shared out among blocks of rows first, which is the same distribution, and each block is then filled with
    16 random bits a draw: several times as fast as n random numbers up to n.
    """
    sizes = [_BLOCK] * (n // _BLOCK) + ([n % _BLOCK] if n % _BLOCK else [])
    counts = (workspace or Workspace(n))("counts", np.int32)
    shares = generator.multinomial(n, np.array(sizes) / n)
    for start, size, share in zip(range(0, n, _BLOCK), sizes, shares.tolist(), strict=True):
        if size == _BLOCK:
            drawn = generator.integers(0, _BITS_64, size=-(-share // 4), dtype=np.uint64, endpoint=True)
            drawn = drawn.view(np.uint16)[:share].astype(np.intp)
        else:
            drawn = generator.integers(0, size, size=share)
        counts[start : start + size] = np.bincount(drawn, minlength=size)
    return counts
