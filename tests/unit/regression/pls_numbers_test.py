"""Weights and predictions against scikit-learn's PLSRegression on the dense matrix."""

import numpy
import pytest
from sklearn.cross_decomposition import PLSRegression

from repro.guest.assays.one_hot import Design, letters_of
from repro.guest.regression.linear_model import LinearModel
from tests.one_hot_assays import dense, random_assay, run_of

run = run_of("pls")


@pytest.mark.filterwarnings("ignore:y residual is constant")
@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("substitutions", [1, 2, None])
@pytest.mark.parametrize("seed", range(4))
def test_predictions_are_those_of_scikit_learn_on_the_dense_matrix(seed, substitutions, scale):
    assay = random_assay(seed, substitutions)
    design = Design.of(letters_of(assay.learned), scale)
    most = min(8, len(assay.learned) - 1)

    path = run.component_path(design, assay.values, most)

    for components in range(1, most + 1):
        plain = PLSRegression(components, scale=scale).fit(dense(assay.learned), assay.values)
        weights = path[min(components, len(path) - 1)]
        predicted = LinearModel.of(design, weights, assay.values).predict(assay.held_out)
        expected = plain.predict(dense(assay.held_out)).ravel()
        numpy.testing.assert_allclose(predicted, expected, rtol=0, atol=1e-8 * assay.values.std())


def test_fewer_components_are_the_beginning_of_more():
    assay = random_assay(1, 2)
    design = Design.of(letters_of(assay.learned), True)

    numpy.testing.assert_allclose(
        run.component_path(design, assay.values, 3)[-1], run.component_path(design, assay.values, 6)[3], atol=1e-10
    )


def test_equal_values_have_nothing_to_learn():
    design = Design.of(letters_of(["MKV", "MRV", "MKI"]), True)

    (weights,) = run.component_path(design, numpy.array([0.1, 0.1, 0.1]), 3)

    assert LinearModel.of(design, weights, numpy.array([0.1, 0.1, 0.1])).predict(["MAI"]) == pytest.approx(0.1)
