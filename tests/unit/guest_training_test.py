"""`run.py train`: what it reads, what it writes, and what it says where it cannot."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from repro.guest import training
from repro.guest.runner import Runner
from tests.unit.interpreters import INTERPRETERS, guest_beside

RUN = """
import os
import sys
import time

from repro_guest import Runner


class Mean(Runner):
    '''Predicts the mean of what it was trained on.'''

    ignored_hyper_params = {"aa_alphabet": "it has one of its own"}

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--pooling", default="mean", choices=["mean", "none"])

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--shift", type=float, default=0.0)
        parser.add_argument("--n-steps", type=int, default=None)
        parser.add_argument("--layers", type=int, nargs="+", default=[0])
        parser.add_argument("--loud", action="store_true")
        parser.add_argument("--do", default="predict")

    def load(self, options):
        self.is_loaded = True

    def train(self, task):
        assert self.is_loaded and self.options.pooling in ("mean", "none")
        do = self.options.do
        if do == "raise":
            raise MemoryError("too many residues")
        if do == "exit":
            sys.exit(0)
        if do == "print":
            print("a model may print")
        if do == "hang":
            sys.stderr.write("hanging\\n")
            sys.stderr.flush()
            time.sleep(600)
        targets = task.train.targets
        mean = sum(targets) / len(targets) + self.options.shift if targets else 0.5
        told = ["%s=%r" % item for item in sorted(vars(self.options).items()) if item[0] in self.options.hyper_params]
        with open(os.path.join(task.output_dir, "model.txt"), "w") as file:
            file.write("%s\\n%s\\n%s %s" % (mean, "\\n".join(told), task.fold, task.test.targets[:1]))
        found = {"none": None, "few": [mean], "nan": [float("nan")] * len(task.test), "text": ["?"] * len(task.test)}
        return found.get(do, [mean] * len(task.test))


class ZeroShot(Mean):
    zero_shot = True


if __name__ == "__main__":
    (ZeroShot if os.environ.get("ZERO_SHOT") else Mean).main()
