"""ESM-1b, ESM-1v and ESM-2 beside their weights: embeddings, logits, contacts, and effects of mutations."""

import os

import allocator
import cgroup
import checkpoint
from outputs import Ask
from repro_guest import Runner

PRECISIONS = ("fp32", "tf32", "bf16")
STRATEGIES = ("masked-marginals", "wt-marginals", "pseudo-ppl")


class Esm(Runner):
    """Representations, logits and contacts of proteins, and scores of their mutants, from ESM-1b, ESM-1v and ESM-2."""

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default="esm2_t6_8M_UR50D", help="VARIANT.pt in the folder of weights")
        parser.add_argument("--engine", choices=["fast", "reference"], default="fast")
        parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
        parser.add_argument("--task", choices=["embed", "score"], default="embed")
        parser.add_argument("--embeddings", nargs="*", choices=["mean", "bos", "residue"], default=["mean"])
        parser.add_argument("--layers", nargs="+", type=int, default=[-1], help="0 is the embedding, -1 the last layer")
        parser.add_argument("--logits", action="store_true")
        parser.add_argument("--contacts", action="store_true")
        parser.add_argument("--strategy", choices=STRATEGIES, default=STRATEGIES[0], help="how to score")
        parser.add_argument("--offset", type=int, default=1, help="number of the first residue in names of mutants")
        parser.add_argument("--wild-type", help="of the records that have no sequence")
        parser.add_argument("--members", action="store_true", help="also what each member of an ensemble says")

    def load(self, options):
        allocator.keep_freed_memory()  # before anything large is allocated
        from ensemble import paths
        from remembered import Remembered

        found = paths(options.weights_dir, options.variant)
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

    def _score(self, records):
        from ensemble import EnsembleScorer

        options = self.options
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
            message = "%s is an ensemble, which scores mutants (task score); embed with one of its members, such as %s"
            return ValueError(message % (self.options.variant, name))
        for layer in self.options.layers:
            if not -count - 1 <= layer <= count:
                message = "%s has no layer %d: give 0 (the embedding) to %d, or -1 (the last) to %d"
                return ValueError(message % (name, layer, count, -count - 1))
        if self.options.contacts and not self.engine.has_contacts:
            message = "%s has no regression weights (%s%s.pt), without which contacts would be wrong"
            return ValueError(message % (name, name, checkpoint.REGRESSION))
        return None


if __name__ == "__main__":
    Esm.main()
