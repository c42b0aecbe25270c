"""`run.py train`: what it reads, what it writes, and what it says where it cannot."""

from __future__ import annotations

import csv
import json
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.guest import training
from repro.guest.runner import Runner
from tests.unit.interpreters import INTERPRETERS, guest_beside

RUN = """
import os

from repro_guest import Runner
from repro_guest.training import read_rows


class Mean(Runner):
    '''Predicts the mean of what it was trained on.'''

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--shift", type=float, default=0.0)
        parser.add_argument("--columns", default="usual", choices=["usual", "few", "none", "nan"])
        parser.add_argument("--loud", action="store_true")

    def train(self, options):
        rows = read_rows(options.dataset_file)
        values = [float(row["target"]) for row in rows if row["split"] == "train"]
        mean = sum(values) / len(values) + options.shift
        with open(os.path.join(options.output_dir, "model.txt"), "w") as file:
            file.write(repr(mean))
        if options.columns == "none":
            return
        for row in rows:
            if options.columns == "few":
                yield {"sequence": row["sequence"], "pred": mean}
            elif row["split"] == "test":
                pred = mean if options.columns == "usual" else float("nan")
                yield {"sequence": row["sequence"], "test": row["target"], "pred": pred, "split": row["split"]}


if __name__ == "__main__":
    Mean.main()
"""
TABLE = "sequence,target,split\nMK,1,train\nMR,3,train\nMT,5,test\n"
CARD = "---\nname: mean\ntags: [baseline]\n---\n# Mean\n\nname: another\n"

Train = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(params=INTERPRETERS)
def train(request: pytest.FixtureRequest, tmp_path: Path) -> Train:
    """`run.py train`, with each interpreter."""
    (tmp_path / "run.py").write_text(RUN)
    (tmp_path / "dms.csv").write_text(TABLE)
    (tmp_path / "README.md").write_text(CARD)
    guest_beside(tmp_path)

    def run(*words: str, dataset: str = "dms.csv", card: str = "README.md") -> subprocess.CompletedProcess[str]:
        command = [*request.param, "run.py", "train", "--output-dir", "out"]
        command += ["--dataset-file", dataset] if dataset else []
        command += ["--model-card-file", card] if card else []
        return subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_predictions_of_held_out_rows_and_the_model_lie_in_the_output_folder(train: Train, tmp_path: Path) -> None:
    done = train()

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(Path("out", "dms_mean.csv"))
    assert (tmp_path / "out" / "dms_mean.csv").read_text() == "sequence,test,pred,split\nMT,5,2.0,test\n"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dms_mean.csv", "model.txt"]


def test_the_data_set_may_be_a_zip_archive_with_one_table(train: Train, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        archive.writestr("manifest.toml", 'name = "dms"\n')
        archive.writestr("data/assay.csv", TABLE)

    assert train(dataset="dataset.zip").returncode == 0
    assert (tmp_path / "out" / "dataset_mean.csv").is_file()


def test_an_archive_with_several_tables_names_them(train: Train, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "dataset.zip", "w") as archive:
        archive.writestr("one.csv", TABLE)
        archive.writestr("two.csv", TABLE)

    done = train(dataset="dataset.zip")

    assert done.returncode == 1
    assert done.stderr == "run.py train: error: dataset.zip holds 2 CSV files, and not one: one.csv, two.csv\n"


def test_the_name_is_that_of_the_card_or_of_the_toml_file(train: Train, tmp_path: Path) -> None:
    (tmp_path / "manifest.toml").write_text('name = "from toml"\n')

    assert train("--model-toml-file", "manifest.toml", card="").returncode == 0
    assert (tmp_path / "out" / "dms_from-toml.csv").is_file()


def test_hyper_parameters_come_from_a_file_and_the_command_line_goes_before(train: Train, tmp_path: Path) -> None:
    values = {"shift": "10", "loud": "true", "sagemaker_region": '"eu-west-1"'}
    (tmp_path / "hyperparameters.json").write_text(json.dumps(values))
    file = ["--hyperparameters-file", "hyperparameters.json"]

    assert train(*file).returncode == 0
    assert (tmp_path / "out" / "model.txt").read_text() == "12.0"
    assert train(*file, "--shift", "1").returncode == 0
    assert (tmp_path / "out" / "model.txt").read_text() == "3.0"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"shfit": 1}, "'shfit'; run.py has: "),
        ({"shift": "much"}, "invalid float value: 'much'"),
        ([], "no JSON object"),
    ],
)
def test_a_hyper_parameter_that_does_not_fit_is_told(train: Train, tmp_path: Path, values: object, said: str) -> None:
    (tmp_path / "hyperparameters.json").write_text(json.dumps(values))

    done = train("--hyperparameters-file", "hyperparameters.json")

    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("sequence,target\nMK,1\n", "has no column split"),
        ("sequence,target,split\nMK,1\n", "row 1 has not as many fields as the header"),
        ("sequence,target,split\n\udcff,1,train\n", "is no CSV file in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(train: Train, tmp_path: Path, table: str, said: str) -> None:
    (tmp_path / "dms.csv").write_text(table, errors="surrogateescape")

    done = train()

    assert done.returncode != 0
    assert said in done.stderr
    assert not (tmp_path / "out" / "dms_mean.csv").exists()


def test_what_is_missing_is_named(train: Train) -> None:
    assert "there is no data set nowhere.zip" in train(dataset="nowhere.zip").stderr
    assert "there is no data set /opt/ml/input/data/training/dataset.zip" in train(dataset="").stderr
    assert "no model card: name one with --model-card-file" in train(card="").stderr
    assert "cannot read the model card nowhere.md" in train(card="nowhere.md").stderr


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("few", "row 1 of train has no test, split"),
        ("none", "train gave no predictions"),
        ("nan", "no number as its pred"),
    ],
)
def test_predictions_that_are_not_what_they_must_be_are_no_output(
    train: Train, tmp_path: Path, columns: str, said: str
) -> None:
    done = train("--columns", columns)

    assert done.returncode != 0
    assert said in done.stderr
    assert not (tmp_path / "out" / "dms_mean.csv").exists()


def test_train_tells_its_options(train: Train) -> None:
    done = train("--help")

    assert done.returncode == 0
    for option in (
        "--dataset-file",
        "--model-card-file",
        "--model-toml-file",
        "--output-dir",
        "--shift",
        "/opt/ml/model",
    ):
        assert option in done.stdout


def test_a_model_without_train_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        Runner.main(["train"])

    assert ended.value.code == 2
    assert "this model has no train" in capsys.readouterr().err


def test_a_failure_is_left_where_sagemaker_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training.TrainingPaths, "FAILURE_FILE", str(tmp_path / "failure"))

    class Failing(Runner):
        def train(self, options):  # type: ignore[no-untyped-def]
            raise MemoryError("too many residues")

    (tmp_path / "dms.csv").write_text(TABLE)
    (tmp_path / "README.md").write_text(CARD)
    words = ["--dataset-file", str(tmp_path / "dms.csv"), "--model-card-file", str(tmp_path / "README.md")]
    with pytest.raises(MemoryError):
        Failing.main(["train", *words, "--output-dir", str(tmp_path / "out")])

    assert (tmp_path / "failure").read_text() == "MemoryError: too many residues"


def test_rows_are_read_with_quotes_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "dms.csv"
    path.write_bytes('sequence,target,split,note\nMK,1,train,"a, b"\n'.encode("utf-8-sig"))

    assert training.read_rows(str(path)) == list(csv.DictReader(path.read_text("utf-8-sig").splitlines()))
