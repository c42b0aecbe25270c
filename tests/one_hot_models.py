"""What the tests of `pls` and `ridge` have in common."""

from __future__ import annotations

from parameterized import parameterized

from repro.errors import PredictionError
from repro.testing import ModelVerification, get_testing_device_parameters

WILD_TYPE = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


class OneHotBehaviour(ModelVerification):
    """Subclasses say which model, and through which runtime."""

    @parameterized.expand(get_testing_device_parameters())  # type: ignore[untyped-decorator]
    def test_a_sequence_that_the_model_was_not_trained_for_fails_alone(self, device: int) -> None:
        with self.model_class(device=device, runtime=self.runtime) as model:
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
