"""Variants written as substitutions: `A23G`, `A23G:D42N`, or nothing for the wild type. Positions count from 1."""

import re

from .errors import DatasetError

SEPARATOR = ":"
_SUBSTITUTION = re.compile(r"([A-Za-z*])(\d+)([A-Za-z*-])")
_WILD_TYPE_NAMES = frozenset(["", "wt", "_wt", "wildtype", "wild_type", "wild-type"])


def substitutions(mutant):
    """What a variant changes: `(wild type's residue, position, residue)` each.

    Raises:
        DatasetError: it is not written as substitutions.

    >>> substitutions("A23G:D42N"), substitutions("WT")
    ([('A', 23, 'G'), ('D', 42, 'N')], [])
    """
    if mutant.strip().lower() in _WILD_TYPE_NAMES:
        return []
    found = []
    for part in mutant.split(SEPARATOR):
        match = _SUBSTITUTION.fullmatch(part.strip())
        if match is None:
            raise DatasetError("%r is no substitution such as A23G" % part, "write variants as A23G or A23G:D42N")
        found.append((match.group(1), int(match.group(2)), match.group(3)))
    return found


def positions(mutant):
    """The positions that a variant changes, from 1.

    >>> positions("A23G:D42N")
    [23, 42]
    """
    return [position for _, position, _ in substitutions(mutant)]


def apply_mutant(wild_type, mutant, offset=1):
    """The sequence of a variant.

    Args:
        offset: the position that the first residue of `wild_type` has in the names of variants.

    Raises:
        DatasetError: a position lies outside, or the wild type has another residue there.

    >>> apply_mutant("MKV", "K2R"), apply_mutant("MKV", "K25R", offset=24)
    ('MRV', 'MRV')
    """
    residues = list(wild_type)
    for before, position, after in substitutions(mutant):
        index = position - offset
        if not 0 <= index < len(residues):
            raise DatasetError(
                "%s: position %d is none of the wild type's, which go from %d to %d"
                % (mutant, position, offset, offset + len(residues) - 1)
            )
        if wild_type[index] != before:
            raise DatasetError(
                "%s: the wild type has %s at position %d, not %s" % (mutant, wild_type[index], position, before),
                "give the wild type that the variants were named after, or the position of its first residue",
            )
        residues[index] = after
    return "".join(residues)


def revert_mutant(sequence, mutant):
    """The wild type of a variant's sequence, or None where the sequence does not have what the variant says.

    >>> revert_mutant("MRV", "K2R"), revert_mutant("MRV", "K3R")
    ('MKV', None)
    """
    residues = list(sequence)
    for before, position, after in substitutions(mutant):
        if not 1 <= position <= len(sequence) or sequence[position - 1] != after:
            return None
        residues[position - 1] = before
    return "".join(residues)


def name_mutant(wild_type, sequence):
    """How a sequence differs from a wild type of the same length, as a variant's name; nothing where it does not.

    >>> name_mutant("MKVA", "MRVG")
    'K2R:A4G'
    """
    return SEPARATOR.join(
        "%s%d%s" % (before, index + 1, after)
        for index, (before, after) in enumerate(zip(wild_type, sequence))
        if before != after
    )


def changed_positions(wild_type, sequence):
    """The positions, from 1, at which a sequence differs from a wild type of the same length.

    >>> changed_positions("MKVA", "MRVG")
    [2, 4]
    """
    return [index + 1 for index, (before, after) in enumerate(zip(wild_type, sequence)) if before != after]
