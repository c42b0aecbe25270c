"""Variants as substitutions: position and residues of `A23G`, and the labels of variants that are told as sequences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PROPERTY_ORDER = "KRHEDNQTSCGAVLIMPYFW"
"""Charged, polar, small, aliphatic, proline, aromatic: as heat maps of protein variants mostly have it from top to
bottom (Brandes et al., Nature Genetics 2023, Figure 1)."""

_SUBSTITUTION = re.compile(r"([A-Z*])(-?\d+)([A-Z*])")


@dataclass(frozen=True)
class Substitution:
    """One residue for another."""

    wild_type: str
    position: int
    """As the label has it."""
    mutant: str


def parse_single(label: str) -> Substitution | None:
    """The substitution of a single mutant between two of the 20 amino acids; None for everything else.

    >>> parse_single("A23G")
    Substitution(wild_type='A', position=23, mutant='G')
    >>> parse_single("A23G:D40N"), parse_single("A23*"), parse_single("WT")
    (None, None, None)
    """
    match = _SUBSTITUTION.fullmatch(label.strip())
    if match is None or match[1] not in PROPERTY_ORDER or match[3] not in PROPERTY_ORDER or match[1] == match[3]:
        return None
    return Substitution(match[1], int(match[2]), match[3])


def common_sequence(sequences: Iterable[str]) -> str | None:
    """The commonest residue of each position: in a scan, the wild type. None where the lengths differ.

    >>> common_sequence(["GKT", "MAT", "MKA", "MKT"])
    'MKT'
    """
    import numpy as np

    distinct = sorted(set(sequences))
    if not distinct or len({len(sequence) for sequence in distinct}) != 1 or not all(map(str.isascii, distinct)):
        return None
    residues = np.frombuffer("".join(distinct).encode("ascii"), dtype=np.uint8).reshape(len(distinct), -1)
    counted = [np.bincount(column, minlength=128).argmax() for column in residues.T]
    return bytes(int(code) for code in counted).decode("ascii")


def labels(sequences: Sequence[str], wild_type: str) -> list[str]:
    """What is substituted in each sequence, from position 1; nothing where the sequence is the wild type.

    >>> labels(["MAT", "GKT", "GAT", "MKT"], "MKT")
    ['K2A', 'M1G', 'M1G:K2A', '']
    """
    return [
        ":".join(
            f"{before}{position}{after}"
            for position, (before, after) in enumerate(zip(wild_type, sequence, strict=True), start=1)
            if before != after
        )
        for sequence in sequences
    ]
