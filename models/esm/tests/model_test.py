"""ESM against the published code (tests/golden): checkpoints of every family, through each runtime and device."""

import json
import unittest

import numpy as np
import pytest
from parameterized import parameterized

from models.esm.tests import FIXTURES_ROOT, GOLDEN_ROOT
from repro.errors import PredictionError
from repro.models.esm import ESM
from repro.testing import ModelVerification, get_testing_device_parameters

VARIANT = "esm2_t6_8M_UR50D"
EVERYTHING = {"embeddings": ["mean", "bos", "residue"], "layers": [0, 1, -1], "logits": True}
TOLERANCE = {"cpu": 1e-5, "cuda": 1e-4}  # largest absolute difference, fp32
RECORDS = [
    {"sequence": json.loads(line)["sequence"]}
    for line in (GOLDEN_ROOT / "proteins_and_longest.jsonl").read_text().splitlines()
]


class EsmBehaviour(ModelVerification):
    """Golden answers, what every model must keep, and what ESM does. Subclasses say through which runtime."""

    model_class = ESM

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warm = {}

    @classmethod
    def tearDownClass(cls):
        for model in cls.warm.values():
            model.close()

    def model(self, device, variant=VARIANT):
        if (variant, device) not in self.warm:
            model = ESM(variant=variant, weights=FIXTURES_ROOT, device=device, runtime=self.runtime)
            self.warm[variant, device] = model
        return self.warm[variant, device]

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sequence_gives_the_same_alone_as_in_a_batch_of_mixed_lengths(self, device):
        model = self.model(device)

        together = model.predict_batch(RECORDS, **EVERYTHING)
        alone = [model.predict(record, **EVERYTHING) for record in RECORDS]

        for one, other in zip(together, alone, strict=True):
            assert list(one) == list(other)
            for name in one:
                self.assert_close(one[name], other[name], device)

    @parameterized.expand(get_testing_device_parameters())
    def test_without_a_word_it_gives_the_mean_of_the_last_layer(self, device):
        result = self.model(device).predict("MKTAYIAK")

        assert list(result) == ["embedding"]
        assert result["embedding"].shape == (16,)
        assert result["embedding"].dtype == np.float32

    @parameterized.expand(get_testing_device_parameters())
    def test_several_layers_come_first_in_the_order_they_are_asked_for(self, device):
        model = self.model(device)
        wanted = {"embeddings": ["mean", "residue"]}

        several = model.predict("MKTAYIAK", layers=[-1, 0], **wanted)
        last = model.predict("MKTAYIAK", layers=[2], **wanted)

        assert several["embedding"].shape == (2, 16)
        assert several["residue_embeddings"].shape == (2, 8, 16)
        assert last["residue_embeddings"].shape == (8, 16)
        np.testing.assert_array_equal(several["residue_embeddings"][0], last["residue_embeddings"])

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sequence_that_the_model_does_not_take_fails_alone(self, device):
        said = {
            "MK*": "position 3 holds '*'",
            "mkta": "give upper-case",
            "M K": "position 2 holds ' '",
            "M<cls>K": "position 2 holds '<'",
            "A" * 1023: "1023 residues and esm2_t6_8M_UR50D takes at most 1022",
        }
        records = [{"sequence": "MKTA"}, *({"sequence": sequence} for sequence in said), {"sequence": "MKTA"}]

        first, *failed, last = self.model(device).predict_batch(records, on_error="return")

        for error, message in zip(failed, said.values(), strict=True):
            assert isinstance(error, PredictionError)
            assert message in error.error_message
        np.testing.assert_array_equal(first["embedding"], last["embedding"])

    @parameterized.expand(get_testing_device_parameters())
    def test_a_layer_that_the_model_does_not_have_is_named(self, device):
        with pytest.raises(PredictionError, match=r"has no layer 3: give 0 \(the embedding\) to 2"):
            self.model(device).predict("MKTA", layers=[3])

    @parameterized.expand(get_testing_device_parameters())
    def test_contacts_are_refused_where_the_regression_weights_are_missing(self, device):
        with pytest.raises(PredictionError, match="has no regression weights"):
            self.model(device, "esm1v_t33_650M_UR90S_1").predict("MKTA", contacts=True)

    def assert_close(self, value, expected, device):
        assert value.shape == expected.shape
        assert value.dtype == np.float32
        tolerance = TOLERANCE["cpu" if device < 0 else "cuda"]
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance)


class TestEsmLocally(EsmBehaviour, unittest.TestCase):
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestEsmInDocker(EsmBehaviour, unittest.TestCase):
    runtime = "docker"


def test_the_columns_of_logits_are_the_alphabet_of_fair_esm():
    assert list(ESM.TOKENS) == json.loads((GOLDEN_ROOT / "tokens.json").read_text())
