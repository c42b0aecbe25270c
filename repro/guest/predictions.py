"""The predictions of `train` as a table: checked, complete, in the data set's order."""

import csv
import math
import os

from .results import ContractError

_SHOWN = 60  # characters of a name


def checked(values, task):
    """What `train` of run.py gave, as floats, one a held-out row.

    Raises:
        ContractError: they are too few, too many, or one is no finite number; says which row.
    """
    if values is None:
        raise ContractError("train gave nothing; it returns a number for each of %d held-out rows" % len(task.test))
    predicted = [_number(value, index, task) for index, value in enumerate(values)]
    if len(predicted) != len(task.test):
        where = "" if task.fold is None else " in fold %d" % task.fold
        raise ContractError("train gave %d numbers for %d held-out rows%s" % (len(predicted), len(task.test), where))
    return predicted


def _number(value, index, task):
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ContractError("train gave no number for %s: %s" % (_row(index, task), str(value)[:80])) from None
    if not math.isfinite(number):
        raise ContractError("train gave %r for %s" % (number, _row(index, task)))
    return number


def _row(index, task):
    """A held-out row as errors name it."""
    where = "" if task.fold is None else " of fold %d" % task.fold
    if index >= len(task.test):
        return "held-out row %d%s, of which there are %d" % (index + 1, where, len(task.test))
    names = task.test.mutants or task.test.sequences
    name = names[index] if len(names[index]) <= _SHOWN else names[index][: _SHOWN - 3] + "..."
    return "held-out row %d%s (%s)" % (index + 1, where, name)


def write_table(path, examples, predicted, labels):
    """Write the table; it has its name when it is complete.

    Args:
        path: of the file, whose folder is there.
        examples: all rows of the data set that have a measured value.
        predicted: a number for each row of the data set that was held out, by the row's number.
        labels: what stands under `split`, one a row of the data set.
    """
    names = [name for name, there in (("mutant", examples.mutants), ("sequence", examples.sequences)) if there]
    columns = [examples.mutants if name == "mutant" else examples.sequences for name in names]
    unfinished = "%s.%d.partial" % (path, os.getpid())
    try:
        with open(unfinished, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(names + ["test", "pred", "split"])
            for row, measured, *named in zip(examples.rows, examples.targets, *columns):
                if row in predicted:
                    writer.writerow(named + [measured, predicted[row], labels[row]])
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise
