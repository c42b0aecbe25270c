"""PLS against scikit-learn's answers (tests/golden), and what every model must keep, in each runtime."""

import unittest

import pytest
from parameterized import parameterized

from repro.errors import PredictionError
from repro.models.pls import PLS
from repro.testing import ModelVerification, get_testing_device_parameters

WILD_TYPE = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


class PLSBehaviour(ModelVerification):
    """Subclasses say through which runtime."""

    model_class = PLS

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sequence_that_the_model_was_not_trained_for_fails_alone(self, device):
        with PLS(device=device, runtime=self.runtime) as model:
            first, short, unknown = model.predict_batch(
                [{"sequence": WILD_TYPE}, {"sequence": "DAEF"}, {"sequence": WILD_TYPE.lower()}], on_error="return"
            )

        assert isinstance(first["prediction"], float)
        for error, message in (
            (short, "has 4 residues; the model was trained on 42"),
            (unknown, "position 1 holds 'd'"),
        ):
            assert isinstance(error, PredictionError)
            assert message in error.error_message


class TestPLSLocally(PLSBehaviour, unittest.TestCase):
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestPLSInDocker(PLSBehaviour, unittest.TestCase):
    runtime = "docker"
