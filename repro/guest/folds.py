"""Which rows of a data set `train` learns from and which it holds out: the target, the split and its folds, chosen."""

import dataclasses
import difflib
import re

from .assays import DatasetError
from .assays.splits import FOLD_KINDS, LEFT_OUT, TRAIN_VALID_TEST, make_split

ALL = "all"
"""As a split: hold out all rows, for a model that learns nothing."""
STORED_FIRST = "train_valid_test"
"""Taken where several splits are stored and none is named."""
MADE = "random_5"
"""Made where none is stored and none is named."""
_FOLDS = re.compile("(%s)_([0-9]{1,4})" % "|".join(FOLD_KINDS))
_NOT_TOLD = float("nan")


class Plan:
    """What is learned and predicted, in how many parts.

    Attributes:
        dataset: with the split, where that was made.
        target: the column that is predicted.
        split: its name; `all` where all rows are held out.
        parts: list of Part, in the order in which they are done.
        labels: what stands under `split` in the predictions, one a row of the data set.
        notes: what was chosen although nobody asked for it, a line each.
    """

    def __init__(self, dataset, target, split, parts, labels, notes):
        self.dataset = dataset
        self.target = target
        self.split = split
        self.parts = parts
        self.labels = labels
        self.notes = notes


class Part:
    """One time of learning: the numbers of the rows to learn from, to choose by, and to predict."""

    def __init__(self, fold, train, valid, test):
        self.fold = fold
        self.train = train
        self.valid = valid
        self.test = test

    def examples(self, dataset, target):
        """The same as Examples. What is to be predicted is not told."""
        train, valid, test = [dataset.examples(target, rows) for rows in (self.train, self.valid, self.test)]
        return train, valid, dataclasses.replace(test, targets=[_NOT_TOLD] * len(test))


def plan(dataset, target=None, split=None, fold=None, zero_shot=False):
    """What to learn and predict.

    Args:
        target: a column of measured values; needed where there are several.
        split: the name of a stored split, or of one that can be made (`random_5`, `modulo_5`, `contiguous_5` or any
            other number, `train_valid_test`), or `all`; None: the only stored one, else `train_valid_test`, else
            `random_5` is made, or for a model that learns nothing `all` taken.
        fold: the only one to predict; None: all.
        zero_shot: whether the model learns nothing; then the folds are predicted together.

    Raises:
        DatasetError: one of them is not there, or cannot be made, or leaves nothing to learn from or to predict.
    """
    target = dataset.assay(target).target
    name = split or stored_split(dataset) or (ALL if zero_shot else MADE)
    if name == ALL:
        return _all_rows(dataset, target, fold, zero_shot)
    notes = [] if name in dataset.splits else ["%s has no split %r: it is made, with the seed 0" % (dataset.name, name)]
    dataset = with_split(dataset, name)
    chosen = dataset.splits[name]
    if chosen.left_out:
        notes.append("%d rows belong to no part of the split %s" % (chosen.left_out, name))
    parts = _parts(chosen, fold, zero_shot)
    _check(dataset, target, name, parts, zero_shot)
    labels = ["test"] * len(dataset) if chosen.folds is None else chosen.labels
    return Plan(dataset, target, name, parts, labels, notes)


def stored_split(dataset):
    """The name of the split that is taken where none is named; None where none is stored.

    Raises:
        DatasetError: there are several, and none is `train_valid_test`.
    """
    if not dataset.splits or STORED_FIRST in dataset.splits:
        return STORED_FIRST if dataset.splits else None
    if len(dataset.splits) > 1:
        raise DatasetError(
            "%s has several splits: %s" % (dataset.name, ", ".join(dataset.splits)), "name one of them (--split)"
        )
    return next(iter(dataset.splits))


def with_split(dataset, name):
    """The data set with a split of that name: as it is where that is stored, else with one that is made.

    Raises:
        DatasetError: it is not stored, and its name is of none that can be made.
    """
    if name in dataset.splits:
        return dataset
    match = _FOLDS.fullmatch(name)
    if match:
        return dataset.with_split(make_split(match.group(1), dataset, folds=int(match.group(2)), name=name))
    if name == STORED_FIRST:
        return dataset.with_split(make_split(TRAIN_VALID_TEST, dataset, name=name))
    near = difflib.get_close_matches(name, list(dataset.splits) + [MADE, "modulo_5", "contiguous_5", STORED_FIRST], n=1)
    raise DatasetError(
        "%s has no split %r; stored are: %s" % (dataset.name, name, ", ".join(dataset.splits) or "none"),
        "did you mean %s?" % near[0] if near else "random_5, modulo_5, contiguous_5 and train_valid_test are made",
    )


def _all_rows(dataset, target, fold, zero_shot):
    if not zero_shot:
        raise DatasetError("the split %s leaves this model nothing to learn from" % ALL, "name another split")
    if fold is not None:
        raise DatasetError("the split %s has no fold %s: all rows are held out" % (ALL, fold), "leave the fold out")
    parts = [Part(None, [], [], list(range(len(dataset))))]
    _check(dataset, target, ALL, parts, zero_shot)
    return Plan(dataset, target, ALL, parts, ["test"] * len(dataset), [])


def _parts(split, fold, zero_shot):
    if not split.is_folds or fold is not None:
        found = [Part(fold, *split.parts(fold))]
    elif zero_shot:  # what a fold holds makes no difference: the model scores all rows at once
        return [Part(None, [], [], [row for row, label in enumerate(split.labels) if label != LEFT_OUT])]
    else:
        found = [Part(number, *split.parts(number)) for number in range(split.folds)]
    return [Part(part.fold, [], [], part.test) for part in found] if zero_shot else found


def _check(dataset, target, name, parts, zero_shot):
    """Rows without a measured value may have left a part empty."""
    values = dataset.table[target]
    for part in parts:
        where = "the split %s" % name if part.fold is None else "fold %d of the split %s" % (part.fold, name)
        for rows, what in ((part.test, "to predict"), (part.train, "to learn from")):
            if not (zero_shot and rows is part.train) and not any(values[row] == values[row] for row in rows):
                raise DatasetError("%s has no row with a %s %s in %s" % (dataset.name, target, what, where))
