"""ProteinMPNN beside its weights: likelihoods of sequences on a backbone, effects of mutations, sequence design."""

import os

from repro_guest import Runner

TASKS = ("score", "design", "probabilities")
STRATEGIES = ("likelihood", "conditional", "unconditional")


class ProteinMpnn(Runner):
    """Scores sequences and mutants on backbones, and designs sequences for them, with ProteinMPNN."""

    zero_shot = True

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default="v_48_020", help="in the folder of weights")
        parser.add_argument("--task", choices=TASKS, default="score")
        parser.add_argument("--strategy", choices=STRATEGIES, default="likelihood", help="how to score mutants")
        parser.add_argument("--orders", type=int, default=1, help="orders of decoding that are averaged over")
        parser.add_argument("--seed", type=int, default=0, help="of the first order, or of the first sample")
        parser.add_argument("--structure", help="text or file, PDB or mmCIF, of the records that have none")
        parser.add_argument("--chains", help="which are scored or designed: A,B; the others are seen. All by default")
        parser.add_argument("--wild-type", help="what mutants are named after; the structure's own by default")
        parser.add_argument("--offset", type=int, default=1, help="number of the wild type's first residue")
        parser.add_argument(
            "--mismatches", type=int, default=0, help="residues in which the structure may differ from it"
        )
        parser.add_argument(
            "--copies", choices=["first", "all"], default="first", help="of equal chains, which to mutate"
        )
        parser.add_argument(
            "--unresolved", choices=["error", "zero"], default="error", help="mutants of missing residues"
        )
        parser.add_argument("--samples", type=int, default=1, help="sequences to design")
        parser.add_argument("--temperature", type=float, default=0.1, help="of the draws")
        parser.add_argument("--omit", default="", help="amino acids that are never drawn")

    def load(self, options):
        from backbones import Backbones
        from network import Network

        self.network = Network(_checkpoint(options.weights_dir, options.variant), self.device)
        self.backbones = Backbones(self.network)

    def predict(self, records):
        from tasks import answers

        return answers(self.network, self.backbones, records, self.options)

    def train(self, task):
        from repro_guest.assays import DatasetError
        from structure import StructureError
        from tasks import assay_scores

        try:
            return assay_scores(self.network, self.backbones, task, self.options)
        except StructureError as error:  # of what came in, not of the model
            raise DatasetError(str(error)) from None


def _checkpoint(folder, variant):
    """The weights of a variant: VARIANT.pt or, under its published name, the only file of the folder; or a file."""
    if folder is None:
        raise FileNotFoundError("there are no weights: name their folder with --weights-dir")
    if os.path.isfile(folder):
        return folder
    names = sorted(name for name in os.listdir(folder) if name.endswith(".pt"))
    if variant + ".pt" in names:
        return os.path.join(folder, variant + ".pt")
    if len(names) == 1:
        return os.path.join(folder, names[0])
    raise FileNotFoundError("%s holds no %s.pt (it holds: %s)" % (folder, variant, ", ".join(names) or "no checkpoint"))


if __name__ == "__main__":
    ProteinMpnn.main()
