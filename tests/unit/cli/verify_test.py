"""`repro verify`: the table of what differs, the exit code, and that nothing is left behind."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.unit.cli.conftest import START_WITHIN_S, Repro
from tests.unit.verification.pliable_package import add_case, installed_pliable


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The golden folder of the model `pliable`, of an installed package."""
    yield from installed_pliable(tmp_path / "packages", monkeypatch)


def change(golden: Path, row: int = 2, column: int = 1, by: float = 0.5) -> None:
    vectors = np.load(golden / "vector.npy")
    vectors[row, column] += np.float32(by)
    np.save(golden / "vector.npy", vectors)


def add_weighed_case(golden: Path, weights: str | None = "fixtures") -> None:
    """A case that is right with the weight in `fixtures`, 2.0."""
    row = {"text": "b", "length": 1, "mean": 196.0, "nested": {"ends": [196.0, 196.0]}, "vector": {"$npy": "own.npy"}}
    np.save(golden / "own.npy", np.float32([196] * 3))
    keys = {} if weights is None else {"weights": weights}
    add_case(golden, "weighed", variant="weighed", records=[{"text": "b"}], expected=[row], **keys)


def sha256_of(folder: Path) -> str:
    return hashlib.sha256((folder / "weight.txt").read_bytes()).hexdigest()


def test_right_answers_end_with_0_and_say_how_close_they_are(repro: Repro, golden: Path) -> None:
    ran = repro("verify", "pliable")

    assert ran.code == 0
    lines = [line.split() for line in ran.out.splitlines()]
    assert ["codes", "plain", "5", "right", "exact"] in lines
    assert "batch of one equals batch of n  passed       3 records alone and 4 together: exact" in ran.out
    assert "CPU against GPU                 not checked  no GPU is seen here" in ran.out
    assert "held against: definition codes of the letters" in ran.err
    assert "pliable: right; 1 of 1 golden cases are right here" in ran.err


def test_each_way_of_starting_the_model_has_a_line_with_its_distances(repro: Repro, golden: Path) -> None:
    add_case(golden, "varied", options={"fault": "one-shot"})

    ran = repro("verify", "pliable", "--case", "varied", "--case", "codes")

    lines = [line.split() for line in ran.out.splitlines()]
    header = next(line for line in lines if line[:1] == ["FAULT"])
    assert "vector" in header
    ways = [line[0] for line in lines[lines.index(header) + 1 :][:2]]
    assert sorted(ways) == ["-", "one-shot"]


def test_one_way_of_starting_the_model_has_no_table_of_ways(repro: Repro, golden: Path) -> None:
    assert "on this machine" not in repro("verify", "pliable").out


def test_what_differs_ends_with_10_and_a_table(repro: Repro, golden: Path) -> None:
    change(golden)

    ran = repro("verify", "pliable")

    assert ran.code == 10
    header = next(line for line in ran.out.splitlines() if line.startswith("CASE "))
    row = next(line for line in ran.out.splitlines() if line.startswith("codes") and "vector" in line)
    assert header.split() == [
        *("CASE", "RECORD", "FIELD", "WHAT", "POSITION", "EXPECTED", "GOT", "DIFFERENCE", "ALLOWED"),
    ]
    assert row.split()[:6] == ["codes", "2", "text", "2", "vector", "value"]
    assert "[1]" in row
    assert row.split()[-2:] == ["0.5", "0.001"]


def test_what_a_model_does_not_keep_ends_with_10_and_a_remedy(repro: Repro, golden: Path) -> None:
    add_case(golden, "broken", options={"fault": "one-shot"})

    ran = repro("verify", "pliable", "--case", "broken")

    assert ran.code == 10
    assert "one-shot equals serve           failed " in ran.out
    assert "one-shot equals serve, broken: 3 records in both forms: 3 differences\n  do: both forms must" in ran.out
    assert "broken (one-shot equals serve)" in ran.out


