"""From records to answers: which backbone, which sequences, and what is told of them."""

from designing import Designer
from scoring import Scorer
from selection import fixed_places
from structure import AMINO_ACIDS, StructureError
from variants import changes, own_wild_type, placed_wild_type

LARGEST_SEED = 2**63 - 1
NAMED = 5  # rows, in an error


def answers(network, backbones, records, options):
    """An answer, or an exception, for each record, in order."""
    problem = wrong_options(options)
    if problem is not None:
        for _ in records:
            yield problem
    elif options.task == "score":
        yield from _scored(network, backbones, records, options)
    else:
        compute = _designed if options.task == "design" else _probabilities
        for record in records:
            try:
                yield compute(network, backbones, record, options)
            except StructureError as error:
                yield error


def wrong_options(options):
    """What is wrong with numbers that a parser lets pass, as an exception; None where they are good."""
    least = {"orders": 1, "samples": 1, "mismatches": 0, "seed": 0}
    for name, smallest in least.items():
        if getattr(options, name) < smallest:
            return ValueError("%s is %d: it must be at least %d" % (name, getattr(options, name), smallest))
    if options.seed > LARGEST_SEED - max(options.orders, options.samples) - 8:
        return ValueError("seed is %d: it must be smaller than 2^63" % options.seed)
    if not 0 < options.temperature < float("inf"):
        return ValueError("temperature is %g: it must be above 0" % options.temperature)
    for letter in options.omit:
        if letter not in AMINO_ACIDS:
            return ValueError("omit holds %r, which is no amino acid" % letter)
    if set(options.omit) == set(AMINO_ACIDS):
        return ValueError("omit holds all amino acids: none is left to draw")
    return None


