"""One of several settings, chosen by cross-validation on the rows that are learned from."""

import numpy


class Choice:
    """Which of several settings predicts rows best that it has not learned from.

    Attributes:
        best: its place among the settings: the first of those with the least error.
        errors: mean squared error of each over all rows, each predicted once, (settings,).
        folds: into how many parts the rows were cut.
    """

    def __init__(self, errors, folds):
        self.errors = errors
        self.folds = folds
        # The same to nine digits is the same: a plateau must not be decided by rounding.
        self.best = int(numpy.argmax(errors <= errors.min() * (1 + 1e-9)))


def choose(design, target, path, folds, seed, groups):
    """Cut the rows into folds, learn without each, and predict it.

    Args:
        design: a Design of all rows.
        target: what was measured, (rows,).
        path: gives, for a design and a target, weights of each setting: (settings, columns).
        folds: how many; fewer where there are fewer groups.
        seed: of the folds.
        groups: a number a row, (rows,): rows of equal number (one sequence, measured twice) go into one fold.
    """
    fold_of = _folds(groups, folds, seed)
    used = int(fold_of.max()) + 1
    if used == 1:  # one sequence: nothing can be left out
        return Choice(numpy.zeros(len(path(design, target))), used)
    total = 0.0
    for fold in range(used):
        learned = fold_of != fold
        part, known = design.take(learned), target[learned]
        held_out, unknown = design.take(~learned), target[~learned]
        errors = []
        for weights in path(part, known):
            shift = known.mean() - part.differences(weights).mean()
            errors.append(((shift + held_out.differences(weights) - unknown) ** 2).sum())
        total = total + numpy.array(errors)
    return Choice(total / len(target), used)


def _folds(groups, folds, seed):
    """A fold a row. RandomState draws the same numbers with every numpy."""
    found = numpy.unique(groups)
    order = numpy.random.RandomState(seed).permutation(len(found))
    return (order % min(folds, len(found)))[numpy.searchsorted(found, groups)]


def groups_of(sequences):
    """A number a sequence, equal ones for equal sequences.

    >>> groups_of(["MK", "MR", "MK"]).tolist()
    [0, 1, 0]
    """
    numbers = {}
    return numpy.array([numbers.setdefault(sequence, len(numbers)) for sequence in sequences])
