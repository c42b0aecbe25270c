"""`train` of ProteinMPNN with the structure in the data set, in the local environment."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from models.proteinmpnn.tests.model_test import EXAMPLES, SEQUENCE
from repro.errors import InputFileError, PredictionError, SettingsError
from repro.guest.assays import Assay, Dataset
from repro.models.proteinmpnn import ProteinMPNN
from repro.training_task import TrainingRequest, TrainingTask

TARGET = "stability"
STRUCTURE = "6MRR.pdb"  # SEQUENCE is its own
OTHER = "5L33.pdb"
NAMES = ["W2A", "S3T", "E5K"]


def mutated(name: str) -> str:
    place = int(name[1:-1]) - 1
    assert SEQUENCE[place] == name[0]
    return SEQUENCE[:place] + name[-1] + SEQUENCE[place + 1 :]


def dataset(structures: list[str], sequences: list[str] | None = None, wild_type: str = SEQUENCE) -> Dataset:
    sequences = sequences or [mutated(name) for name in NAMES]
    return Dataset(
        "helix",
        {TARGET: Assay(TARGET, constants={"sequence": wild_type})},
        {"sequence": sequences, TARGET: [float(row) for row in range(len(sequences))]},
        files={f"structures/{name}": (EXAMPLES / name).read_bytes() for name in structures},
    )


def trained(data: Dataset | Path, out: Path, **arguments: Any) -> list[float]:
    with ProteinMPNN(runtime="local") as model:
        result = model.train(data, out, **arguments)
    with result.predictions.open(newline="") as file:
        return [float(row["pred"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("archive", ["helix.zip", "helix.pgdata"])
def test_the_structure_in_an_archive_of_either_form_scores_as_the_file_itself(tmp_path, archive):
    with ProteinMPNN(runtime="local") as model:
        expected = model.score_variants(str(EXAMPLES / STRUCTURE), NAMES, wild_type=SEQUENCE)
    dataset([STRUCTURE]).save(tmp_path / archive)

    found = trained(tmp_path / archive, tmp_path / "out", split="random_2")

    assert found == pytest.approx(expected.tolist(), abs=1e-4)


@pytest.mark.parametrize(
    ("structures", "message"),
    [
        ([], r"has no structure.*structure=FILE"),
        ([STRUCTURE, OTHER], r"several structures \(structures/5L33.pdb, structures/6MRR.pdb\).*structure=FILE"),
        ([OTHER], "the wild type does not fit the structure"),
    ],
)
def test_a_structure_that_is_missing_or_not_the_only_one_or_of_another_protein_is_refused(
    tmp_path, structures, message
):
    with pytest.raises(InputFileError, match=message):
        trained(dataset(structures), tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_variants_that_have_no_place_are_named_with_their_rows_counted_from_one(tmp_path):
    sequences = [mutated("W2A"), SEQUENCE[:-1], SEQUENCE + "A"]

    with pytest.raises(
        InputFileError, match=r"row 2: the mutated sequence has 67 .*; row 3: the mutated sequence has 69"
    ):
        trained(dataset([STRUCTURE], sequences), tmp_path / "out")


def test_a_mutated_residue_without_a_backbone_is_named_with_what_to_do(tmp_path):
    lines = (EXAMPLES / STRUCTURE).read_text().splitlines()
    kept = [
        line
        for line in lines
        if not (line.startswith("ATOM") and line[12:16].strip() == "CA" and line[22:26] == "   3")
    ]
    data = dataset([], [mutated("W2A"), mutated("S3T")])
    (tmp_path / "gap.pdb").write_text("\n".join(kept) + "\n")
    hyper_params = {"structure": str(tmp_path / "gap.pdb")}

    with pytest.raises(InputFileError, match=r"row 2: S3T: residue S3 has no complete backbone.*unresolved=zero"):
        trained(data, tmp_path / "out", split="random_2", hyper_params=hyper_params)

    scores = trained(data, tmp_path / "out", split="random_2", hyper_params={**hyper_params, "unresolved": "zero"})
    assert scores[0] != 0
    assert scores[1] == 0


def test_a_structure_whose_numbers_meet_the_wild_types_in_one_residue_of_the_same_letter_does_not_fit(tmp_path):
    """The last residue of the wild type is E68; the structure is of another protein that begins with an E68."""
    lines = [line for line in (EXAMPLES / OTHER).read_text().splitlines() if line.startswith("ATOM")]
    first = next(int(line[22:26]) for line in lines if line[17:20] == "GLU")
    last = len(SEQUENCE)
    kept = [line for line in lines if int(line[22:26]) >= first]
    text = "".join(f"{line[:22]}{int(line[22:26]) - first + last:4}{line[26:]}\n" for line in kept)
    record = {"structure": text, "mutant": f"{SEQUENCE[-1]}{last}A", "wild_type": SEQUENCE}

    with ProteinMPNN(runtime="local") as model, pytest.raises(PredictionError, match="does not fit the structure"):
        model.predict(record)


def test_a_path_of_this_machine_is_a_text_before_anything_else_sees_it(tmp_path):
    """A job elsewhere is planned from the same task: it would look for the path in its container."""
    path = EXAMPLES / STRUCTURE
    request = TrainingRequest(dataset([]), tmp_path / "out", hyper_params={"structure": str(path)})

    task = TrainingTask.of(ProteinMPNN(runtime="local"), request)

    assert task.options["structure"] == path.read_text()


def test_a_path_that_leads_nowhere_is_refused_before_anything_starts(tmp_path):
    request = TrainingRequest(dataset([]), tmp_path / "out", hyper_params={"structure": "nowhere.pdb"})

    with pytest.raises(SettingsError, match=r"the structure nowhere\.pdb cannot be read"):
        TrainingTask.of(ProteinMPNN(runtime="local"), request)