"""
WILD_TYPE = "MKTAYIAKQR"
MUTANTS = [f"{residue}{place}W" for place, residue in enumerate(WILD_TYPE, 1)]
ROWS = [
    {
        "mutant": mutant,
        "mutated_sequence": WILD_TYPE[:place] + "W" + WILD_TYPE[place + 1 :],
        "DMS_score": place,
        "fold_modulo_2": place % 2,
    }
    for place, mutant in enumerate(MUTANTS)
]
CARD = "---\nname: mean\ntags: [baseline]\n---\n# Mean\n\nname: another\n"
MANIFEST = """\
name = "two_of_them"
[assays_meta]
file_path = "assays.csv"
sequence_feature = "sequence"
split_feature = "split"
columns = ["sequence", "charge", "size", "split"]
[assays_meta.assays.charge]
features = []
[assays_meta.assays.size]
features = []
"""

Train = Callable[..., "subprocess.CompletedProcess[str]"]
Row = dict[str, str]


def write_table(path: Path, *columns: str, **changed: object) -> None:
    """A table as ProteinGym has them; `DMS_score=` replaces that of the second row."""
    names = columns or ("mutant", "mutated_sequence", "DMS_score")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows([{**row, **changed} if number == 1 else row for number, row in enumerate(ROWS)])


@pytest.fixture(params=INTERPRETERS)
def command(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """`run.py train`, with each interpreter, in a folder with a data set and a card."""
    (tmp_path / "run.py").write_text(RUN)
    write_table(tmp_path / "dms.csv")
    (tmp_path / "README.md").write_text(CARD)
    (tmp_path / "yaml").symlink_to(Path(yaml.__file__).parent)  # a card needs it, and it is plain Python
    guest_beside(tmp_path)
    return [*request.param, "run.py", "train"]


@pytest.fixture
def train(command: list[str], tmp_path: Path) -> Train:
    def run(
        *words: str, dataset: str = "dms.csv", card: str = "README.md", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        call = [*command, "--output-dir", "out"]
        call += ["--dataset-file", dataset] if dataset else []
        call += ["--model-card-file", card] if card else []
        env = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", **environ}
        return subprocess.run([*call, *words], cwd=tmp_path, capture_output=True, text=True, check=False, env=env)

    return run


@pytest.fixture
def layout(tmp_path: Path) -> training.TrainingPaths:
    """Folders as SageMaker lays them."""
    paths = training.TrainingPaths(tmp_path / "ml")
    for folder in ("input/data/training", "input/data/model_card", "input/data/manifest", "input/config", "output"):
        (tmp_path / "ml" / folder).mkdir(parents=True, exist_ok=True)
    return paths


def predictions(tmp_path: Path, name: str = "out/dms_mean.csv") -> list[Row]:
    with (tmp_path / name).open() as file:
        return list(csv.DictReader(file))


def learned(tmp_path: Path, folder: str = "fold_0") -> list[str]:
    return (tmp_path / "out" / folder / "model.txt").read_text().split("\n")


class TestPredictions:
    def test_each_row_is_predicted_by_what_was_learned_from_the_other_folds(self, train: Train, tmp_path: Path) -> None:
        write_table(tmp_path / "dms.csv", "mutant", "mutated_sequence", "DMS_score", "fold_modulo_2")

        done = train()

        assert done.returncode == 0, done.stderr
        assert done.stdout == "out/dms_mean.csv\n"
        rows = predictions(tmp_path)
        assert list(rows[0]) == ["mutant", "sequence", "test", "pred", "split"]
        assert [row["mutant"] for row in rows] == MUTANTS
        assert [float(row["test"]) for row in rows] == list(range(10))
        assert [row["split"] for row in rows] == ["0", "1"] * 5
        assert [float(row["pred"]) for row in rows] == [5.0, 4.0] * 5  # the means of the odd and of the even numbers

    def test_one_fold_alone_is_predicted_where_it_is_named(self, train: Train, tmp_path: Path) -> None:
        write_table(tmp_path / "dms.csv", "mutant", "mutated_sequence", "DMS_score", "fold_modulo_2")

        assert train("--fold", "1").returncode == 0
        assert [row["mutant"] for row in predictions(tmp_path)] == MUTANTS[1::2]
        assert {row["split"] for row in predictions(tmp_path)} == {"1"}
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["dms_mean.csv", "model.txt"]

    def test_each_fold_keeps_what_it_has_learned_in_a_folder_of_its_own(self, train: Train, tmp_path: Path) -> None:
        assert train().returncode == 0

        kept = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.txt"))
        assert kept == [f"fold_{number}/model.txt" for number in range(5)]

    def test_a_split_that_is_not_stored_is_made_and_said(self, train: Train, tmp_path: Path) -> None:
        first, again = train(), train()

        assert "dms has no split 'random_5': it is made, with the seed 0" in first.stderr
        assert sorted({row["split"] for row in predictions(tmp_path)}) == ["0", "1", "2", "3", "4"]
        assert again.returncode == 0
        train("--split", "contiguous_2")
        assert [row["split"] for row in predictions(tmp_path)] == ["0"] * 5 + ["1"] * 5

    def test_the_rows_of_test_are_held_out_where_there_is_train_valid_and_test(
        self, train: Train, tmp_path: Path
    ) -> None:
        assert train("--split", "train_valid_test").returncode == 0

        assert [row["split"] for row in predictions(tmp_path)] == ["test"]

    def test_the_model_is_not_told_what_it_is_to_predict(self, train: Train, tmp_path: Path) -> None:
        train()

        assert learned(tmp_path)[-1] == "0 [nan]"

    def test_a_row_without_a_measured_value_is_in_no_part(self, train: Train, tmp_path: Path) -> None:
        write_table(tmp_path / "dms.csv", DMS_score="")

        assert train().returncode == 0
        assert [row["mutant"] for row in predictions(tmp_path)] == [MUTANTS[0], *MUTANTS[2:]]

    def test_a_model_that_learns_nothing_scores_all_rows_at_once(self, train: Train, tmp_path: Path) -> None:
        assert train(ZERO_SHOT="1").returncode == 0
        assert [row["split"] for row in predictions(tmp_path)] == ["test"] * 10
        assert learned(tmp_path, "")[-1] == "None [nan]"
        assert train("--split", "modulo_5", ZERO_SHOT="1").returncode == 0
        assert [row["split"] for row in predictions(tmp_path)] == ["0", "1", "2", "3", "4"] * 2
        assert not (tmp_path / "out" / "fold_0").exists()

    def test_what_a_model_prints_does_not_disturb(self, train: Train, tmp_path: Path) -> None:
        assert train("--do", "print").returncode == 0
        assert len(predictions(tmp_path)) == 10

    @pytest.mark.parametrize(
        ("do", "said"),
        [
            ("few", "train gave 1 numbers for 2 held-out rows in fold 0"),
            ("none", "train gave nothing; it returns a number for each of 2 held-out rows"),
            ("nan", "train gave nan for held-out row 1 of fold 0 ("),
            ("text", "train gave no number for held-out row 1 of fold 0 ("),
            ("exit", "run.py ended itself, with 0, before all was predicted"),
            ("raise", "MemoryError: too many residues"),
        ],
    )
    def test_what_is_no_prediction_for_each_row_is_no_output(
        self, train: Train, tmp_path: Path, do: str, said: str
    ) -> None:
        done = train("--do", do)

        assert done.returncode == training.FAILED
        assert said in done.stderr
        assert list((tmp_path / "out").glob("*.csv*")) == []


class TestHyperParameters:
    def test_the_command_line_goes_before_the_file_and_the_file_before_the_card(
        self, train: Train, tmp_path: Path
    ) -> None:
        card = (
            "---\nname: mean\nhyper_params: {shift: 1.0, n_steps: 3, layers: [4, -1], loud: true, pooling: none}\n---\n"
        )
        (tmp_path / "README.md").write_text(card)
        (tmp_path / "file.json").write_text(json.dumps({"shift": "2.5", "n-steps": "7", "loud": "False"}))

        assert train().returncode == 0
        assert learned(tmp_path)[1:-1] == [
            "do='predict'", "layers=[4, -1]", "loud=True", "n_steps=3", "pooling='none'", "shift=1.0",
        ]  # fmt: skip
        assert train("--hyperparameters-file", "file.json", "--n-steps", "9").returncode == 0
        assert learned(tmp_path)[1:-1] == [
            "do='predict'", "layers=[4, -1]", "loud=False", "n_steps=9", "pooling='none'", "shift=2.5",
        ]  # fmt: skip

    def test_values_are_taken_as_sagemaker_writes_them(self, train: Train, tmp_path: Path) -> None:
        values = {
            "pooling": '"none"',
            "layers": "[1, 2]",
            "loud": "true",
            "n_steps": "null",
            "sagemaker_region": '"eu"',
        }
        (tmp_path / "file.json").write_text(json.dumps({**values, "split": "modulo_5", "fold": "2", "shift": "-1e-3"}))

        done = train("--hyperparameters-file", "file.json")

        assert done.returncode == 0, done.stderr
        assert learned(tmp_path, "")[1:-1] == [
            "do='predict'", "layers=[1, 2]", "loud=True", "n_steps=None", "pooling='none'", "shift=-0.001",
        ]  # fmt: skip
        assert {row["split"] for row in predictions(tmp_path)} == {"2"}

    def test_one_of_the_card_that_means_nothing_to_the_model_is_passed_over_and_said(
        self, train: Train, tmp_path: Path
    ) -> None:
        (tmp_path / "README.md").write_text("---\nname: mean\nhyper_params: {aa-alphabet: ACD, shift: 1}\n---\n")

        done = train()

        assert done.returncode == 0
        assert "the hyper-parameter aa-alphabet is not used: it has one of its own" in done.stderr

    @pytest.mark.parametrize(
        ("name", "said"),
        [
            (
                "shfit",
                "the model card has the hyper-parameter 'shfit', which is not known (did you mean shift?); known are: ",
            ),
            ("dataset_file", "which is not known; known are: do, layers, loud, n_steps, pooling, shift"),
        ],
    )
    def test_an_unknown_one_in_the_card_names_the_known_ones(
        self, train: Train, tmp_path: Path, name: str, said: str
    ) -> None:
        (tmp_path / "README.md").write_text(f"---\nname: mean\nhyper_params: {{{name}: 1}}\n---\n")

        done = train()

        assert done.returncode == training.WRONG_OPTIONS
        assert said in done.stderr

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            (
                {"shfit": 1},
                "file.json has the hyper-parameter 'shfit', which is not known (did you mean shift?); known are: ",
            ),
            ({"shift": "much"}, "argument --shift: invalid float value: 'much'"),
            ({"pooling": "max"}, "argument --pooling: invalid choice: 'max'"),
            ({"loud": "very"}, "file.json: loud is true or false, not 'very'"),
            ({"layers": "[1,"}, "file.json: layers is no list"),
            ([], "are no JSON object"),
        ],
    )
    def test_a_file_that_does_not_fit_is_told(self, train: Train, tmp_path: Path, values: object, said: str) -> None:
        (tmp_path / "file.json").write_text(json.dumps(values))

        done = train("--hyperparameters-file", "file.json")

        assert done.returncode == training.WRONG_OPTIONS
        assert said in done.stderr
        assert "Traceback" not in done.stderr

    def test_a_file_that_cannot_be_read_is_told(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "file.json").write_text("{")

        assert "cannot read the hyper-parameters file.json" in train("--hyperparameters-file", "file.json").stderr


class TestWhatIsMissing:
    def test_a_data_set_or_a_card_that_is_not_there_is_named(self, train: Train) -> None:
        assert "there is no file nowhere.zip" in train(dataset="nowhere.zip").stderr
        assert "there is no file /opt/ml/input/data/training/dataset.zip" in train(dataset="").stderr
        assert "there is no model card nowhere.md" in train(card="nowhere.md").stderr
        done = train(card="")
        assert "there is no model card" in done.stderr
        assert "--model-card-file" in done.stderr
        assert done.returncode == training.WRONG_INPUT

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--target", "DMS_scroe"], "dms has no target 'DMS_scroe': it has DMS_score"),
            (["--split", "moduol_5"], "dms has no split 'moduol_5'"),
            (["--split", "random_5", "--fold", "5"], "has the folds 0 to 4, and no 5"),
            (["--split", "train_valid_test", "--fold", "0"], "has no folds"),
            (["--split", "all"], "leaves this model nothing to learn from"),
        ],
    )
    def test_a_target_split_or_fold_that_is_not_there_names_those_that_are(
        self, train: Train, words: list[str], said: str
    ) -> None:
        done = train(*words)

        assert done.returncode == training.WRONG_INPUT
        assert said in done.stderr

    def test_a_fold_of_which_no_value_is_measured_is_no_fold(self, train: Train, tmp_path: Path) -> None:
        write_table(tmp_path / "dms.csv", "mutant", "mutated_sequence", "DMS_score", "fold_modulo_2")
        text = (tmp_path / "dms.csv").read_text().split("\n")
        (tmp_path / "dms.csv").write_text(
            "\n".join(line[: -len(",0") - 1] + ",0" if line.endswith(",0") else line for line in text)
        )

        done = train()

        assert done.returncode == training.WRONG_INPUT
        assert "dms has no row with a DMS_score to predict in fold 0 of the split modulo_2" in done.stderr

    def test_an_output_folder_that_cannot_be_made_is_told_before_it_learns(self, train: Train, tmp_path: Path) -> None:
        (tmp_path / "taken").touch()

        done = train("--output-dir", "taken/out")

        assert (done.returncode, done.stdout) == (2, "")
        assert "the output folder taken/out cannot be made: Not a directory" in done.stderr
        assert "Traceback" not in done.stderr

    def test_options_that_are_wrong_are_told_without_a_traceback(self, train: Train) -> None:
        done = train("--shfit", "1")

        assert done.returncode == training.WRONG_OPTIONS
        assert done.stderr.splitlines()[-1] == "run.py train: error: unrecognized arguments: --shfit 1"
        assert "not allowed with argument" in train("--model-toml-file", "x.toml").stderr

    def test_train_tells_its_options(self, train: Train) -> None:
        done = train("--help")

        assert done.returncode == 0
        for option in (
            "--dataset-file",
            "--model-card-file",
            "--model-toml-file",
            "--split",
            "--shift",
            "/opt/ml/model",
        ):
            assert option in done.stdout
        assert "hyper-parameters of a card that mean nothing here: aa_alphabet" in done.stdout

    def test_ping_is_answered(self, command: list[str], tmp_path: Path) -> None:
        done = subprocess.run([*command[:-1], "ping"], cwd=tmp_path, capture_output=True, text=True, check=True)

        assert done.stdout == "pong\n"

    def test_a_model_without_train_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as ended:
            Runner.main(["train"])

        assert ended.value.code == training.WRONG_OPTIONS
        assert "this model has no train" in capsys.readouterr().err


class TestSageMakersFolders:
    """`--prefix` stands for /opt/ml, which is there in containers alone."""

    def run(self, tmp_path: Path, *words: str, **popen: Any) -> subprocess.CompletedProcess[str]:
        (tmp_path / "run.py").write_text(RUN)
        if not (tmp_path / "repro_guest").exists():
            guest_beside(tmp_path)
        call = [sys.executable, "run.py", "train", "--prefix", str(tmp_path / "ml"), *words]
        return subprocess.run(call, cwd=tmp_path, capture_output=True, text=True, check=False, **popen)

    def test_everything_is_found_where_sagemaker_lays_it(self, tmp_path: Path, layout: training.TrainingPaths) -> None:
        write_table(tmp_path / "ml" / "input" / "data" / "training" / "dms.csv")
        with zipfile.ZipFile(layout.dataset_file, "w") as archive:
            rows = [
                f"{WILD_TYPE[:count]},{count},{-count},{'test' if count > 7 else 'train'}" for count in range(1, 11)
            ]
            archive.writestr("assays.csv", "\n".join(["sequence,charge,size,split", *rows]) + "\n")
            archive.writestr("manifest.toml", MANIFEST)
        Path(layout.model_toml_file).write_text('name = "from toml"\n[hyper_parameters]\nshift = 1\n')
        Path(layout.hyperparameters_file).write_text(json.dumps({"target": "size", "n_steps": "3"}))

        done = self.run(tmp_path)

        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in Path(layout.output_dir).iterdir()) == [
            "model.txt",
            "two_of_them_from-toml.csv",
        ]
        rows_out = predictions(tmp_path, "ml/model/two_of_them_from-toml.csv")
        assert list(rows_out[0]) == ["sequence", "test", "pred", "split"]
        assert [(float(row["test"]), float(row["pred"])) for row in rows_out] == [(-8, -3), (-9, -3), (-10, -3)]
        facts = json.loads(Path(layout.facts_file).read_text())
        assert facts["rows"] == 3
        assert facts["dataset"]["target"] == "size"
        assert facts["hyper_params"]["n_steps"] == 3
        assert facts["worker"]["device"] == "cpu"
        assert not Path(layout.failure_file).exists()

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (["--do", "raise"], 1, "MemoryError: too many residues"),
            (["--shfit", "1"], 2, "unrecognized arguments: --shfit 1"),
            (["--fold", "7"], 3, "has the folds 0 to 4, and no 7"),
            (["--dataset-file", "nowhere.zip"], 3, "there is no file nowhere.zip"),
        ],
    )
    def test_why_it_failed_is_left_where_sagemaker_looks_for_it(
        self, tmp_path: Path, layout: training.TrainingPaths, words: list[str], status: int, said: str
    ) -> None:
        write_table(tmp_path / "dms.csv")
        Path(layout.model_card_file).write_text(CARD)
        dataset = [] if "--dataset-file" in words else ["--dataset-file", "dms.csv"]

        done = self.run(tmp_path, *dataset, *words)

        assert done.returncode == status
        reason = Path(layout.failure_file).read_text()
        assert said in reason.split("\n")[0]

    def test_sigterm_stops_it_with_a_reason_and_without_half_an_output(
        self, tmp_path: Path, layout: training.TrainingPaths, hanging: Hanging
    ) -> None:
        process = hanging(stdin=subprocess.DEVNULL)
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == training.STOPPED
        assert Path(layout.failure_file).read_text() == "the training was stopped (SIGTERM)"
        assert not list(Path(layout.output_dir).glob("*.csv*"))

    def test_it_ends_with_its_host_where_it_is_asked_to(self, hanging: Hanging) -> None:
        process = hanging(stdin=subprocess.PIPE, REPRO_END_WITH_STDIN="1")
        assert process.stdin is not None
        process.stdin.close()

        assert process.wait(60) == -signal.SIGKILL


Hanging = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def hanging(tmp_path: Path, layout: training.TrainingPaths) -> Iterator[Hanging]:
    """Starts a training that never ends, and waits until it hangs."""
    (tmp_path / "run.py").write_text(RUN)
    guest_beside(tmp_path)
    write_table(tmp_path / "dms.csv")
    Path(layout.model_toml_file).write_text('name = "mean"\n')
    started: list[subprocess.Popen[bytes]] = []

    def start(stdin: int, **environ: str) -> subprocess.Popen[bytes]:
        call = [sys.executable, "run.py", "train", "--prefix", str(tmp_path / "ml"), "--do", "hang"]
        log = tmp_path / "log.txt"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [*call, "--dataset-file", "dms.csv"],
                cwd=tmp_path,
                stdin=stdin,
                stderr=stderr,
                env={"PATH": "/usr/bin:/bin", **environ},
                start_new_session=True,
            )
        started.append(process)
        deadline = time.monotonic() + 60
        while b"hanging" not in log.read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
