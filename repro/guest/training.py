"""The form `train` of run.py: a data set and a model card in, predictions of held-out rows out.

`train` of a Runner gets a Task, once a fold, and returns a number for each row that was held out from it. They become
`{dataset}_{model}.csv` in the output folder, beside what the model has kept there. Where nothing is said, the paths are
those of SageMaker. What goes wrong is told on stderr, in the exit status, and in a file where SageMaker looks for it.
"""

import json
import os
import re
import signal
import sys
import threading
import time
import traceback

from . import facts, folds, predictions
from .assays import CardError, Dataset, DatasetError
from .hyperparameters import OptionError
from .results import ContractError
from .training_options import TrainingPaths, prefix_of, say, training_options

DONE, FAILED, WRONG_OPTIONS, WRONG_INPUT, STOPPED = 0, 1, 2, 3, 128 + signal.SIGTERM
"""Exit statuses: the model, or run.py, failed; an option or a hyper-parameter is wrong; the data set or the card is."""
END_WITH_STDIN = "REPRO_END_WITH_STDIN"
"""Set by a host without containers: the end of standard input means that the host has gone."""


class Task:
    """What a model is to learn from, and what it is to predict: one fold.

    Attributes:
        train, valid: Examples to learn from; both empty for a model that learns nothing (`zero_shot`).
        test: Examples that were held out: predict their targets, which are not told (NaN).
        wild_type: the sequence that was mutated, where the data set has one.
        dataset, card: as they were read.
        target: the column of the data set that is predicted.
        fold: its number; None where the split has no folds, or all are predicted together.
    """

    def __init__(self, dataset, card, target, fold, parts, folder):
        self.dataset = dataset
        self.card = card
        self.target = target
        self.fold = fold
        self.train, self.valid, self.test = parts
        self.wild_type = dataset.assays[target].wild_type
        self._folder = folder

    @property
    def output_dir(self):
        """A folder to keep in what was learned: it is there. Each fold has one of its own."""
        os.makedirs(self._folder, exist_ok=True)
        return self._folder


# ------------------------------------------------------------------------------------------------------- the process


def main(cls, arguments):
    """Do what the words behind `train` say; anything but success ends the process with an exit status."""
    paths = TrainingPaths(prefix_of(arguments))
    _end_with_stdin()
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        options = training_options(cls, arguments, paths)
        print(_trained(cls, options, paths), flush=True)
    except OptionError as error:
        _fail(paths, str(error), WRONG_OPTIONS)
    except (CardError, DatasetError) as error:
        _fail(paths, str(error), WRONG_INPUT)
    except _Stopped:
        _fail(paths, "the training was stopped (SIGTERM)", STOPPED)
    except Exception as error:
        traceback.print_exc()
        _leave_failure(paths, "%s: %s\n\n%s" % (type(error).__name__, error, traceback.format_exc()))
        raise SystemExit(FAILED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _trained(cls, options, paths):
    try:
        return train(cls, options, paths)
    except SystemExit as ended:  # a model's own: nothing was predicted, whatever the status says
        raise ContractError("run.py ended itself, with %r, before all was predicted" % (ended.code,)) from ended


class _Stopped(BaseException):
    """SIGTERM has come, as SageMaker sends it two minutes before it kills."""


def _stop(number, frame):
    raise _Stopped


def _fail(paths, said, status):
    print("run.py train: error: %s" % said, file=sys.stderr, flush=True)
    _leave_failure(paths, said)
    raise SystemExit(status) from None


def _leave_failure(paths, said):
    """Say what went wrong where SageMaker looks for it; elsewhere there is no such folder."""
    if not os.path.isdir(os.path.dirname(paths.failure_file)):
        return
    try:
        with open(paths.failure_file, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(said)
    except OSError as error:  # what went wrong stands in the log
        say("%s cannot be written: %s" % (paths.failure_file, error.strerror))


def _end_with_stdin():
    if os.environ.get(END_WITH_STDIN):
        threading.Thread(target=_wait_for_stdin, daemon=True).start()


def _wait_for_stdin():
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)  # with what the model has started


# ------------------------------------------------------------------------------------------------- learn and predict


def train(cls, options, paths):
    """Train a model of class `cls`, fold by fold, and write its predictions; gives their path."""
    begun = time.time()
    dataset = Dataset.from_path(options.dataset_file)
    plan = folds.plan(dataset, options.target, options.split, options.fold, cls.learns_nothing(options))
    for said in plan.notes:
        say(said)
    _make_output(options.output_dir)
    runner = cls.started(options)
    predicted = {}
    for number, part in enumerate(plan.parts, 1):
        examples = part.examples(plan.dataset, plan.target)
        task = Task(plan.dataset, options.card, plan.target, part.fold, examples, _folder(options, plan, part))
        _say_part(task, number, len(plan.parts))
        predicted.update(zip(task.test.rows, predictions.checked(runner.train(task), task)))
    path = os.path.join(options.output_dir, table_name(dataset.name, options.card.name))
    every = plan.dataset.examples(plan.target)
    predictions.write_table(path, every, predicted, plan.labels)
    say("%d predictions" % len(predicted))
    _leave_facts(
        paths, _facts(runner, options, dataset, plan, path, time.time() - begun, len(predicted), every.dropped)
    )
    return path


def _make_output(folder):
    """Raise OptionError where nothing can be written there: before a model learns for hours."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise OptionError("the output folder %s cannot be made: %s" % (folder, error.strerror)) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OptionError(
            "the output folder %s cannot be written by user %d: run the container as the folder's owner (docker run "
            "--user), or name another one" % (folder, os.getuid())
        )


def table_name(dataset, model):
    """What the table of predictions is called.

    >>> table_name("A4_HUMAN_Seuma_2022", "ESM-2 8M")
    'A4_HUMAN_Seuma_2022_ESM-2-8M.csv'
    """
    return re.sub(r"[^\w.+-]", "-", "%s_%s.csv" % (dataset, model)).lstrip(".-")


def _folder(options, plan, part):
    if part.fold is None or len(plan.parts) == 1:
        return options.output_dir
    return os.path.join(options.output_dir, "fold_%d" % part.fold)


def _say_part(task, number, parts):
    which = "" if parts == 1 else "fold %d (%d of %d): " % (task.fold, number, parts)
    learns = "%d rows to learn from, " % (len(task.train) + len(task.valid)) if len(task.train) else ""
    say("%s%s%d held out" % (which, learns, len(task.test)))


def _facts(runner, options, dataset, plan, path, seconds, rows, dropped):
    """What was done, for whoever started it."""
    return {
        "predictions": os.path.basename(path),
        "rows": rows,
        "dropped": dropped,
        "dataset": {"name": dataset.name, "digest": dataset.digest, "target": plan.target},
        "model": options.card.name,
        "card_digest": options.card.digest,
        "split": plan.split,
        "folds": [part.fold for part in plan.parts if part.fold is not None],
        "hyper_params": options.hyper_params,
        "seconds": round(seconds, 3),
        "worker": dict(facts.describe(runner), options=options.hyper_params),
    }


def _leave_facts(paths, content):
    """Leave them where SageMaker packs what is not the model; elsewhere there is no such folder."""
    folder = os.path.dirname(paths.facts_file)
    if not os.path.isdir(os.path.dirname(folder)):
        return
    os.makedirs(folder, exist_ok=True)
    with open(paths.facts_file, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, default=str)
