"""AntiBERTy against the package that published it (tests/golden), on real antibodies, in each runtime and device."""

import json
import unittest

import numpy as np
import pytest
from parameterized import parameterized

from models.antiberty.tests import GOLDEN_ROOT
from repro.errors import PredictionError
from repro.models.antiberty import AntiBERTy
from repro.testing import ModelVerification, get_testing_device_parameters

GOLDEN = [json.loads(line) for line in (GOLDEN_ROOT / "antibodies.jsonl").read_text().splitlines()]
NUMBER = {golden["id"]: number for number, golden in enumerate(GOLDEN)}
RECORDS = [{"sequence": golden["sequence"]} for golden in GOLDEN]
WITH_RESIDUES = ("trastuzumab_light", "trastuzumab_heavy_1-30", "trastuzumab_heavy_1-9", "trastuzumab_heavy_1-1")
STATE_TOLERANCE = {"cpu": 2e-5, "cuda": 1e-4}  # largest absolute difference in fp32; embeddings go up to 5


class AntibertyBehaviour(ModelVerification):
    """Golden answers, what every model must keep, and what AntiBERTy does. Subclasses say through which runtime."""

    model_class = AntiBERTy

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warm = {}

    @classmethod
    def tearDownClass(cls):
        for model in cls.warm.values():
            model.close()

    def model(self, device):
        if device not in self.warm:
            self.warm[device] = AntiBERTy(device=device, runtime=self.runtime)
        return self.warm[device]

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sequence_gives_the_same_alone_as_in_a_batch_of_mixed_lengths(self, device):
        model = self.model(device)
        chosen = [NUMBER[name] for name in WITH_RESIDUES]

        together = model.predict_batch(RECORDS, embeddings=["mean", "residue"])

        for number in chosen:
            alone = model.predict(RECORDS[number], embeddings=["mean", "residue"])
            self.assert_close(alone["embedding"], together[number]["embedding"], device)
            self.assert_close(alone["residue_embeddings"], together[number]["residue_embeddings"], device)

    @parameterized.expand(get_testing_device_parameters())
    def test_unknown_and_masked_residues_are_embedded_and_not_scored(self, device):
        model = self.model(device)

        assert model.predict("EVQXVE_SG")["embedding"].shape == (512,)
        for sequence, position in (("EVQXVES", 4), ("EVQ_VES", 4)):
            with pytest.raises(PredictionError, match=f"position {position} holds .*have a likelihood"):
                model.predict(sequence, score=True)

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sequence_that_the_model_does_not_take_fails_alone(self, device):
        said = {
            "EVQ*": "position 4 holds '*': it is no amino acid",
            "evql": "position 1 holds 'e': AntiBERTy would take a lower-case letter for an unknown residue",
            "EVQB": "position 4 holds 'B'",
            "A" * 511: "511 residues and AntiBERTy takes at most 510",
        }
        records = [{"sequence": "EVQL"}, *({"sequence": sequence} for sequence in said), {"sequence": "A" * 510}]

        first, *failed, last = self.model(device).predict_batch(records, on_error="return")

        for error, message in zip(failed, said.values(), strict=True):
            assert isinstance(error, PredictionError)
            assert message in error.error_message
        assert first["embedding"].shape == last["embedding"].shape == (512,)

    def assert_close(self, value, expected, device):
        assert value.shape == expected.shape
        assert value.dtype == np.float32
        tolerance = STATE_TOLERANCE["cpu" if device < 0 else "cuda"]
        np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance)


class TestAntibertyLocally(AntibertyBehaviour, unittest.TestCase):
    runtime = "local"


@pytest.mark.usefixtures("base_image")
class TestAntibertyInDocker(AntibertyBehaviour, unittest.TestCase):
    runtime = "docker"
