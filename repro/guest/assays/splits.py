"""Which rows are learned from and which are held out: train / valid / test, and k folds as ProteinGym defines them.

The folds of ProteinGym (Notin et al. 2023, "ProteinNPT", section 4.1 and its `cv_split.py`):
- random: rows are dealt to the folds at random. Rows of one sequence stay together, and variants of each depth (number
  of substitutions) are dealt evenly, as its folds for multi-mutants are. (Its folds of single mutants are drawn row by
  row, which differs in the sizes alone: here they are equal, so that none is empty.)
- modulo: the mutated positions, sorted, take turns: the i-th of them belongs to fold i mod k.
- contiguous: the mutated positions, sorted, are cut into k runs of equal length (the first ones longer by one).
An assay with multi-mutants has them all in its random folds, as in ProteinGym's `fold_rand_multiples`; its
`fold_random_5` leaves them out there.
Modulo and contiguous folds hold single mutants alone, as ProteinGym's do: a variant with several substitutions, or with
none, belongs to no fold. Split.left_out counts them.
"""

import dataclasses
import random
from typing import List, Optional

from . import mutants as naming
from .errors import DatasetError

TRAIN, VALID, TEST = "train", "valid", "test"
LEFT_OUT = ""
"""The label of a row that belongs to no part."""
TRAIN_VALID_TEST = "train-valid-test"
FOLD_KINDS = ("random", "modulo", "contiguous")
KINDS = (TRAIN_VALID_TEST,) + FOLD_KINDS
FRACTIONS = (0.8, 0.1, 0.1)


@dataclasses.dataclass(frozen=True)
class Split:
    """One label a row of a data set: `train`, `valid` or `test`, or the number of its fold; empty where in no part.

    Raises:
        DatasetError: a label is none of these, a fold is empty, or there is nothing to learn from or to test on.

    >>> split = Split("by_hand", "train-valid-test", None, None, ["train", "test", "train"])
    >>> split.parts()
    ([0, 2], [], [1])
    """

    name: str
    kind: str
    folds: Optional[int]
    seed: Optional[int]
    labels: List[str]

    def __post_init__(self):
        if self.kind not in KINDS:
            raise DatasetError(
                "the split %s is of the kind %r; there are %s" % (self.name, self.kind, ", ".join(KINDS))
            )
        present = set(self.labels)
        allowed = [TRAIN, VALID, TEST] if self.folds is None else [str(fold) for fold in range(self.folds)]
        unknown = present.difference(allowed, [LEFT_OUT])
        if unknown:
            label = min(unknown, key=str)
            raise DatasetError(
                "the split %s has the label %r in row %d; labels are %s"
                % (self.name, label, self.labels.index(label) + 1, ", ".join(allowed))
            )
        needed = [TRAIN, TEST] if self.folds is None else allowed
        empty = [label for label in needed if label not in present]
        if empty:
            raise DatasetError(
                "the split %s has no row in %s" % (self.name, ", ".join(empty)),
                "use fewer folds" if self.is_folds else "",
            )

    def __len__(self):
        return len(self.labels)

    @property
    def is_folds(self):
        """Whether it has folds, which are held out in turn, rather than one part to test on."""
        return self.folds is not None

    @property
    def left_out(self):
        """How many rows belong to no part."""
        return self.labels.count(LEFT_OUT)

    @property
    def counts(self):
        """How many rows each part has, by label; LEFT_OUT's apart."""
        found = dict.fromkeys([TRAIN, VALID, TEST] if self.folds is None else map(str, range(self.folds)), 0)
        for label in self.labels:
            if label:
                found[label] += 1
        return found

    def parts(self, fold=None, valid=False):
        """The numbers of the rows to learn from, to choose by, and to test on, from 0, each in order.

        Args:
            fold: the one that is held out, for a split into folds.
            valid: of a split into folds, take the fold before it (of fold 0 the last) to choose by, as ProteinNPT does.

        Raises:
            DatasetError: the fold is not named, or not there.
        """
        if self.folds is None:
            if fold is not None:
                raise DatasetError(
                    "the split %s has no folds: it has train, valid and test" % self.name, "leave the fold out"
                )
            return tuple(self._rows({label}) for label in (TRAIN, VALID, TEST))
        if fold is None or not 0 <= int(fold) < self.folds:
            raise DatasetError(
                "the split %s has the folds 0 to %d%s"
                % (self.name, self.folds - 1, "; say which is held out" if fold is None else ", and no %s" % fold),
                "name one of them (--fold 0), or leave the fold out: all are then done in turn",
            )
        test = str(int(fold))
        chosen = {str((int(fold) - 1) % self.folds)} if valid else set()
        learned = {str(one) for one in range(self.folds)} - chosen - {test}
        return self._rows(learned), self._rows(chosen), self._rows({test})

    def _rows(self, labels):
        return [row for row, label in enumerate(self.labels) if label in labels]

    def shared(self, sequences):
        """The rows whose sequence lies in more than one part: what is held out would have been learned."""
        first, shared = {}, []
        for row, (label, sequence) in enumerate(zip(self.labels, sequences)):
            if label and first.setdefault(sequence, label) != label:
                shared.append(row)
        return shared


