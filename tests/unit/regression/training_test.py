"""`run.py train` of pls and ridge, in a process of its own, and the numbers that are known from elsewhere."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
from scipy.stats import spearmanr

from repro.guest.assays import Dataset, make_split
from repro.guest.regression.linear_model import LinearModel
from tests.one_hot_assays import ROOT
from tests.unit.interpreters import guest_beside

MODELS = ["pls", "ridge"]
AMYLOID = ROOT / "models" / "pls" / "examples" / "A4_HUMAN_Seuma_2021.csv"
TEM1 = ROOT / "tests" / "data" / "BLAT_ECOLX_Ranganathan2015_labeled.csv"


def train(model: str, folder: Path, assay: Path, *options: str) -> subprocess.CompletedProcess[str]:
    guest_beside(folder)
    (folder / "run.py").write_text((ROOT / "models" / model / "src" / "run.py").read_text())
    card = str(ROOT / "models" / model / "README.md")
    words = ["--dataset-file", str(assay), "--model-card-file", card, "--output-dir", str(folder / "out"), *options]
    return subprocess.run(
        [sys.executable, "run.py", "train", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    (table,) = (folder / "out").glob("*.csv")
    return list(csv.DictReader(table.open()))


@pytest.mark.parametrize("model", MODELS)
def test_one_of_the_settings_is_chosen_and_told_and_what_was_learned_predicts_the_same(
    model: str, tmp_path: Path
) -> None:
    done = train(model, tmp_path, AMYLOID, "--split", "random_5", "--fold", "2")

    assert done.returncode == 0, done.stderr
    assert "chosen by cross-validation on the rows learned from" in done.stderr
    facts = json.loads((tmp_path / "out" / "model.json").read_text())
    errors = facts["cross_validation"]["mean_squared_error"]
    chosen = facts["n_components"] if model == "pls" else facts["alpha"]
    assert errors[str(chosen)] == pytest.approx(min(errors.values()))
    assert facts["rows"] + len(rows_of(tmp_path)) == 468

    by_name = dict(zip(Dataset.from_path(AMYLOID).mutants, Dataset.from_path(AMYLOID).sequences, strict=True))
    again = LinearModel.load(str(tmp_path / "out")).predict([by_name[row["mutant"]] for row in rows_of(tmp_path)])
    assert again.tolist() == [float(row["pred"]) for row in rows_of(tmp_path)]


@pytest.mark.parametrize(
    ("model", "option", "value"),
    [("pls", "--n-components", "0"), ("ridge", "--alpha", "0"), ("pls", "--cv-folds", "1")],
)
def test_a_value_that_cannot_be_is_an_error_of_options(model: str, option: str, value: str, tmp_path: Path) -> None:
    done = train(model, tmp_path, AMYLOID, option, value)

    assert done.returncode == 2
    assert "invalid" in done.stderr
    assert "Traceback" not in done.stderr


def test_more_components_than_the_rows_can_hold_are_told(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "mutated_sequence,DMS_score\nMKV,1.0\nMRV,0.5\nMKI,0.25\nMRI,2.0\nMAV,1.5\nMAI,0.0\n"
    )
    done = train("pls", tmp_path, tmp_path / "x.csv", "--split", "random_2", "--fold", "0", "--n-components", "9")

    assert done.returncode == 0, done.stderr
    assert "9 asked for, but these explain all that the rows hold" in done.stderr


@pytest.mark.parametrize("model", MODELS)
def test_one_sequence_alone_to_learn_from_predicts_its_mean(model: str, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("mutated_sequence,DMS_score\nMKV,1.0\nMKV,2.0\nMRV,7.0\n")
    done = train(model, tmp_path, tmp_path / "x.csv", "--split", "random_2")

    assert done.returncode == 0, done.stderr
    assert sorted(float(row["pred"]) for row in rows_of(tmp_path)) == [1.5, 7.0, 7.0]


@pytest.mark.parametrize("model", MODELS)
def test_sequences_of_unequal_length_name_the_rows_also_those_that_are_held_out(model: str, tmp_path: Path) -> None:
    lines = AMYLOID.read_text().splitlines()
    table = [lines[0], *lines[1:100]]
    table[7] = table[7].replace("DSGYEV", "DSYEV")
    (tmp_path / "x.csv").write_text("\n".join(line.partition(",")[2] for line in table) + "\n")

    done = train(model, tmp_path, tmp_path / "x.csv", "--split", "random_5")

    assert done.returncode == 3
    assert "of 99 rows 98 have 42 residues, but row 7 has 41" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("model", MODELS)
def test_positions_that_nothing_learned_from_varies_get_one_prediction_and_that_is_told(
    model: str, tmp_path: Path
) -> None:
    done = train(model, tmp_path, AMYLOID, "--split", "modulo_5")

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("held-out rows get one prediction") == 5
    assert len({(row["split"], row["pred"]) for row in rows_of(tmp_path)}) == 5


def test_random_folds_of_tem1_have_the_spearman_that_proteingym_has_published(tmp_path: Path) -> None:
    """BLAT_ECOLX_Stiffler_2015, supervised one-hot baseline: .749 (ProteinGym v1.3)."""
    wild_type = tem1()
    with TEM1.open() as file, (tmp_path / "tem1.csv").open("w") as table:
        table.write("mutant,mutated_sequence,DMS_score\n")
        for row in csv.DictReader(file):
            place = int(row["mutant"][1:-1]) - 24
            assert wild_type[place] == row["mutant"][0]
            sequence = wild_type[:place] + row["mutant"][-1] + wild_type[place + 1 :]
            table.write(f"{row['mutant']},{sequence},{row['2500']}\n")

    for model in MODELS:
        folder = tmp_path / model
        folder.mkdir()
        done = train(model, folder, tmp_path / "tem1.csv", "--split", "random_5")

        assert done.returncode == 0, done.stderr
        rows = rows_of(folder)
        folds = [spearman([row for row in rows if row["split"] == str(fold)]) for fold in range(5)]
        assert abs(numpy.mean(folds) - 0.749) < 0.03
        assert abs(spearman(rows) - 0.749) < 0.03


def spearman(rows: list[dict[str, str]]) -> float:
    return float(spearmanr([float(row["test"]) for row in rows], [float(row["pred"]) for row in rows]).statistic)


def tem1() -> str:
    """Residues 24 to 286 of TEM-1, as the names of the variants have them."""
    with TEM1.open() as file:
        residues = {int(row["mutant"][1:-1]): row["mutant"][0] for row in csv.DictReader(file)}
    return "".join(residues[position] for position in range(24, 287))


def test_the_example_holds_out_what_its_golden_answers_ask() -> None:
    dataset = Dataset.from_path(AMYLOID)
    _, _, test = make_split("train-valid-test", dataset).parts()
    records = (ROOT / "models" / "pls" / "tests" / "golden" / "records.jsonl").read_text().splitlines()

    asked = [json.loads(record)["sequence"] for record in records[: len(test)]]

    assert asked == dataset.examples(rows=test).sequences
