"""ProteinMPNN against the package that published it (tests/golden), and what it says of structures and bad input."""

import gzip
import json
import unittest

import numpy as np
import pytest
from parameterized import parameterized

from models.proteinmpnn.tests import EXAMPLES
from repro.errors import InputFileError, PredictionError, RecordError, SettingsError, TrainingError
from repro.models.proteinmpnn import ProteinMPNN
from repro.testing import ModelVerification, get_testing_device_parameters

VARIANT = "v_48_020"
TEXT = (EXAMPLES / "6MRR.pdb").read_text()
SEQUENCE = "GWSTELEKHREELKEFLKKEGITNVEIRIDNGRLEVRVEGGTERLKRFLEELRQKLEKKGYTVDIKIE"
AMYLOID_BETA = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


def renamed(text, old, new):
    """A structure with another name for a chain."""
    return "".join(
        line[:21] + new + line[22:] if line[:4] in ("ATOM", "HETA") and line[21] == old else line
        for line in text.splitlines(keepends=True)
    )


def atoms(text, keep):
    return "".join(line for line in text.splitlines(keepends=True) if line[:4] == "ATOM" and keep(line))


class ProteinMpnnBehaviour(ModelVerification):
    """Golden answers, what every model must keep, and what ProteinMPNN does. Subclasses say through which runtime."""

    model_class = ProteinMPNN

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.warm = {}

    @classmethod
    def tearDownClass(cls):
        for model in cls.warm.values():
            model.close()

    def model(self, device=-1):
        if device not in self.warm:
            self.warm[device] = ProteinMPNN(device=device, runtime=self.runtime)
        return self.warm[device]

    def said_of(self, record, **parameters):
        (answer,) = self.model().predict_batch([record], on_error="return", **parameters)
        assert isinstance(answer, PredictionError), answer
        return answer.error_message

    @parameterized.expand(get_testing_device_parameters())
    def test_a_sample_is_the_same_alone_as_among_others(self, device):
        model = self.model(device)

        many = model.design(TEXT, samples=9, seed=37, temperature=0.5)
        other = {"structure": (EXAMPLES / "2BEG.pdb").read_text()}
        beside = model.predict_batch([other, {"structure": TEXT}], task="design", seed=39, temperature=0.5)[1]

        assert len(set(many)) == 9
        assert model.design(TEXT, samples=1, seed=37, temperature=0.5) == many[:1]
        assert model.design(TEXT, samples=1, seed=45, temperature=0.5) == many[8:]
        assert beside["designs"] == many[2:3]

    def test_pdb_and_mmcif_of_one_entry_are_the_same_structure(self):
        pdb, cif = self.model().predict_batch(
            [{"structure": str(EXAMPLES / f"1A8O.{kind}")} for kind in ("pdb", "cif")]
        )

        assert pdb["sequence"] == cif["sequence"]
        assert pdb["sequence"].startswith("MDIRQGPKEPFRDYVDRFYKTLRAEQ")  # selenomethionine is methionine
        assert pdb["log_likelihood"] == cif["log_likelihood"]

    def test_a_path_may_be_compressed(self):
        folder = self.enterContext(pytest.MonkeyPatch.context())
        path = self.tmp_path / "6mrr.pdb.gz"
        path.write_bytes(gzip.compress(TEXT.encode()))
        folder.chdir(self.tmp_path)

        assert self.model().predict({"structure": "6mrr.pdb.gz"})["sequence"] == SEQUENCE

    def test_a_list_of_mutants_scores_as_each_alone_whatever_the_form(self):
        named = ["W2A", "WT", "W2A:S3T"]
        mutated = SEQUENCE.replace("GWST", "GATT")

        scores = self.model().score_variants(TEXT, [*named, mutated], orders=2)
        alone = [self.model().predict({"structure": TEXT, "mutant": name}, orders=2)["score"] for name in named]

        np.testing.assert_allclose(scores, [*alone, alone[2]], rtol=0, atol=1e-5)
        assert scores[1] == 0

    def test_a_wild_type_longer_than_the_structure_is_laid_on_it_by_itself(self):
        model = self.model()
        expected = model.score_variants(TEXT, ["W2A"])

        shifted = model.score_variants(TEXT, ["W5A"], wild_type="MKK" + SEQUENCE + "GS")
        numbered = model.score_variants(TEXT, ["W102A"], wild_type=SEQUENCE, offset=101)

        np.testing.assert_allclose([shifted, numbered], [expected, expected], rtol=0, atol=1e-5)

    def test_a_mutant_of_a_residue_that_is_not_resolved_is_an_error_or_zero(self):
        record = {"structure": TEXT, "wild_type": "MKK" + SEQUENCE, "mutant": "K2A"}

        assert "K2A: residue K2 has no complete backbone" in self.said_of(record)
        assert self.model().predict(record, unresolved="zero")["score"] == 0

    def test_the_wild_type_may_differ_from_the_structure_only_as_far_as_is_said(self):
        record = {"structure": TEXT, "wild_type": SEQUENCE.replace("GWST", "GYST"), "mutant": "Y2A"}

        assert "of 68 residues of chain A 1 differ: 2 is W there (residue 2); 0 may" in self.said_of(record)
        assert self.model().predict(record, mismatches=1)["score"] != 0

    def test_copies_of_a_chain_are_mutated_together_where_that_is_said(self):
        structure = str(EXAMPLES / "2BEG.pdb")
        first, every = (
            self.model().score_variants(structure, ["G25A"], wild_type=AMYLOID_BETA, copies=copies)
            for copies in ("first", "all")
        )

        assert abs(first - every) > 0.1

    def test_chains_that_are_not_chosen_are_seen(self):
        text = (EXAMPLES / "2BEG.pdb").read_text()
        alone = atoms(text, lambda line: line[21] == "C")

        among, by_itself = self.model().predict_batch([{"structure": text, "chains": "C"}, {"structure": alone}])

        assert among["sequence"] == by_itself["sequence"] == AMYLOID_BETA[16:]
        assert among["log_likelihood"] > by_itself["log_likelihood"] + 0.3  # its neighbours tell what it is

    def test_a_residue_without_its_whole_backbone_has_no_likelihood(self):
        text = atoms(TEXT, lambda line: not (line[22:26] == "   5" and line[12:16] == " O  "))

        result = self.model().predict({"structure": text})

        assert result["sequence"] == SEQUENCE
        assert np.flatnonzero(np.isnan(result["residue_log_probs"])).tolist() == [4]
        assert "E5A: residue E5 has no complete backbone" in self.said_of({"structure": text, "mutant": "E5A"})

    def test_a_residue_that_is_missing_is_a_gap(self):
        text = atoms(TEXT, lambda line: line[22:26] not in ("   5", "   6"))

        assert self.model().predict({"structure": text})["sequence"] == SEQUENCE.replace("GWSTEL", "GWSTXX")

    def test_a_modified_residue_is_what_it_was_made_from_and_an_unknown_one_is_x(self):
        phospho = "".join(
            "HETATM" + line[6:17] + "SEP" + line[20:] if line[22:26] == "   3" else line
            for line in atoms(TEXT, lambda line: True).splitlines(keepends=True)
        )
        unknown = phospho.replace("SEP", "UNK").replace("HETATM", "ATOM  ")

        first, second = self.model().predict_batch([{"structure": phospho}, {"structure": unknown}])

        assert first["sequence"] == SEQUENCE
        assert second["sequence"] == SEQUENCE.replace("GWST", "GWXT")
        assert np.isnan(second["residue_log_probs"][2])

    def test_a_chain_without_a_name_has_one_here(self):
        record = {"structure": renamed(TEXT, "A", " "), "chains": "_"}

        assert self.model().predict(record)["sequence"] == SEQUENCE

    def test_fixed_residues_stay_and_omitted_ones_are_never_drawn(self):
        designs = self.model().design(TEXT, samples=4, temperature=2.0, fixed="A:1-10,A:20", omit="AL")

        for design in designs:
            assert design[:10] == SEQUENCE[:10]
            assert design[19] == SEQUENCE[19]
            assert not set("AL") & set(design[10:19] + design[20:])

    @parameterized.expand(
        [
            ("empty", {"structure": " \n"}, "the structure is empty"),
            ("no structure", {"structure": "GWSTEL\nEKHREE\n"}, "holds no atom"),
            ("cut mmcif", {"structure": "data_x\nloop_\n_atom_site.id\n"}, "the structure"),
            ("no chain", {"structure": TEXT, "chains": ["B"]}, "the structure has no chain 'B': it has A"),
            ("chain twice", {"structure": TEXT, "chains": "A,A"}, "chain 'A' is named twice"),
            (
                "no backbone",
                {"structure": atoms(TEXT, lambda line: line[12:16] == " CA ")},
                "has all of the atoms N, CA",
            ),
            ("other letter", {"structure": TEXT, "mutant": "A2W"}, "A2W: residue 2 is W, not A"),
            ("no residue", {"structure": TEXT, "mutant": "W99A"}, "no residue 99; residues go from 1 to 68"),
            ("no amino acid", {"structure": TEXT, "mutant": "W2Z"}, "'Z' is no amino acid"),
            ("no mutant", {"structure": TEXT, "mutant": "W2"}, "'W2' is no substitution"),
            ("deletion", {"structure": TEXT, "mutant": SEQUENCE[1:]}, "insertions and deletions have no place"),
            ("two chains", {"structure": (EXAMPLES / "2BEG.pdb").read_text(), "mutant": "G25A"}, "choose one"),
            ("length", {"structure": TEXT, "sequence": "GWS"}, "3 residues for chain A, which has 68 places"),
            ("letter", {"structure": TEXT, "sequence": SEQUENCE.replace("GWS", "GJS")}, "position 2 of the sequence"),
        ]
    )
    def test_what_the_model_cannot_take_is_told(self, what, record, said):
        assert said in self.said_of(record)

    @parameterized.expand(
        [
            ("A:500", "has no residue 500"),
            ("B:1", "none of the chosen chains"),
            ("first", "names no fixed residues"),
            ("A:9-3", "end before they begin"),
            ("1-68", "no residue to design"),
        ]
    )
    def test_fixed_residues_that_are_none_are_told(self, fixed, said):
        assert said in self.said_of({"structure": TEXT, "fixed": fixed}, task="design")

    def test_structures_of_an_assay_score_its_variants(self):
        from repro.guest.assays import Dataset

        table = self.tmp_path / "amyloid.csv"
        rows = [f"{AMYLOID_BETA[i - 1]}{i}A" for i in (18, 20, 25)]
        mutated = [AMYLOID_BETA[: int(name[1:-1]) - 1] + "A" + AMYLOID_BETA[int(name[1:-1]) :] for name in rows]
        lines = [
            f"{name},{sequence},{number}.5" for number, (name, sequence) in enumerate(zip(rows, mutated, strict=True))
        ]
        table.write_text("\n".join(["mutant,mutated_sequence,DMS_score", *lines]) + "\n")
        model = ProteinMPNN(runtime=self.runtime)
        hyper_params = {"structure": str(EXAMPLES / "2BEG.pdb"), "wild_type": AMYLOID_BETA}

        result = model.train(Dataset.from_path(table), self.tmp_path / "out", hyper_params=hyper_params)

        predictions = [line.split(",") for line in result.predictions.read_text().splitlines()]
        column = predictions[0].index("pred")
        expected = self.model().score_variants(str(EXAMPLES / "2BEG.pdb"), rows, wild_type=AMYLOID_BETA)
        np.testing.assert_allclose([float(row[column]) for row in predictions[1:]], expected, rtol=0, atol=1e-4)
        with pytest.raises((InputFileError, TrainingError), match="has no structure"):
            model.train(table, self.tmp_path / "none", hyper_params={"wild_type": AMYLOID_BETA})

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.tmp_path = tmp_path


