"""AntiBERTy against the package that published it, on real antibodies, through each runtime and device."""

import json
import unittest

import numpy as np
import pytest
from parameterized import parameterized

from models.antiberty.tests import GOLDEN_ROOT
from repro.errors import PredictionError
from repro.models.antiberty import AntiBERTy
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings
from repro.testing import get_testing_device_parameters

GOLDEN = [json.loads(line) for line in (GOLDEN_ROOT / "antibodies.jsonl").read_text().splitlines()]
NUMBER = {golden["id"]: number for number, golden in enumerate(GOLDEN)}
RECORDS = [{"sequence": golden["sequence"]} for golden in GOLDEN]
WITH_RESIDUES = ("trastuzumab_light", "trastuzumab_heavy_1-30", "trastuzumab_heavy_1-9", "trastuzumab_heavy_1-1")
# A chain of 107 residues takes 107 forward passes: one of them, and short ones.
SCORED = WITH_RESIDUES
# Largest absolute difference in fp32. Embeddings go up to 5.
SCORES = [
    json.loads(line)["pseudo_log_likelihood"] for line in (GOLDEN_ROOT / "all_scores.jsonl").read_text().splitlines()
]
STATE_TOLERANCE = {"cpu": 2e-5, "cuda": 1e-4}
SCORE_TOLERANCE = {"cpu": 1e-5, "cuda": 1e-4}


class AntibertyBehaviour:
    """The tests. Subclasses say which runtime they go through."""

    runtime: str

    @classmethod
    def setUpClass(cls):
        choose_runtime(cls.runtime, load_settings()).setup(AntiBERTy.spec(), lambda line: None)
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
    def test_mean_embeddings_are_those_of_the_package(self, device):
        golden = np.load(GOLDEN_ROOT / "embedding.npy")

        results = self.model(device).predict_batch(RECORDS)

        assert [list(result) for result in results] == [["embedding"]] * len(GOLDEN)
        self.assert_close(np.stack([result["embedding"] for result in results]), golden, device)

    @parameterized.expand(get_testing_device_parameters())
    def test_residue_embeddings_are_those_of_the_package(self, device):
        results = self.model(device).predict_batch(RECORDS, embeddings=["residue"])

        for name in WITH_RESIDUES:
            golden = np.load(GOLDEN_ROOT / f"{name}.npy")
            self.assert_close(results[NUMBER[name]]["residue_embeddings"], golden, device)

    @parameterized.expand(get_testing_device_parameters())
    def test_pseudo_log_likelihoods_are_those_of_the_package(self, device):
        records = [RECORDS[NUMBER[name]] for name in SCORED]

        results = self.model(device).predict_batch(records, embeddings=[], score=True)

        assert [list(result) for result in results] == [["pseudo_log_likelihood"]] * len(SCORED)
        for name, result in zip(SCORED, results, strict=True):
            difference = result["pseudo_log_likelihood"] - SCORES[NUMBER[name]]
            assert abs(difference) <= SCORE_TOLERANCE["cpu" if device < 0 else "cuda"]

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
