"""`repro train`: what it writes, what it says, and how it ends where it cannot."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.registry import catalogue
from tests.training_package import make_training_package, write_assay
from tests.unit.cli.conftest import Repro


@pytest.fixture(autouse=True)
def trainee(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The container side of an installed model that can be trained; a data set `dms.csv`; a card `card.toml`."""
    packages = make_training_package(tmp_path / "packages", "trainee:1.0")
    container = packages / "trainee" / "container"
    monkeypatch.setenv("PYTHONPATH", str(packages))
    write_assay(Path("dms.csv"))
    Path("card.toml").write_bytes((container / "card.toml").read_bytes())
    yield container
    catalogue.__dict__.pop("sources", None)
    importlib.invalidate_caches()


@pytest.fixture
def train(program: Repro) -> Repro:
    """`repro train trainee dms.csv -o out`, and more."""
    assert program("weights", "fetch", "trainee").code == 0
    return lambda *words, **environ: program("train", "trainee", "dms.csv", "-o", "out", *words, **environ)


def test_predictions_a_manifest_and_what_the_model_keeps_are_in_the_folder(train: Repro, program: Repro) -> None:
    done = train()

    assert done.code == 0, done.err
    assert done.out == ""
    with Path("out/dms_trainee.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 10
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "dms_trainee.csv",
        "dms_trainee.csv.repro.json",
        "fold_0",
        "fold_1",
    ]
    assert done.err.splitlines()[-1].startswith(
        "out/dms_trainee.csv: 10 predictions of DMS_score, held out by modulo_2, 2 folds, "
    )
    assert "the hyper-parameter nogpu is not used: the host says where it runs" in done.err


def test_what_made_the_predictions_is_shown_and_they_are_not_done_again_from_it(train: Repro, program: Repro) -> None:
    assert train("-p", "n-steps=5", "--fold", "1").code == 0

    shown = program("info", "out/dms_trainee.csv")
    assert shown.code == 0, shown.err
    facts = dict(line.split("  ", 1) for line in shown.out.splitlines() if "  " in line)
    assert facts["state"].strip() == "as it was written"
    assert facts["held out"].strip() == "modulo_2, folds 1"
    assert "n_steps=5" in facts["hyper-params"]
    again = program("rerun", "out/dms_trainee.csv")
    assert again.code == 2
    assert "do: repro train trainee-model dms.csv -o out --target DMS_score --split modulo_2 --fold 1" in again.err


def test_json_tells_the_result_on_stdout(train: Repro) -> None:
    told = json.loads(train("--json").out)

    assert (told["rows"], told["training"]["folds"]) == (10, [0, 1])
    assert told["manifest"] == "out/dms_trainee.csv.repro.json"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--target", "size"], 3, "dms has no target 'size': it has DMS_score"),
        (["--split", "moduol_2"], 3, "dms has no split 'moduol_2'"),
        (["--split", "moduol_2"], 3, "do: did you mean modulo_2?"),
        (["--fold", "7"], 3, "do: name one of them (--fold 0), or leave the fold out"),
        (["--card", "."], 3, "error: . is a folder, not a model card\ndo: name the file: ./README.md"),
        (["--card", "nowhere.md"], 3, "there is no model card nowhere.md\ndo: name a README.md with front matter"),
        (["--split", "all"], 3, "leaves this model nothing to learn from"),
        (["-p", "shfit=1"], 2, "trainee-model has no option 'shfit'"),
        (["-p", "shift"], 2, "'shift' is no hyper-parameter"),
        (["-p", "shift=1", "-p", "shift=2"], 2, "the hyper-parameter shift is given twice"),
        (["-p", "fold=1"], 2, "fold is no hyper-parameter"),
        (["--fold", "-1"], 2, "-1 is not in the range x>=0"),
        (["-p", "do=raise"], 8, "the model failed in training: ValueError: no residue fits"),
        (["-p", "shift=xx"], 2, "do: repro info trainee-model"),
        (["-o", "dms.csv"], 9, "dms.csv is a file, not a folder"),
        (["-o", "dms.csv/out"], 9, "dms.csv/out cannot be made: "),
        (["--memory", "1g"], 2, "the local runtime cannot limit memory"),
    ],
)
def test_what_is_wrong_is_told_and_the_exit_code_is_its_own(
    train: Repro, words: list[str], code: int, said: str
) -> None:
    done = train(*words)

    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback (most" not in done.err or code == 8
    assert not Path("out").exists()


def test_what_run_py_says_is_wrong_is_told_once(train: Repro) -> None:
    done = train("--split", "all")

    assert done.err.count("leaves this model nothing to learn from") == 1


def test_what_is_wrong_in_a_card_is_told_with_the_card(train: Repro) -> None:
    text = Path("card.toml").read_text()
    Path("mine.toml").write_text(text.replace("[hyper_params]", '[hyper_params]\nshift = "much"', 1))

    done = train("--card", "mine.toml")

    assert done.code == 2
    assert (
        "error: the model card mine.toml: trainee-model: the option 'shift': Input should be a valid number" in done.err
    )
    assert "training trainee" not in done.err
    assert train("--card", "mine.toml", "-p", "shift=2").code == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc, in which no folder can be made")
def test_a_place_that_cannot_be_written_is_told_before_anything_starts(train: Repro) -> None:
    done = train("-o", "/proc/out")

    assert done.code == 9
    assert done.err == (
        "error: /proc/out cannot be written: nothing can be made in /proc\ndo: name another folder: -o FOLDER\n"
    )


def test_a_folder_that_is_there_is_all_that_is_written_to(train: Repro) -> None:
    Path("out").mkdir()
    before = Path().stat().st_mtime_ns

    assert train().code == 0
    assert train("--fold", "1").code == 0
    assert Path().stat().st_mtime_ns == before
    assert not list(Path("out").glob(".*"))


def test_the_models_own_card_is_the_default_and_has_to_have_front_matter(train: Repro, trainee: Path) -> None:
    (trainee / "README.md").write_text("# Trainee\n")

    done = train()

    assert done.code == 3
    assert "cannot be trained: " in done.err
    assert "README.md has no front matter" in done.err


def test_an_assay_takes_what_it_lacks_from_the_reference_file(train: Repro, program: Repro) -> None:
    header = "DMS_id,DMS_filename,target_seq,DMS_binarization_cutoff,UniProt_ID\n"
    Path("reference.csv").write_text(header + "DMS_of_ours,dms.csv,MKTAYIAKQR,4.5,OURS\n")

    assert train("--reference", "reference.csv").code == 0
    assert Path("out/DMS_of_ours_trainee.csv").is_file()
    assert train("--reference", "nowhere.csv").code == 3


def test_help_says_what_is_written(program: Repro) -> None:
    done = program("train", "--help")

    assert done.code == 0
    for option in ("--card", "--target", "--split", "--fold", "--hyper-param NAME=VALUE", "--reference", "--device"):
        assert option in done.out
