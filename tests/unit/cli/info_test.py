"""`repro info` of an output, and what a word means that could be several things. (Images: tests/integration.)"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Repro
from tests.unit.cli.predict_test import write_jsonl


@pytest.fixture
def output(repro: Repro) -> Path:
    write_jsonl("in.jsonl", [{"text": "abc"}])
    assert repro("predict", "tutorial", "in.jsonl", "-o", "out.csv").code == 0
    return Path("out.csv")


@pytest.mark.parametrize("name", ["out.csv", "./out.csv", "out.csv.repro.json"])
def test_output_tells_what_made_it(repro: Repro, output: Path, name: str) -> None:
    ran = repro("info", name)
    assert ran.code == 0, ran.err
    lines = {line[:12].strip(): line[12:].strip() for line in ran.out.splitlines()}
    assert lines["state"] == "as it was written"
    assert lines["model"].startswith("tutorial-model 1.0 (from repro-models ")
    assert lines["runtime"] == "local"
    assert lines["device"].startswith("cpu (")
    assert lines["records"] == "1, 0 failed"
    assert lines["input"].startswith("in.jsonl (sha256 ")


def test_output_that_was_changed_says_so(repro: Repro, output: Path) -> None:
    output.write_text("output\nabc\n")
    assert "CHANGED since it was written" in repro("info", output).out


def test_output_that_is_gone_still_has_its_manifest(repro: Repro, output: Path) -> None:
    output.unlink()
    ran = repro("info", "out.csv")
    assert ran.code == 0
    assert "not there" in ran.out


def test_packages_of_the_worker_are_shown_with_v(repro: Repro, output: Path) -> None:
    assert "pydantic " in repro("info", "out.csv", "-v").err
    assert "pydantic " not in repro("info", "out.csv").err


def test_json(repro: Repro, output: Path) -> None:
    found = json.loads(repro("info", "out.csv", "--json").out)
    assert (found["kind"], found["output"]["state"]) == ("output", "unchanged")
    assert found["manifest"]["made_by"]["model"]["name"] == "tutorial-model"
    assert json.loads(repro("info", "tutorial", "--json").out)["kind"] == "model"


def test_records_from_standard_input_are_told(repro: Repro, program: Repro) -> None:
    program("predict", "tutorial", "-", "-o", "out.jsonl", stdin='{"text": "a"}\n')
    assert "standard input (its content is not known)" in repro("info", "out.jsonl").out


def test_file_without_an_ending_does_not_hide_a_model(repro: Repro, output: Path) -> None:
    Path("out.csv.repro.json").rename("tutorial.repro.json")
    output.rename("tutorial")
    assert repro("info", "tutorial").out.startswith("model  ")
    assert repro("info", "./tutorial").out.startswith("output  ")


def test_file_that_is_there_wins_where_the_name_has_an_ending(repro: Repro) -> None:
    Path("tutorial.csv").write_text("text\na\n")
    ran = repro("info", "tutorial.csv")
    assert ran.code == 3
    assert "tutorial.csv has no manifest: tutorial.csv.repro.json is not there" in ran.err


@pytest.mark.parametrize(
    ("name", "near"),
    [("tutorail", "did you mean tutorial"), ("out.csw", "did you mean out.csv"), ("no such thing", "repro list")],
)
def test_unknown_name_tells_what_was_looked_for_and_what_is_near(
    repro: Repro, output: Path, name: str, near: str
) -> None:
    ran = repro("info", name)
    assert (ran.code, ran.out) == (2, "")
    assert f"no model, image or file is called {name!r}" in ran.err
    assert "images were not looked for" in ran.err
    assert near in ran.err


@pytest.mark.usefixtures("moody")
def test_model_whose_wrapper_is_broken_is_told_as_such(repro: Repro, tmp_path: Path) -> None:
    (tmp_path / "packages" / "moody" / "__init__.py").write_text("import a_package_that_is_not_there\n")
    ran = repro("info", "moody")
    assert ran.code == 2
    assert "a_package_that_is_not_there" in ran.err


def test_manifest_that_was_cut_is_told_with_its_key(repro: Repro, output: Path) -> None:
    data = json.loads(Path("out.csv.repro.json").read_text())
    del data["made_by"]["model"]
    Path("out.csv.repro.json").write_text(json.dumps(data))
    ran = repro("info", "out.csv")
    assert ran.code == 3
    assert "out.csv.repro.json: the key made_by.model is missing" in ran.err