def structure_text(given):
    """The text of a structure, which is given as it is or as the path of a file. Raises StructureError."""
    if "\n" in given or "\r" in given or not given.strip():
        return given
    try:
        with open(given, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StructureError(
            "the structure is one line, and no file that can be read: %s: %s" % (given[:200], reason)
        ) from None


def _backbone(backbones, record, options):
    given = record.get("structure") or options.structure
    if not given:
        raise StructureError("there is no structure: give the record one, or the option structure")
    chains = record.get("chains") or options.chains
    return backbones.get(structure_text(given), chains or None)


def _wild_type(backbone, wild_type, options):
    if not wild_type:
        return own_wild_type(backbone.complex)
    return placed_wild_type(backbone.complex, wild_type, options.offset, options.mismatches, options.copies)


# --------------------------------------------------------------------------------------------------------------- scores


def _scored(network, backbones, records, options):
    """Records with the same backbone and wild type go through the model together."""
    prepared = []
    for record in records:
        try:
            prepared.append(_prepared(backbones, record, options))
        except StructureError as error:
            prepared.append(error)
    groups = {}
    for job in prepared:
        if not isinstance(job, Exception):
            groups.setdefault(job.group, []).append(job)
    for jobs in groups.values():
        jobs[0].compute(network, jobs, options)
    for job in prepared:
        yield job if isinstance(job, Exception) else job.answer


def _prepared(backbones, record, options):
    backbone = _backbone(backbones, record, options)
    if record.get("mutant") is None:
        return _Sequence(backbone, record.get("sequence"))
    if record.get("sequence"):
        raise StructureError("the record has a sequence and a mutant: name the sequence wild_type, or leave one out")
    wild_type = _wild_type(backbone, record.get("wild_type") or options.wild_type, options)
    return _Mutants(backbone, wild_type, record["mutant"], options)


class _Sequence:
    """The likelihood of a sequence, the structure's own where none is given."""

    def __init__(self, backbone, sequence):
        self.backbone = backbone
        self.sequence = backbone.complex.split(sequence) if sequence else backbone.complex.sequence
        self.is_scored = backbone.is_scored(self.sequence)
        if not any(self.is_scored):
            raise StructureError("no residue of the sequence that has a backbone is a known amino acid")
        self.group = "sequence", id(backbone)

    @staticmethod
    def compute(network, jobs, options):
        scorer = Scorer(network, jobs[0].backbone, options.seed, options.orders)
        for job, row in zip(jobs, scorer.residues([job.sequence for job in jobs])):
            job.answer = job.told(row)

    def told(self, log_p):
        import torch

        complex_ = self.backbone.complex
        scored = torch.tensor(self.is_scored)
        chosen = torch.tensor(complex_.is_chosen())
        return {
            "log_likelihood": log_p[scored].mean().item(),
            "sequence": complex_.joined(self.sequence),
            "residue_log_probs": log_p.masked_fill(~scored, float("nan"))[chosen].float(),
        }


class _Mutants:
    """The scores of the mutants of one record."""

    def __init__(self, backbone, wild_type, mutant, options):
        self.backbone, self.wild_type = backbone, wild_type
        self.is_list = not isinstance(mutant, str)
        self.mutant = mutant
        named = mutant if self.is_list else [mutant]
        self.changes = [changes(wild_type, name, options.unresolved, backbone.is_free) for name in named]
        self.group = "mutants", id(backbone), wild_type.sequence

    @staticmethod
    def compute(network, jobs, options):
        scorer = Scorer(network, jobs[0].backbone, options.seed, options.orders)
        every = [change for job in jobs for change in job.changes]
        scores = scorer.mutants(options.strategy, jobs[0].wild_type.sequence, every)
        for job, own in zip(jobs, scores.split([len(job.changes) for job in jobs])):
            job.answer = {"scores": own} if job.is_list else {"mutant": job.mutant, "score": own.item()}


def assay_scores(network, backbones, task, options):
    """The scores of an assay's variants that are held out, in order: floats.

    Raises:
        StructureError, ValueError: there is no structure, or variants that it has no place for.
    """
    problem = wrong_options(options)
    if problem is not None:
        raise problem
    text = structure_text(options.structure) if options.structure else _stored_structure(task.dataset)
    backbone = backbones.get(text, options.chains)
    wild_type = _wild_type(backbone, options.wild_type or task.wild_type, options)
    found = [_changes_or_error(wild_type, sequence, options, backbone) for sequence in task.test.sequences]
    _refuse_failed(task.test.rows, found)
    scorer = Scorer(network, backbone, options.seed, options.orders)
    return scorer.mutants(options.strategy, wild_type.sequence, found).tolist()


def _changes_or_error(wild_type, sequence, options, backbone):
    try:
        return changes(wild_type, sequence, options.unresolved, backbone.is_free)
    except StructureError as error:
        return error


def _refuse_failed(rows, found):
    """Raise StructureError where there is one in the place of changes; names the rows, counted from 1."""
    failed = ["row %d: %s" % (row + 1, one) for row, one in zip(rows, found) if isinstance(one, StructureError)]
    if failed:
        more = "" if len(failed) <= NAMED else "; and %d rows more" % (len(failed) - NAMED)
        raise StructureError("; ".join(failed[:NAMED]) + more)


def _stored_structure(dataset):
    stored = dataset.structures
    if not stored:
        raise StructureError(
            "the data set %s has no structure: make it with one (repro dataset create --structure FILE), or give a PDB "
            "or mmCIF file (structure=FILE)" % dataset.name
        )
    if len(stored) > 1:
        raise StructureError(
            "the data set %s has several structures (%s): give the one to take as a file (structure=FILE)"
            % (dataset.name, ", ".join(stored))
        )
    return next(iter(stored.values())).decode("utf-8", "replace")


# ----------------------------------------------------------------------------------------------- probabilities, designs


def _probabilities(network, backbones, record, options):
    """ln p of every amino acid at each residue of the chosen chains."""
    import torch

    backbone = _backbone(backbones, record, options)
    complex_ = backbone.complex
    sequence = complex_.split(record["sequence"]) if record.get("sequence") else complex_.sequence
    scorer = Scorer(network, backbone, options.seed, options.orders)
    places = [place for place, is_free in enumerate(backbone.is_free) if is_free]
    table = torch.full((len(backbone.mask), len(AMINO_ACIDS) + 1), float("nan"), dtype=torch.float64)
    if options.strategy == "unconditional":
        table[places] = scorer.unconditional()[places]
    else:
        table[places] = scorer.conditional(sequence, places)
    return {
        "log_probs": table[torch.tensor(complex_.is_chosen())].float(),
        "sequence": complex_.joined(sequence),
        "residues": [
            "%s:%s" % (name, residue.number) if residue.exists else ""
            for name in complex_.chosen
            for residue in complex_.chain(name).residues
        ],
    }


def _designed(network, backbones, record, options):
    backbone = _backbone(backbones, record, options)
    fixed = fixed_places(backbone.complex, record.get("fixed"))
    designer = Designer(network, backbone, options.temperature, fixed, options.omit)
    if not any(designer.is_free):
        raise StructureError("there is no residue to design: all that have a backbone are fixed")
    sequences, likelihoods = designer.draw(options.seed, options.samples)
    return {
        "designs": [backbone.complex.joined(sequence) for sequence in sequences],
        "log_likelihoods": likelihoods,
        "recoveries": [designer.recovery(sequence) for sequence in sequences],
    }