def test_a_program_gets_all_of_it_as_json(repro: Repro, golden: Path) -> None:
    change(golden)
    change(golden, 3, 0, np.nan)

    ran = repro("verify", "pliable", "--json")

    report = json.loads(ran.out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert ran.code == 10
    assert (report["model"], report["verdict"], report["runtime"]) == ("pliable", "differs", "local")
    vector, broken = report["cases"][0]["differences"]
    assert (vector["record"], vector["field"], vector["position"], vector["difference"]) == (2, "vector", [1], 0.5)
    assert (broken["record"], broken["expected"], broken["difference"]) == (3, "nan", "Infinity")
    assert {check["name"]: check["state"] for check in report["checks"]}["order"] == "passed"


def test_where_nothing_could_be_verified_it_ends_with_4(repro: Repro, golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed")

    ran = repro("verify", "pliable", "--variant", "weighed")

    assert ran.code == 4
    assert "the weights of weighed are not in" in ran.out
    assert "do: repro setup pliable --variant weighed" in ran.out
    assert "pliable: nothing verified" in ran.err


def test_a_test_checkpoint_is_not_taken_for_the_published_weights(repro: Repro, golden: Path) -> None:
    add_weighed_case(golden)

    ran = repro("verify", "pliable", "--case", "weighed")

    assert ran.code == 0
    assert "WEIGHTS" in ran.out
    assert "test checkpoint (fixtures)" in ran.out
    right = "right on its test checkpoints; the published weights were not looked at (none is fetched)"
    assert f"pliable: {right}; 1 of 1 golden cases are right here" in ran.err
    report = json.loads(repro("verify", "pliable", "--case", "weighed", "--json").out)
    assert report["summary"] == right
    (case,) = report["cases"]
    assert (case["weights"]["kind"], case["weights"]["name"]) == ("test checkpoint", "fixtures")
    assert list(case["weights"]["sha256"].values()) == [sha256_of(golden.parent / "fixtures")]


def test_published_weights_are_named_with_their_hash(
    repro: Repro, golden: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_weighed_case(golden, weights=None)
    mirror = tmp_path / "mirror" / "pliable" / "weighed"
    shutil.copytree(golden.parent / "fixtures", mirror)
    monkeypatch.setenv("REPRO_WEIGHTS_MIRROR", str(mirror.parents[1]))
    assert repro("weights", "fetch", "pliable", "--variant", "weighed").code == 0

    ran = repro("verify", "pliable", "--case", "weighed")

    assert ran.code == 0, ran.err
    assert f"published (weight.txt {sha256_of(mirror)[:12]})" in ran.out
    assert "pliable: right on published weights (weighed); 1 of 1" in ran.err


def test_weights_that_the_user_names_are_told_as_given(repro: Repro, golden: Path) -> None:
    add_weighed_case(golden, weights=None)

    ran = repro("verify", "pliable", "--case", "weighed", "--weights", golden.parent / "fixtures")

    assert ran.code == 0, ran.err
    assert "given (weight.txt " in ran.out
    assert "right on the weights given; the published weights were not looked at (none is fetched)" in ran.err


def test_every_model_that_is_not_known_is_named(repro: Repro, golden: Path) -> None:
    ran = repro("verify", "pliable", "esm22", "nope")

    assert ran.code == 2
    assert "esm22" in ran.err
    assert "nope" in ran.err
    assert "did you mean" in ran.err


def test_a_variant_without_golden_answers_is_not_verified(repro: Repro, golden: Path) -> None:
    ran = repro("verify", "pliable", "--variant", "weighed")

    assert ran.code == 4
    assert "there are no golden answers for this variant" in ran.out


def test_a_skipped_case_beside_a_right_one_is_told_and_no_failure(repro: Repro, golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed")

    ran = repro("verify", "pliable")

    assert ran.code == 0
    assert "skipped" in ran.out
    assert "1 of 2 golden cases are right here" in ran.err


def test_a_model_without_golden_answers_says_where_they_belong(repro: Repro, golden: Path) -> None:
    (golden / "golden.yaml").unlink()

    ran = repro("verify", "pliable")

    assert ran.code == 4
    assert f"there are no golden answers: {golden}/golden.yaml does not exist" in ran.err


def test_a_model_that_is_not_set_up_says_how_to(repro: Repro, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPRO_LOCAL_PYTHON")

    ran = repro("verify", "pliable")

    assert ran.code == 4
    assert "do: repro setup pliable --runtime local" in ran.err


def test_a_slip_in_the_golden_file_is_told_with_its_line(repro: Repro, golden: Path) -> None:
    text = (golden / "golden.yaml").read_text()
    (golden / "golden.yaml").write_text(text.replace("  date: 2026-11-21\n", ""))

    ran = repro("verify", "pliable")

    assert ran.code == 2
    assert "golden.yaml, line 1: made.date is missing" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--case", "code"], "did you mean codes?"),
        (["--variant", "plane"], "did you mean plain?"),
    ],
)
def test_a_name_that_is_not_known_is_told_with_the_near_ones(
    repro: Repro, golden: Path, words: list[str], said: str
) -> None:
    ran = repro("verify", "pliable", *words)

    assert ran.code == 2
    assert said in ran.err


def test_several_models_are_verified_one_after_the_other(repro: Repro, golden: Path) -> None:
    ran = repro("verify", "tutorial", "pliable")

    assert ran.code == 0
    assert "tutorial: right" in ran.err
    assert "pliable: right" in ran.err


def test_without_a_model_it_says_what_is_missing(repro: Repro) -> None:
    ran = repro("verify")

    assert ran.code == 2
    assert "MODEL" in ran.err


def test_all_verifies_what_can_be(repro: Repro, golden: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.registry import catalogue

    sources = {name: source for name, source in catalogue.sources.items() if name in ("tutorial", "pliable")}
    monkeypatch.setitem(catalogue.__dict__, "sources", sources)
    (golden / "golden.yaml").unlink()

    ran = repro("verify", "--all", "--json")

    assert ran.code == 0
    assert [report["model"] for report in json.loads(ran.out)] == ["tutorial"]
    assert "pliable is skipped: there are no golden answers" in ran.err


@pytest.mark.parametrize(("fault", "sign"), [("hang", "slow: 4 records"), ("hang-in-one-shot", "in its one-shot form")])
def test_ctrl_c_leaves_nothing_behind(golden: Path, tmp_path: Path, fault: str, sign: str) -> None:
    add_case(golden, "slow", options={"fault": fault})
    words = [sys.executable, "-u", "-m", "repro", "verify", "pliable", "--case", "slow"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        while sign not in process.stderr.readline():
            assert process.poll() is None
        children = wait_for_child(process.pid)

        process.send_signal(signal.SIGINT)

        assert process.wait(START_WITHIN_S) == 130
    assert not psutil.wait_procs(children, timeout=START_WITHIN_S)[1]
    assert list((tmp_path / "exchange").iterdir()) == []


def wait_for_child(pid: int) -> list[psutil.Process]:
    """The processes that a process has started, once one of them runs its run.py."""
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        children = psutil.Process(pid).children(recursive=True)
        if any("src/run.py" in " ".join(child.cmdline()) for child in children):
            return children
        time.sleep(0.05)
    raise AssertionError("no run.py was started")
