"""ESM-1b, ESM-1v and ESM-2 beside their weights: embeddings, logits, contacts, and effects of mutations."""

import os

import allocator
import cgroup
import checkpoint
from outputs import Ask
from repro_guest import Runner

PRECISIONS = ("fp32", "tf32", "bf16")
STRATEGIES = ("masked-marginals", "wt-marginals", "pseudo-ppl")
EMBEDDINGS = "embeddings"  # of train alone: ridge regression learns from them
NO_EMBEDDINGS = "%s is an ensemble, which scores mutants (task score); embed with one of its members, such as %s"


class Esm(Runner):
    """Representations, logits and contacts of proteins, and scores of their mutants, from ESM-1b, ESM-1v and ESM-2."""

    ignored_hyper_params = {"nogpu": "the device is chosen where the training is started"}  # noqa: RUF012
    embedded = None  # what `train` has embedded for its folds

    @classmethod
    def add_arguments(cls, parser):
        # The further names are those that model cards of ProteinGym's benchmark have.
        variant = "--variant", "--location", "--model-location"
        parser.add_argument(*variant, default="esm2_t6_8M_UR50D", help="VARIANT.pt in the folder of weights")
        parser.add_argument("--engine", choices=["fast", "reference"], default="fast")
        parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
        parser.add_argument("--task", choices=["embed", "score"], default="embed")
        parser.add_argument("--embeddings", nargs="*", choices=["mean", "bos", "residue"], default=["mean"])
        parser.add_argument("--layers", nargs="+", type=int, default=[-1], help="0 is the embedding, -1 the last layer")
        parser.add_argument("--logits", action="store_true")
        parser.add_argument("--contacts", action="store_true")
        strategy = "--strategy", "--scoring-strategy"
        parser.add_argument(*strategy, choices=[*STRATEGIES, EMBEDDINGS], default=STRATEGIES[0], help="how to score")
        offset = "--offset", "--offset-idx"
        parser.add_argument(*offset, type=int, default=1, help="number of the first residue in names of mutants")
        parser.add_argument("--wild-type", help="of the records that have no sequence")
        parser.add_argument("--members", action="store_true", help="also what each member of an ensemble says")

    @classmethod
    def add_training_arguments(cls, parser):
        from repro_guest.regression.one_hot_runner import at_least

        parser.add_argument("--alpha", type=penalty, help="of ridge regression on embeddings [by cross-validation]")
        parser.add_argument("--cv-folds", type=at_least(2), default=5, help="folds to choose it by [%(default)s]")
        parser.add_argument("--cv-seed", type=at_least(0), default=0, help="seed of these folds [%(default)s]")

    def load(self, options):
        allocator.keep_freed_memory()  # before anything large is allocated
        from ensemble import paths
        from remembered import Remembered

        found = paths(options.weights_dir, options.variant)
        if options.strategy == EMBEDDINGS and len(found) > 1:  # before five checkpoints are loaded in vain
            from repro_guest.hyperparameters import OptionError

            raise OptionError(NO_EMBEDDINGS % (options.variant, found[0].stem))
        self.engines = [Remembered(self._engine(options, path)) for path in found]
        self.engine = self.engines[0]

    def _engine(self, options, path):
        import torch

        if "OMP_NUM_THREADS" not in os.environ:  # which PyTorch follows by itself
            torch.set_num_threads(cgroup.cpu_count())
        if options.precision == "tf32" and self.device == "cpu":
            raise ValueError("tf32 is a precision of GPUs; a CPU has fp32 and bf16")
        if options.engine == "fast":
            from fast import Fast

            return Fast(path, self.device, options.precision)
        if options.precision != "fp32":
            raise ValueError("the reference engine computes in fp32; %s is for engine fast" % options.precision)
        from reference import Reference

        return Reference(path, self.device)

    def predict(self, records):
        for engine in self.engines:
            engine.of_call(self.call)
        return self._score(records) if self.options.task == "score" else self._embed(records)

    @classmethod
    def learns_nothing(cls, options):
        """Scores need no measured variants; ridge regression on embeddings does."""
        return options.strategy != EMBEDDINGS

    def train(self, task):
        """A number for each variant that is held out."""
        import assay

        if self.options.strategy == EMBEDDINGS:
            from repro_guest import facts

            return assay.predicted(task, self._embedded(), self.options, facts.describe(self)["packages"])
        from ensemble import EnsembleScorer

        wild_type = self.options.wild_type or task.wild_type
        return assay.scores(task, EnsembleScorer(self.engines), self.options.strategy, self.options.offset, wild_type)

    def _embedded(self):
        from assay import Embedded
        from repro_guest.hyperparameters import OptionError

        wrong = self._wrong_options()
        if wrong is not None:
            raise OptionError(str(wrong))
        if self.embedded is None:
            self.embedded = Embedded(self.engine, self._ask().layers)
        return self.embedded

    def _score(self, records):
        from ensemble import EnsembleScorer

        options = self.options
        if options.strategy == EMBEDDINGS:
            raise ValueError("the strategy %s is for train alone; score with %s" % (EMBEDDINGS, ", ".join(STRATEGIES)))
        ask = options.strategy, options.offset, options.wild_type, options.members
        return EnsembleScorer(self.engines).score(records, *ask)

    def _embed(self, records):
        import tokens

        wrong = self._wrong_options()
        rows = [wrong or self._row(tokens, record.get("sequence", "")) for record in records]
        results = self.engine.embed([row for row in rows if isinstance(row, bytes)], self._ask())
        for record, row in zip(records, rows):
            result = next(results) if isinstance(row, bytes) else row
            named = isinstance(row, bytes) and record.get("mutant") is not None
            yield dict(result, mutant=record["mutant"]) if named else result  # as it is: it is for scores alone

    def _row(self, tokens, sequence):
        """Tokens, or what is wrong with the sequence."""
        try:
            return tokens.encode(sequence, self.engine.name, self.engine.max_residues)
        except ValueError as error:
            return error

    def _ask(self):
        options = self.options
        layers = tuple(layer % (self.engine.layer_count + 1) for layer in options.layers)
        return Ask(layers, tuple(options.embeddings), options.logits, options.contacts)

    def _wrong_options(self):
        """What is wrong with this call's options, as an exception; None where they are good."""
        count, name = self.engine.layer_count, self.engine.name
        if len(self.engines) > 1:
            return ValueError(NO_EMBEDDINGS % (self.options.variant, name))
        for layer in self.options.layers:
            if not -count - 1 <= layer <= count:
                message = "%s has no layer %d: give 0 (the embedding) to %d, or -1 (the last) to %d"
                return ValueError(message % (name, layer, count, -count - 1))
        if self.options.contacts and not self.engine.has_contacts:
            message = "%s has no regression weights (%s%s.pt), without which contacts would be wrong"
            return ValueError(message % (name, name, checkpoint.REGRESSION))
        return None


def penalty(text):
    """A type of option."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError
    return value


penalty.__name__ = "number above 0"  # argparse says it: "invalid ... value"


if __name__ == "__main__":
    Esm.main()