class TestProteinMpnnLocally(ProteinMpnnBehaviour, unittest.TestCase):
    runtime = "local"


@pytest.mark.timeout(1800)  # golden answers: a container a case, minutes on a machine that does much else
@pytest.mark.usefixtures("base_image")
class TestProteinMpnnInDocker(ProteinMpnnBehaviour, unittest.TestCase):
    runtime = "docker"


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"temperature": -1.0}, "greater than 0"),
        ({"temperature": float("inf")}, "finite"),
        ({"samples": 0}, "greater than or equal to 1"),
        ({"orders": 0}, "greater than or equal to 1"),
        ({"seed": -1}, "greater than or equal to 0"),
        ({"omit": "B"}, "pattern"),
        ({"structure": "no-such-file.pdb"}, "no-such-file.pdb cannot be read"),
    ],
)
def test_numbers_that_cannot_be_are_refused_before_a_worker_starts(parameters, said):
    with pytest.raises(SettingsError, match=said):
        ProteinMPNN(**parameters)


def test_a_path_that_is_no_file_is_told_with_its_record(tmp_path):
    model = ProteinMPNN(runtime="local")

    with pytest.raises(RecordError, match=r"record 1: the structure .*none\.pdb cannot be read"):
        list(model.compute([{"structure": TEXT}, {"structure": str(tmp_path / "none.pdb")}], "raise", {}))


def test_golden_sequences_of_the_authors_are_what_the_structures_hold():
    golden = EXAMPLES.parent / "tests" / "golden" / "published-expected.jsonl"

    assert json.loads(golden.read_text().splitlines()[1])["sequence"] == SEQUENCE
