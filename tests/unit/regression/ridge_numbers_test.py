"""Weights and predictions against scikit-learn's Ridge on the dense matrix."""

import numpy
import pytest
from sklearn.linear_model import Ridge

from repro.guest.assays.one_hot import Design, letters_of
from repro.guest.regression.linear_model import LinearModel
from tests.one_hot_assays import dense, random_assay, run_of

run = run_of("ridge")
ALPHAS = (0.01, 1.0, 100.0)


@pytest.mark.parametrize("substitutions", [1, 2, None])
@pytest.mark.parametrize("seed", range(4))
def test_predictions_are_those_of_scikit_learn_on_the_dense_matrix(seed, substitutions):
    assay = random_assay(seed, substitutions)
    design = Design.of(letters_of(assay.learned))

    path = run.alpha_path(design, assay.values, ALPHAS)

    for alpha, weights in zip(ALPHAS, path, strict=True):
        plain = Ridge(alpha).fit(dense(assay.learned), assay.values)
        predicted = LinearModel.of(design, weights, assay.values).predict(assay.held_out)
        numpy.testing.assert_allclose(predicted, plain.predict(dense(assay.held_out)), rtol=0, atol=1e-8)


def test_equal_values_have_nothing_to_learn():
    design = Design.of(letters_of(["MKV", "MRV", "MKI"]))

    (weights,) = run.alpha_path(design, numpy.array([0.1, 0.1, 0.1]), [1.0])

    assert not weights.any()


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "much"])
def test_an_alpha_that_is_no_number_above_zero_is_refused(text):
    with pytest.raises(ValueError):
        run.penalty(text)
