"""Ranks in a bootstrap resample: cumulative counts along an order that was found once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from repro.benchmarks.metrics.rows import Floats, Integers

Counts: TypeAlias = NDArray[np.int32]


_FEW = 4  # at most one value in so many has an equal


@dataclass(frozen=True, eq=False)
class Order:
    """Values in ascending order, and which of them are equal.

    Attributes:
        values: (n,), ascending.
        first, last: (n,): where the run of values equal to each begins and ends (inclusive); None where no two are
            equal.
        stops: where each run ends, once a run; None where no two are equal.
        few: those that have equals, where they are few; None where they are many, or there are none.
    """

    values: Floats
    first: Integers | None = None
    last: Integers | None = None
    stops: Integers | None = None
    few: Ties | None = None

    @classmethod
    def of(cls, values: Floats) -> Order:
        """The order of values that are sorted already."""
        starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
        if len(starts) == len(values):
            return cls(values)
        lengths = np.diff(np.r_[starts, len(values)])
        stops = starts + lengths - 1
        first, last = np.repeat(starts, lengths), np.repeat(stops, lengths)
        places = np.flatnonzero(first != last)
        few = Ties(places, first[places], last[places]) if len(places) * _FEW <= len(values) else None
        return cls(values, first, last, stops, few)


@dataclass(frozen=True, eq=False)
class Ties:
    """(k,): the places of values that have equals, and where the run of each begins and ends (inclusive)."""

    places: Integers
    first: Integers
    last: Integers

    def between(self, start: int, stop: int) -> Ties:
        """Those whose places are in [start, stop)."""
        among = slice(*np.searchsorted(self.places, (start, stop)))
        return Ties(self.places[among], self.first[among], self.last[among])

    def one_a_run(self) -> Ties:
        """The first value of each run."""
        chosen = self.places == self.first
        return Ties(self.places[chosen], self.first[chosen], self.last[chosen])


@dataclass(frozen=True, eq=False)
class Ranked:
    """The counts of a resample along one order.

    Attributes:
        order: the values.
        counts: (n,): how often each was drawn.
        ends: (n,): how many drawn values stand at or before each place.
    """

    order: Order
    counts: Counts
    ends: Counts

    def __len__(self) -> int:
        return len(self.counts)

    def add(self, counts: Counts, place: slice) -> None:
        """Take the counts of the values at `place`; all before it are there."""
        here, before = self.counts[place], self.ends[place.start - 1] if place.start else 0
        np.copyto(here, counts)
        here[0] += before
        np.cumsum(here, dtype=np.int32, out=self.ends[place])
        here[0] -= before

    def runs(self, start: int, stop: int) -> tuple[Counts, Counts]:
        """How many drawn values are less than each of those at [start, stop), and how many are not greater."""
        if self.order.first is None or self.order.last is None:
            ends = self.ends[start:stop]
            return ends - self.counts[start:stop], ends
        if self.order.few is not None:
            return self._runs_of_few(self.order.few.between(start, stop), start, stop)
        first = self.order.first[start:stop]
        return self.ends[first] - self.counts[first], self.ends[self.order.last[start:stop]]

    def _runs_of_few(self, ties: Ties, start: int, stop: int) -> tuple[Counts, Counts]:
        """`runs` as if no two were equal, mended where they are."""
        ends = self.ends[start:stop].copy()
        begins = ends - self.counts[start:stop]
        begins[ties.places - start] = self.ends[ties.first] - self.counts[ties.first]
        ends[ties.places - start] = self.ends[ties.last]
        return begins, ends

    def centered_ranks(self, start: int, stop: int, out: Counts) -> Counts:
        """Twice the distance of a row's rank (of its equals' mean rank) from the mean of all ranks: whole numbers."""
        begins, ends = self.runs(start, stop)
        np.add(begins, ends, out=begins)
        np.subtract(begins, np.int32(len(self)), out=out)
        return out

    def squared_ranks(self, cubes: float) -> float:
        """The sum of the squares of all centered ranks: (n^3 - the sum of t^3) / 3, for runs of t equals.

        `cubes` is that sum where the copies of a row are its only equals.
        """
        if self.order.few is not None:
            cubes += self._cubes_of_runs(self.order.few) - _cubes(self.counts[self.order.few.places])
        elif self.order.stops is not None:
            cubes = _cubes(np.diff(self.ends[self.order.stops], prepend=np.int32(0)))
        return (float(len(self)) ** 3 - cubes) / 3

    def _cubes_of_runs(self, ties: Ties) -> float:
        runs = ties.one_a_run()
        return _cubes(self.ends[runs.last] - self.ends[runs.first] + self.counts[runs.first])

    def value_at(self, position: int) -> float:
        """The value at a position of the resample in ascending order, from 0."""
        return float(self.order.values[self._place_at(position)])

    def _place_at(self, position: int) -> int:
        # int32 as `ends` is: for another type numpy would convert the whole array first.
        return int(np.searchsorted(self.ends, np.int32(position), side="right"))

    def place_of(self, threshold: float) -> int:
        """The first place whose value is not less than `threshold`."""
        return int(np.searchsorted(self.order.values, threshold, side="left"))

    def drawn_from(self, place: int) -> int:
        """How many drawn values stand at `place` or after it."""
        return len(self) - (int(self.ends[place - 1]) if place else 0)

    def first_run_among_top(self, count: int) -> int:
        """The place from which on rows may be among the `count` greatest drawn values, their equals included."""
        place = self._place_at(len(self) - count)
        return place if self.order.first is None else int(self.order.first[place])


def _cubes(sizes: Counts) -> float:
    """The sum of their third powers."""
    exact = sizes.astype(np.float64)
    return total(exact * exact, exact)  # exact**3 takes many times as long


def total(weights: Floats, values: Floats) -> float:
    """The sum of products of long arrays. Not with `@`: BLAS would start threads of its own in each of ours."""
    return float(np.einsum("i,i->", weights, values))
