"""A small data set of a protein that does not exist, for tries: something can be learned from it, and quickly."""

from __future__ import annotations

import random
from collections.abc import Callable

from repro.errors import SettingsError
from repro.guest.assays import Assay, Dataset

Variant = tuple[tuple[int, str], ...]
"""Substitutions: place in the wild type, from 0, and residue."""
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_FEWEST_ROWS = 10
_MOST_ROWS = 100_000
_SINGLES = 0.7
_NOISE = 0.3


def make_dummy(name: str = "dummy", rows: int = 100, length: int = 30, seed: int = 0) -> Dataset:
    """A data set of single and double mutants whose values are sums of each substitution's effect, and some noise.

    Equal arguments give an equal data set, on every Python.

    >>> make_dummy() == make_dummy(), make_dummy() == make_dummy(seed=1), len(make_dummy(rows=20))
    (True, False, 20)

    Args:
        name: of the data set.
        rows: how many variants; seven of ten are single mutants, as far as there are so many.
        length: residues of the wild type.

    Raises:
        SettingsError: rows or length cannot be.
    """
    if not _FEWEST_ROWS <= rows <= _MOST_ROWS:
        raise SettingsError(f"{rows} rows cannot be made", fix=f"take {_FEWEST_ROWS} to {_MOST_ROWS}")
    if not 5 <= length <= 2000:
        raise SettingsError(f"a protein of {length} residues cannot be made", fix="take 5 to 2000")
    if rows > 100 * length * (length - 1):  # of 361 doubles a pair of places, so that drawing them finds new ones
        raise SettingsError(f"a protein of {length} residues is too short for {rows} rows", fix="make it longer")
    # Only random() gives the same numbers on every version of Python.
    draw = random.Random(seed).random  # noqa: S311 (no secret)
    wild_type = "M" + "".join(RESIDUES[int(draw() * 20)] for _ in range(length - 1))
    changes = [(place, residue) for place in range(length) for residue in RESIDUES if residue != wild_type[place]]
    effects = {change: draw() * 2 - 1.5 for change in changes}
    variants = _variants(changes, rows, draw)
    sums = [sum(effects[change] for change in variant) for variant in variants]
    values = [round(total + _NOISE * (draw() - 0.5), 4) for total in sums]
    median = sorted(values)[rows // 2]
    return Dataset(
        name=name,
        assays={
            "DMS_score": Assay(
                "DMS_score",
                "Made up: the sum of an effect of each substitution, and noise",
                [],
                {"sequence": wild_type, "mutation_col": "mutant"},
                "mutated_sequence",
            )
        },
        table={
            "mutant": [_name(wild_type, variant) for variant in variants],
            "mutated_sequence": [_changed(wild_type, variant) for variant in variants],
            "DMS_score": values,
            "DMS_score_bin": [float(value >= median) for value in values],
        },
        description=f"Made up for tries (seed {seed}): no protein, and nothing that was measured",
        source="repro dataset dummy",
    )


def _variants(changes: list[tuple[int, str]], rows: int, draw: Callable[[], float]) -> list[Variant]:
    """Distinct variants, by position."""
    n_singles = min(round(rows * _SINGLES), len(changes))
    shuffled = sorted(changes, key=lambda _: draw())
    found: dict[Variant, None] = {(change,): None for change in shuffled[:n_singles]}
    while len(found) < rows:
        one, other = sorted(changes[int(draw() * len(changes))] for _ in range(2))
        if one[0] != other[0]:
            found[one, other] = None
    return sorted(found, key=lambda variant: (len(variant), variant))


def _name(wild_type: str, variant: Variant) -> str:
    return ":".join(f"{wild_type[place]}{place + 1}{residue}" for place, residue in variant)


def _changed(wild_type: str, variant: Variant) -> str:
    residues = list(wild_type)
    for place, residue in variant:
        residues[place] = residue
    return "".join(residues)
