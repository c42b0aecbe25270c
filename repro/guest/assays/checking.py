"""What in a data set may lead to wrong figures although it can be read."""

import collections
import re

from . import mutants as naming
from .errors import DatasetError
from .variants import OFFSET

_SHOWN = 3
_STANDARD = re.compile(r"[ACDEFGHIKLMNPQRSTVWY]+")


def problems(dataset):
    """The faults of a data set, a sentence each; none where it is sound.

    Looked at: whether variants' names fit wild type and sequences, substitutions that change the length, sequences that
    stand in several rows, residues that are none of the twenty, targets without any difference, and splits that have
    one sequence in two parts.
    """
    found = [*_misnamed(dataset), *_unequal(dataset), *_repeated(dataset), *_unusual(dataset)]
    for target in dataset.assays:
        values = {value for value in dataset.table[target] if value == value}
        if len(values) < 2:
            found.append("the target %s has %s: nothing can be learned from it" % (target, _few(values)))
    for split in dataset.splits.values():
        shared = split.shared(dataset.sequences)
        if shared:
            found.append("the split %s has sequences in two of its parts: %s" % (split.name, _rows(shared)))
    return found


def misnamed_rows(dataset):
    """The rows whose variant's name does not fit sequence and wild type; none where variants have no names."""
    if dataset.mutants is None:
        return []
    wild_type = dataset.wild_type
    offset = next(iter(dataset.assays.values())).constants.get(OFFSET, 1)
    rows = enumerate(zip(dataset.mutants, dataset.sequences))
    return [row for row, (mutant, sequence) in rows if not _fits(mutant, sequence, wild_type, offset)]


def _misnamed(dataset):
    wrong = misnamed_rows(dataset)
    what = "the sequences" if dataset.wild_type is None else "the sequences and the wild type"
    return ["the names of variants do not fit %s: %s" % (what, _rows(wrong))] if wrong else []


def _fits(mutant, sequence, wild_type, offset):
    if mutant == sequence:  # as ProteinGym names insertions and deletions
        return True
    try:
        if wild_type is None:
            return naming.revert_mutant(sequence, mutant) is not None
        return naming.apply_mutant(wild_type, mutant, offset) == sequence
    except DatasetError:
        return False


def _unequal(dataset):
    if dataset.mutants is None or dataset.wild_type is not None:  # with a wild type they are misnamed
        return []
    named = [row for row, mutant in enumerate(dataset.mutants) if mutant != dataset.sequences[row]]
    lengths = collections.Counter(len(dataset.sequences[row]) for row in named)
    if len(lengths) < 2:
        return []
    usual = lengths.most_common(1)[0][0]
    other = [row for row in named if len(dataset.sequences[row]) != usual]
    return ["the names are of substitutions, and sequences are not of one length (%d): %s" % (usual, _rows(other))]


def _repeated(dataset):
    seen, again = set(), []
    for row, sequence in enumerate(dataset.sequences):
        if sequence in seen:
            again.append(row)
        seen.add(sequence)
    return ["sequences stand in several rows: %s" % _rows(again)] if again else []


def _unusual(dataset):
    found = [row for row, sequence in enumerate(dataset.sequences) if not _STANDARD.fullmatch(sequence)]
    return ["sequences have other letters than those of the twenty amino acids: %s" % _rows(found)] if found else []


def _few(values):
    return "one value alone" if values else "no value"


def _rows(rows):
    shown = ", ".join(str(row + 1) for row in rows[:_SHOWN])
    more = " and %d more" % (len(rows) - _SHOWN) if len(rows) > _SHOWN else ""
    return "row%s %s%s" % ("" if len(rows) == 1 else "s", shown, more)
