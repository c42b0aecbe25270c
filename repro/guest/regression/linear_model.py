"""What was learned: a weight a position and letter. Kept without pickle, which can run any code when it is loaded."""

import json
import os
import zipfile

import numpy

from ..assays.one_hot import letters_of

FILE = "model.npz"
FACTS = "model.json"
_AMINO_ACIDS = b"ACDEFGHIKLMNPQRSTVWY"


class LinearModel:
    """A prediction is the intercept plus the weight of the letter at each position.

    A letter that no row had at a position when this was learned has the weight 0 there.

    Attributes:
        intercept: float.
        table: float64, (length, 256): by position and the letter's ASCII code.
        known: the letters that it takes, as a set of ASCII codes: amino acids, and what was learned from.

    >>> table = numpy.zeros((2, 256))
    >>> table[1, ord("R")] = -0.5
    >>> LinearModel(1.0, table).predict(["MK", "MR"]).tolist()
    [1.0, 0.5]
    """

    def __init__(self, intercept, table, known=_AMINO_ACIDS):
        self.intercept = float(intercept)
        self.table = table
        self.known = frozenset(known) | frozenset(_AMINO_ACIDS)

    @classmethod
    def of(cls, design, weights, target):
        """The model that weights of a design's columns stand for: (columns,) and the measured values, (rows,)."""
        columns = design.columns
        at_common = sum(weights[columns.is_common])
        intercept = target.mean() - design.differences(weights).mean() - at_common
        return cls(intercept, columns.table(weights), set(columns.letter) | set(columns.most_common))

    @property
    def length(self):
        """How many letters a sequence must have."""
        return len(self.table)

    def predict(self, sequences):
        """float64, (sequences,). Raises DatasetError where a sequence has another length."""
        letters = letters_of(sequences, length=self.length)
        predicted = numpy.full(len(sequences), self.intercept)
        for position in numpy.flatnonzero(self.table.any(1)):
            predicted += self.table[position][letters[:, position]]
        return predicted

    def why_not(self, sequence):
        """What keeps one sequence from being predicted, as a sentence; None where nothing does."""
        if len(sequence) != self.length:
            return "the sequence has %d residues; the model was trained on %d" % (len(sequence), self.length)
        for position, letter in enumerate(sequence, 1):
            if ord(letter) not in self.known:
                return "position %d holds %r, which is no amino acid and was not trained on" % (position, letter)
        return None

    def save(self, folder, facts):
        """Write model.npz, and beside it what it is and how it was learned (JSON) for people to read."""
        used = numpy.array(sorted(self.known), dtype=numpy.uint8)
        path = os.path.join(folder, FILE)
        with open(path, "wb") as file:
            numpy.savez(file, intercept=self.intercept, letters=used, weights=self.table[:, used])
        with open(os.path.join(folder, FACTS), "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=1)
            file.write("\n")
        return path

    @classmethod
    def load(cls, path):
        """Read what `save` has written.

        Args:
            path: the file, or the folder with it.

        Raises:
            ValueError: it is not there, or is none.
        """
        path = _file(path)
        try:
            with numpy.load(path, allow_pickle=False) as arrays:
                intercept, letters, weights = (arrays[name] for name in ("intercept", "letters", "weights"))
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise ValueError("%s is no trained model: %s" % (path, error)) from None
        if intercept.shape != () or letters.dtype != numpy.uint8 or weights.shape != (len(weights), len(letters)):
            raise ValueError("%s is no trained model: its arrays do not fit each other" % path)
        table = numpy.zeros((len(weights), 256))
        table[:, letters] = weights
        return cls(intercept, table, letters.tolist())


def _file(path):
    if not os.path.isdir(path):
        return path
    found = os.path.join(path, FILE)
    if os.path.exists(found):
        return found
    folds = sorted(name for name in os.listdir(path) if os.path.exists(os.path.join(path, name, FILE)))
    if folds:
        raise ValueError("%s has a model a fold: name one of %s" % (path, ", ".join(folds)))
    raise ValueError("there is no %s in %s: train writes it" % (FILE, path))
