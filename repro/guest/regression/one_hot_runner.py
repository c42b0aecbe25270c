"""A model that learns a weight a position and letter: `train` and `predict` of run.py, all but how it learns."""

from ..assays.one_hot import Design, check_lengths, letters_of
from ..runner import Runner
from ..training_options import say


class Learned:
    """What a method has found.

    Attributes:
        weights: of the columns, (columns,).
        facts: how, as JSON can hold it.
        said: the same in a few words.
    """

    def __init__(self, weights, facts, said):
        self.weights = weights
        self.facts = facts
        self.said = said


class OneHotRunner(Runner):
    """Learns from one-hot encodings. Subclasses write `learn`, and say in `scaled` whether columns are scaled."""

    zero_shot = False
    ignored_hyper_params = {"aa_alphabet": "columns are the letters that the rows hold"}  # noqa: RUF012

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--cv-folds", type=at_least(2), default=5, help="folds to choose by [%(default)s]")
        parser.add_argument("--cv-seed", type=at_least(0), default=0, help="seed of these folds [%(default)s]")

    def scaled(self):
        """Whether columns are divided by their standard deviations."""
        return False

    def learn(self, design, target, groups):
        """Give what was Learned of a Design and measured values, (rows,); `groups` as in `choosing.choose`."""
        raise NotImplementedError

    # ------------------------------------------------------------------------------------------------------------ train

    def train(self, task):
        """Learn from the rows to learn from and to choose by, and predict those that were held out."""
        import numpy

        from .choosing import groups_of
        from .linear_model import LinearModel

        sequences = task.train.sequences + task.valid.sequences
        check_lengths(sequences + task.test.sequences, task.train.rows + task.valid.rows + task.test.rows)
        target = numpy.array(task.train.targets + task.valid.targets)
        design = Design.of(letters_of(sequences), self.scaled())
        learned = self.learn(design, target, groups_of(sequences))
        say(learned.said)
        model = LinearModel.of(design, learned.weights, target)
        model.save(task.output_dir, self._facts(task, design, learned))
        predicted = model.predict(task.test.sequences)
        if len(predicted) > 1 and not numpy.ptp(predicted):
            say("all %d held-out rows get one prediction: they differ where no row learned from does" % len(predicted))
        return predicted

    def _facts(self, task, design, learned):
        from .. import facts

        worker = facts.describe(self)
        return dict(
            learned.facts,
            dataset={"name": task.dataset.name, "digest": task.dataset.digest, "target": task.target},
            fold=task.fold,
            rows=design.rows,
            columns=len(design.columns),
            versions=dict(worker["packages"], python=worker["python"]),
        )

    # ---------------------------------------------------------------------------------------------------------- predict

    def load(self, options):
        """Read the trained model, where there is one: training needs none."""
        self.model = None
        if options.weights_dir is not None:
            from .linear_model import LinearModel

            self.model = LinearModel.load(options.weights_dir)

    def predict(self, records):
        """One prediction a record."""
        if self.model is None:
            raise ValueError("there is no trained model: name one with --weights-dir, a folder that train has written")
        reasons = [self.model.why_not(record["sequence"]) for record in records]
        taken = [record["sequence"] for record, reason in zip(records, reasons) if reason is None]
        predicted = iter(self.model.predict(taken).tolist() if taken else [])
        for reason in reasons:
            yield {"prediction": next(predicted)} if reason is None else ValueError(reason)


def at_least(least):
    """A type of option: a whole number that is not below `least`."""

    def number(text):
        value = int(text)
        if value < least:
            raise ValueError
        return value

    number.__name__ = "whole number from %d on" % least  # argparse says it: "invalid ... value"
    return number