def make_split(kind, dataset, folds=5, seed=0, fractions=FRACTIONS, name=None):
    """A split of a data set's rows; equal data, kind and seed give an equal split, on every Python.

    Args:
        kind: `random`, `modulo`, `contiguous` or `train-valid-test`.
        dataset: a Dataset. Modulo and contiguous folds need the names of variants, or the wild type.
        folds: how many.
        seed: of what is drawn at random (not for modulo and contiguous).
        fractions: of train, valid and test.

    Raises:
        DatasetError: it cannot be made of this data set.
    """
    if kind in FOLD_KINDS and (not isinstance(folds, int) or folds < 2):
        raise DatasetError(
            "%r folds cannot be made: there must be 2 or more" % (folds,), "name another split: random_5"
        )
    if kind == "random":
        return Split(name or "random_%d" % folds, kind, folds, seed, _random_folds(dataset, folds, seed))
    if kind in FOLD_KINDS:
        depths = _single_positions(dataset, kind)
        labels = _position_folds(kind, depths, folds)
        return Split(name or "%s_%d" % (kind, folds), kind, folds, None, labels)
    if kind == TRAIN_VALID_TEST:
        labels = _train_valid_test(dataset, seed, fractions)
        return Split(name or "train_valid_test", kind, None, seed, labels)
    raise DatasetError("%r is no kind of split; there are %s" % (kind, ", ".join(KINDS)))


def _shuffled(dataset, seed):
    """The rows in an order drawn at random, those of one sequence beside each other.

    Only Random.random() gives the same numbers on every version of Python: the order is that of numbers drawn.
    """
    draw = random.Random(seed).random  # noqa: S311 (no secret)
    drawn = {sequence: draw() for sequence in dict.fromkeys(dataset.sequences)}
    keys = [drawn[sequence] for sequence in dataset.sequences]
    return sorted(range(len(keys)), key=keys.__getitem__)


def _random_folds(dataset, folds, seed):
    depths, sequences = _depths(dataset), dataset.sequences
    by_depth = {}
    for row in _shuffled(dataset, seed):
        by_depth.setdefault(depths[row], []).append(row)
    names = [str(fold) for fold in range(folds)]
    fold_of = {}
    for depth in sorted(by_depth):
        for row in by_depth[depth]:
            fold_of.setdefault(sequences[row], names[len(fold_of) % folds])
    if len(fold_of) < folds:
        raise DatasetError(
            "%s has %d sequences, too few for %d folds" % (dataset.name, len(fold_of), folds), "use fewer folds"
        )
    return [fold_of[sequence] for sequence in sequences]


def _depths(dataset):
    """How many substitutions each row has, as far as the names of variants say it; else the same for all."""
    if dataset.mutants is None:
        return [0] * len(dataset)
    return [mutant.count(naming.SEPARATOR) + 1 if mutant else 0 for mutant in dataset.mutants]


def _single_positions(dataset, kind):
    """Of each row the position of its only substitution, or None where it has several, or none."""
    if dataset.mutants is not None:
        found = _named_positions(dataset)
    elif dataset.wild_type is not None:
        lengths = {len(sequence) for sequence in dataset.sequences}
        if lengths != {len(dataset.wild_type)}:
            raise DatasetError(
                "%s folds go by mutated positions, and the sequences of %s differ in length from its wild type"
                % (kind, dataset.name),
                "use the random split",
            )
        found = (naming.changed_positions(dataset.wild_type, sequence) for sequence in dataset.sequences)
    else:
        raise DatasetError(
            "%s folds go by mutated positions, and %s has neither names of variants nor a wild type"
            % (kind, dataset.name),
            "give its wild type (the constant `sequence`) or a column of variants (`mutation_col`)",
        )
    return [changed[0] if len(changed) == 1 else None for changed in found]


def _named_positions(dataset):
    for row, mutant in enumerate(dataset.mutants):
        try:
            yield naming.positions(mutant)
        except DatasetError as error:
            raise DatasetError("%s, row %d: %s" % (dataset.name, row + 1, error.message), error.fix) from None


def _position_folds(kind, single_positions, folds):
    mutated = sorted({position for position in single_positions if position is not None})
    if len(mutated) < folds:
        raise DatasetError(
            "%d folds by position need as many positions with single mutants, and there are %d" % (folds, len(mutated)),
            "use fewer folds, or the random split, which takes variants with several substitutions too",
        )
    if kind == "modulo":
        fold_of = {position: index % folds for index, position in enumerate(mutated)}
    else:
        length, longer = divmod(len(mutated), folds)
        ends = [(fold + 1) * length + min(fold + 1, longer) for fold in range(folds)]
        fold_of, fold = {}, 0
        for index, position in enumerate(mutated):
            fold += index == ends[fold]
            fold_of[position] = fold
    return [LEFT_OUT if position is None else str(fold_of[position]) for position in single_positions]


def _train_valid_test(dataset, seed, fractions):
    if len(fractions) != 3 or min(fractions) < 0 or not 0.999 < sum(fractions) < 1.001:
        raise DatasetError("the fractions of train, valid and test are %s; they add up to 1" % (tuple(fractions),))
    label_of = {}
    sequences = dataset.sequences
    count = len(set(sequences))
    end = min(round((fractions[0] + fractions[1]) * count), count - (fractions[2] > 0))
    ends = (min(max(1, round(fractions[0] * count)), end), end)
    for row in _shuffled(dataset, seed):
        index = len(label_of)
        label_of.setdefault(sequences[row], TRAIN if index < ends[0] else VALID if index < ends[1] else TEST)
    return [label_of[sequence] for sequence in sequences]
