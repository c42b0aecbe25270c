"""An assay's variants: scored as they are, or predicted by ridge regression on embeddings of measured ones."""

import tokens
from outputs import Ask
from repro_guest.assays import DatasetError
from repro_guest.assays.variants import OFFSET
from repro_guest.training_options import say
from scoring import MARGINALS

_NAMED = 5  # rows, in an error
_SHOWN = 40  # letters of a variant, in an error


# ------------------------------------------------------------------------------------------------------ nothing learned


def records(task, strategy, offset, wild_type):
    """What `Scorer.score` is asked for an assay's held-out variants: (records, offset, wild type).

    A variant is its sequence where that is as long as the wild type, else its name; for pseudo-ppl always its sequence.

    Raises:
        DatasetError: the strategy needs a wild type, and there is none.
    """
    test = task.test
    if strategy == "pseudo-ppl":
        return [{"sequence": sequence} for sequence in test.sequences], offset, None
    if not wild_type:
        raise DatasetError(
            "%s has no wild type, from which %s tells what a variant changes" % (task.dataset.name, strategy),
            "give the constant `sequence` in its manifest, or take the strategy pseudo-ppl",
        )
    length = len(wild_type)
    names = test.mutants or test.sequences
    variants = [
        sequence if len(sequence) == length else name or sequence for sequence, name in zip(test.sequences, names)
    ]
    return [{"mutant": variant} for variant in variants], _offset(task, offset), wild_type


def _offset(task, asked):
    """The number of the wild type's first residue: the data set's own goes before what is asked for."""
    own = task.dataset.assays[task.target].constants.get(OFFSET)
    if own is None:
        return asked
    if asked not in (1, int(own)):
        say("the wild type's first residue has the number %d, as the data set says, not %d" % (int(own), asked))
    return int(own)


def scores(task, ensemble, strategy, offset, wild_type):
    """A score a held-out variant, in order.

    Args:
        ensemble: an EnsembleScorer.
        offset: the number of the wild type's first residue, where the data set does not say it.

    Raises:
        DatasetError: the model cannot take some of them; names their rows.
    """
    if strategy in MARGINALS and wild_type:
        _check_wild_type(task, wild_type, ensemble.engines[0].name)
    asked, offset, wild_type = records(task, strategy, offset, wild_type)
    found = list(ensemble.score(asked, strategy, offset, wild_type))
    _refuse_failed(task.test, found)
    return [one["score"] for one in found]


def _check_wild_type(task, wild_type, model):
    try:
        tokens.encode(wild_type, model, max_residues=None)
    except ValueError as error:
        raise DatasetError("the wild type of %s: %s" % (task.dataset.name, error)) from None


def _refuse_failed(examples, found):
    """Raise DatasetError where there is an exception in the place of a result."""
    failed = [number for number, one in enumerate(found) if isinstance(one, Exception)]
    if not failed:
        return
    names = examples.mutants or examples.sequences
    said = "; ".join(
        "row %d (%s): %s" % (examples.rows[number] + 1, names[number][:_SHOWN], found[number])
        for number in failed[:_NAMED]
    )
    more = "" if len(failed) <= _NAMED else "; and %d rows more" % (len(failed) - _NAMED)
    raise DatasetError(said + more, "leave these rows out of the data set, or correct them")


# ----------------------------------------------------------------------------------------------------------- embeddings


class Embedded:
    """Mean embeddings of sequences, each computed once, however many folds need it.

    Args:
        engine: `Fast` or `Reference`.
        layers: of which the means are taken, from 0; several stand one behind the other.
    """

    def __init__(self, engine, layers):
        self.engine = engine
        self.ask = Ask(tuple(layers), ("mean",), False, False)
        self._known = {}

    def of(self, examples):
        """float32, (rows, layers x D). Raises DatasetError where the model cannot take some; names their rows."""
        import numpy

        rows = [self._row(sequence) for sequence in examples.sequences]
        _refuse_failed(examples, rows)
        new = [row for row in dict.fromkeys(rows) if row not in self._known]
        for row, result in zip(new, self.engine.embed(new, self.ask)):
            self._known[row] = result["embedding"].reshape(-1).numpy().copy()
        return numpy.stack([self._known[row] for row in rows])

    def _row(self, sequence):
        try:
            return tokens.encode(sequence, self.engine.name, self.engine.max_residues)
        except ValueError as error:
            return error


def predicted(task, embedded, options, versions):
    """A prediction a held-out variant, in order: ridge regression on the embeddings of those to learn from.

    The model that was learned is kept in `task.output_dir`.
    """
    import numpy
    from dense_ridge import DenseRidge
    from repro_guest.regression.choosing import groups_of

    known = numpy.concatenate([embedded.of(part) for part in (task.train, task.valid) if len(part)])
    measured = numpy.array(task.train.targets + task.valid.targets)
    groups = groups_of(task.train.sequences + task.valid.sequences)
    model = DenseRidge.learned(known, measured, groups, options.alpha, options.cv_folds, options.cv_seed)
    say(model.said)
    about = {
        "dataset": {"name": task.dataset.name, "digest": task.dataset.digest, "target": task.target},
        "fold": task.fold,
        "embeddings": {"variant": options.variant, "layers": list(embedded.ask.layers), "mean_over": "residues"},
        "rows": len(known),
        "versions": versions,
    }
    model.save(task.output_dir, about)
    return model.predict(embedded.of(task.test)).tolist()
