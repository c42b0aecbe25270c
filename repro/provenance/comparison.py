"""Two outputs held against each other, row by row, field by field."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.provenance.outputs import read_rows
from repro.provenance.privacy import to_be_shown

if TYPE_CHECKING:
    from repro.verification.compare import Difference

_SHOWN = 10


@dataclass(frozen=True)
class RowComparison:
    """How the rows of two outputs differ."""

    rows_then: int
    rows_now: int
    different_rows: int
    """Of those that both have."""
    fields: Mapping[str, int]
    """How many rows differ in each field."""
    largest: Mapping[str, float]
    """The largest difference of each field with numbers."""
    differences: tuple[Difference, ...]
    """The largest ones; what is no number counts as larger than any."""

    @property
    def is_same(self) -> bool:
        return not self.different_rows and self.rows_then == self.rows_now


def compare_outputs(then: Path, now: Path, format: str) -> RowComparison:
    """What differs between two outputs of one format.

    Raises:
        InputFileError: one of them is not of that format.
    """
    counts, fields, largest = Counter[str](), Counter[str](), dict[str, float]()
    found: list[Difference] = []
    for number, (before, after) in enumerate(itertools.zip_longest(read_rows(then, format), read_rows(now, format))):
        counts["then"] += before is not None
        counts["now"] += after is not None
        if before is None or after is None:
            continue
        differences = _compare_row(number, *_numbers(before, after, format), largest)
        counts["different"] += bool(differences)
        fields.update(one.field for one in differences)
        found = heapq.nlargest(_SHOWN, itertools.chain(found, differences), key=_size)
    # The names of fields and records are those of a file that may be a stranger's.
    named, most = to_be_shown(dict(fields)), to_be_shown(largest)
    shown = tuple(map(to_be_shown, found))
    return RowComparison(counts["then"], counts["now"], counts["different"], named, most, shown)


def _compare_row(
    number: int, before: Mapping[str, Any], after: Mapping[str, Any], largest: dict[str, float]
) -> list[Difference]:
    from repro.verification.compare import compare

    name = before.get("id")
    compared = compare([before], [after], ids=[None if name is None else str(name)])
    for field, most in compared.largest.items():
        largest[field] = max(largest.get(field, 0.0), most)
    return [replace(one, record=number) for one in compared.differences]


def _numbers(before: dict[str, Any], after: dict[str, Any], format: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The cells of a table that differ as text, as numbers where both are: then it shows by how much."""
    if format not in ("csv", "tsv"):
        return before, after
    numbers = {name: pair for name in before.keys() & after.keys() if (pair := _pair(before[name], after[name]))}
    return (
        {**before, **{name: pair[0] for name, pair in numbers.items()}},
        {**after, **{name: pair[1] for name, pair in numbers.items()}},
    )


def _pair(before: str, after: str) -> tuple[float, float] | None:
    if before == after:
        return None
    try:
        return float(before), float(after)
    except ValueError:
        return None


def _size(difference: Difference) -> float:
    return math.inf if difference.difference is None else difference.difference
