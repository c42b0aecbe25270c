"""Ridge regression on a dense matrix, solved exactly: scikit-learn's StandardScaler and Ridge in closed form.

The image has numpy and no scikit-learn, which would make it larger; the tests hold the two against each other.
"""

import json
import os

import numpy
from repro_guest.regression.choosing import choose

FILE = "ridge.npz"
FACTS = "ridge.json"
ALPHAS = tuple(10.0 ** (exponent / 2) for exponent in range(12, -5, -1))
"""To choose from: a million to 0.01, the strongest first, which is taken where several are as good."""
_BLOCK = 8192  # rows that are in float64 at once


class Dense:
    """Some rows, as `choose` takes them.

    Args:
        matrix: float32, (rows, columns).
    """

    def __init__(self, matrix):
        self.matrix = matrix

    def take(self, chosen):
        """Some of the rows; `chosen`: bool, (rows,)."""
        return Dense(self.matrix[chosen])

    def differences(self, weights):
        """Each row's weighted sum, float64, (rows,)."""
        return numpy.concatenate([block @ weights for block in _blocks(self.matrix)])

    def scaling(self):
        """Means of the columns and their standard deviations, 1 for a constant one: as StandardScaler has them."""
        rows = len(self.matrix)
        mean = sum(block.sum(0) for block in _blocks(self.matrix)) / rows
        deviations = numpy.sqrt(sum(((block - mean) ** 2).sum(0) for block in _blocks(self.matrix)) / rows)
        constant = deviations <= 1e-12 + 10 * numpy.finfo(float).eps * numpy.abs(mean)
        return mean, numpy.where(constant, 1.0, deviations)


def _blocks(matrix):
    for start in range(0, len(matrix), _BLOCK):
        yield matrix[start : start + _BLOCK].astype(numpy.float64)


def alpha_path(design, target, alphas):
    """Weights of the columns as they are, unscaled, for each alpha: a list of (columns,). The intercept is free.

    Columns are centred and divided by their standard deviations first. One decomposition, of the smaller of X^T X and
    X X^T, serves all alphas.
    """
    mean, scales = design.scaling()
    centred = target - target.mean()
    rows, columns = design.matrix.shape
    if rows <= columns:
        scaled = (design.matrix - mean) / scales
        sizes, vectors = numpy.linalg.eigh(scaled @ scaled.T)
        known = vectors.T @ centred
        return [scaled.T @ (vectors @ (known / (sizes.clip(0) + alpha))) / scales for alpha in alphas]
    products, right = numpy.zeros((columns, columns)), numpy.zeros(columns)
    start = 0
    for block in _blocks(design.matrix):
        scaled = (block - mean) / scales
        products += scaled.T @ scaled
        right += scaled.T @ centred[start : start + len(block)]
        start += len(block)
    sizes, vectors = numpy.linalg.eigh(products)
    known = vectors.T @ right
    return [vectors @ (known / (sizes.clip(0) + alpha)) / scales for alpha in alphas]


class DenseRidge:
    """What was learned: a prediction is the intercept plus the weighted sum of a row.

    Attributes:
        said: how alpha was found, in a few words.
    """

    def __init__(self, intercept, weights, facts, said):
        self.intercept = float(intercept)
        self.weights = weights
        self.facts = facts
        self.said = said

    @classmethod
    def learned(cls, matrix, target, groups, alpha=None, folds=5, seed=0):
        """Learn from rows, float32, (rows, columns), and what was measured, (rows,).

        Args:
            groups: a number a row; rows of equal number stay together where alpha is chosen.
            alpha: None: chosen by cross-validation on these rows.
            folds, seed: of the cross-validation.
        """
        design = Dense(matrix)
        facts, said = {}, "asked for"
        if alpha is None:
            alpha, facts, said = cls._chosen(design, target, groups, folds, seed)
        (weights,) = alpha_path(design, target, [alpha])
        intercept = target.mean() - design.differences(weights).mean()
        return cls(intercept, weights, dict(facts, alpha=alpha), "alpha %g: %s" % (alpha, said))

    @staticmethod
    def _chosen(design, target, groups, folds, seed):
        if len(numpy.unique(groups)) < 2:
            return ALPHAS[0], {}, "one sequence says nothing of what would be better"
        choice = choose(design, target, lambda part, known: alpha_path(part, known, ALPHAS), folds, seed, groups)
        errors = dict(zip(map(str, ALPHAS), choice.errors.tolist()))
        facts = {"cross_validation": {"folds": choice.folds, "seed": seed, "mean_squared_error": errors}}
        return ALPHAS[choice.best], facts, "chosen by cross-validation on the rows learned from"

    def predict(self, matrix):
        """float64, (rows,)."""
        return self.intercept + Dense(matrix).differences(self.weights)

    def save(self, folder, about):
        """Write the weights, without pickle, and beside them how they were learned."""
        with open(os.path.join(folder, FILE), "wb") as file:
            numpy.savez(file, intercept=self.intercept, weights=self.weights)
        with open(os.path.join(folder, FACTS), "w", encoding="utf-8") as file:
            json.dump(dict(about, **self.facts), file, indent=1)
            file.write("\n")
