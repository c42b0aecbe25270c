"""`repro benchmark run` with a real model: each cell once, whatever happens to the run."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from repro.cli import main
from repro.guest.assays import Dataset
from tests.benchmark_package import place, write_assay

pytestmark = pytest.mark.usefixtures("place")
__all__ = ["place"]
WITHIN_S = 240  # for a machine that is busy
FAILED = 8
OUT = Path("out")
TRACE = Path("trace.txt")


@dataclass(frozen=True)
class Ran:
    """How a run ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command, in this process: with the file as it is, or with a text that becomes the file."""

    def run(text: str | None = None, *words: str) -> Ran:
        if text is not None:
            Path("spec.yaml").write_text(text)
        capfd.readouterr()
        code = main(["benchmark", "run", "spec.yaml", "-o", "out", *words])
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """The command as a process; what still runs when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "repro", "benchmark", "run", "spec.yaml", "-o", "out", *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def spec(*models: str, datasets: str = "one.csv", splits: str = "train_valid_test") -> str:
    """A benchmark of models that leave a trace; each is its hyper-parameters."""
    lines = [
        f"- {{model: positions, label: m{number}, memory: 1g, cpus: 0.5,"
        f" hyper_params: {{trace: {TRACE.absolute()}, {model}}}}}"
        for number, model in enumerate(models)
    ]
    top = f"datasets: [{datasets}]\nsplits: [{splits}]\nbootstrap: 0\nmemory: 8g\ncpus: 4\nmodels:\n"
    return top + "\n".join(lines) + "\n"


def trace() -> list[list[str]]:
    return [line.split() for line in TRACE.read_text().splitlines()] if TRACE.exists() else []


def begun() -> int:
    return sum(line[0] == "begin" for line in trace())


def results() -> list[dict[str, str]]:
    with (OUT / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def cells() -> dict[str, dict[str, Any]]:
    return {path.parent.name: json.loads(path.read_text()) for path in OUT.glob("cells/*/cell.json")}


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def all_ended(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


# ------------------------------------------------------------------------------------------------- each cell once


def test_cell_is_computed_once_and_found_under_other_names(run: Run) -> None:
    first = run(spec("shift: 1"), "--json")
    assert first.code == 0, first.err
    assert json.loads(first.out)["computed"] == 1
    before = (OUT / "results.csv").read_bytes()
    again = run(None, "--json")
    assert (again.code, json.loads(again.out)["computed"], begun()) == (0, 0, 1)
    assert (OUT / "results.csv").read_bytes() == before
    Dataset.from_path("one.csv").save("one.pgdata")
    shutil.move("one.pgdata", "renamed.pgdata")
    renamed = spec("shift: 1", datasets="{path: renamed.pgdata, name: other}").replace("m0", "another label")
    assert json.loads(run(renamed, "--json").out)["computed"] == 0
    assert begun() == 1
    assert {(row["dataset"], row["model"]) for row in results()} == {("other", "another label")}


def test_cells_that_are_the_same_are_computed_once_and_stand_in_the_results_twice(run: Run) -> None:
    assert run(spec("shift: 1", "shift: 1")).code == 0
    assert begun() == 1
    rows = [row for row in results() if row["metric"] == "spearman"]
    assert [row["model"] for row in rows] == ["m0", "m1"]
    assert len({row["cell"] for row in rows}) == 1


def test_changed_value_of_the_data_makes_a_new_cell_and_leaves_the_old_one(run: Run) -> None:
    run(spec("shift: 1"))
    lines = Path("one.csv").read_text().splitlines()
    lines[-1] = lines[-1].rpartition(",")[0] + ",0.125"
    Path("one.csv").write_text("\n".join(lines) + "\n")
    assert run().code == 0
    assert begun() == 2
    assert len(cells()) == 2
    assert {row["cell"] for row in results()} < cells().keys()


def test_a_file_that_a_hyper_parameter_names_is_told_by_its_content(run: Run) -> None:
    Path("shift.txt").write_text("1")
    run(spec("shift_file: shift.txt"))
    run(None)
    assert begun() == 1
    Path("shift.txt").write_text("2")
    run(None)
    assert (begun(), len(cells())) == (2, 2)


def test_other_metrics_are_computed_from_the_predictions_that_are_there(run: Run) -> None:
    run(spec("shift: 1") + "metrics: [mse]\n")
    assert {row["metric"] for row in results()} == {"mse"}
    assert run(spec("shift: 1") + "metrics: [ndcg, spearman]\n").code == 0
    assert {row["metric"] for row in results()} == {"ndcg", "spearman"}
    assert begun() == 1


def test_predictions_that_somebody_changed_are_computed_again(run: Run) -> None:
    run(spec("shift: 1"))
    (path,) = OUT.glob("cells/*/predictions.csv")
    before = path.read_text()
    path.write_text(before.replace("test", "train"))
    assert run().code == 0
    assert begun() == 2
    assert path.read_text() == before


def test_scores_are_those_of_the_predictions_and_the_record_says_what_made_them(run: Run) -> None:
    from repro.benchmarks.metrics import evaluate

    assert run(spec("shift: 2", splits="random_5")).code == 0
    ((key, record),) = cells().items()
    with (OUT / "cells" / key / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["mutant"] for row in rows] == Dataset.from_path("one.csv").mutants
    assert {row["split"] for row in rows} == set("01234")
    truth, pred = ([float(row[column]) for row in rows] for column in ("test", "pred"))
    spearman = evaluate(truth, pred, metrics=["spearman"])["spearman"].value
    assert [float(row["value"]) for row in results() if row["metric"] == "spearman"] == [spearman]
    assert (record["status"], record["dataset"], record["target"], record["split"]) == (
        "done",
        "one",
        "DMS_score",
        "random_5",
    )
    assert (record["runtime"], record["rows"], record["folds"]) == ("local", len(rows), 5)
    assert record["hyper_params"]["shift"] == 2.0
    assert record["identity"]["model"]["environment"] == record["environment"]
    assert record["key"] == key


def test_numbers_that_random_folds_flatter_are_flagged(run: Run) -> None:
    said = run(spec("shift: 0", splits="random_5, modulo_5"))
    flags = {row["split"]: row["flag"] for row in results() if row["metric"] == "spearman"}
    assert "good on random folds" in flags["random_5"]
    assert "modulo folds" in flags["modulo_5"]
    assert said.out.count("good on random folds") == 1
    assert "\nflag 1: good on random folds, " in said.out


# ----------------------------------------------------------------------------------------------- cells that fail


def test_cell_that_fails_stops_no_other_and_is_all_that_is_tried_again(run: Run) -> None:
    datasets = "one.csv, two.csv"
    ended = run(spec("fails_on: one", datasets=datasets))
    assert ended.code == FAILED
    assert "failed: one DMS_score m0" in ended.err
    assert "in no mood for one" in ended.err
    states = {row["dataset"]: (row["status"], row["error"]) for row in results()}
    assert states["two"] == ("done", "")
    assert states["one"][0] == "failed"
    assert "in no mood for one" in states["one"][1]
    before = begun()
    assert run().code == FAILED
    assert begun() == before + 1
    assert sorted(record["status"] for record in cells().values()) == ["done", "failed"]


def test_worker_that_is_killed_is_the_failure_of_its_cell_alone(run: Run) -> None:
    ended = run(spec("dies: 1", "shift: 1"), "--json")
    assert ended.code == FAILED
    by_model = {cell["model"]: cell for cell in json.loads(ended.out)["cells"]}
    assert by_model["m0"]["status"] == "failed"
    assert "-9" in by_model["m0"]["error"]
    assert by_model["m1"]["status"] == "done"


def test_process_of_a_cell_that_is_killed_fails_that_cell_alone(start: Start) -> None:
    Path("spec.yaml").write_text(spec("delay_s: 60", "shift: 1"))
    process = start()
    wait_for(lambda: len([one for one in cells().values() if one["status"] == "done"]) == 1, "the other cell")
    wait_for(begun, "the cell")
    victim = next(one for one in psutil.Process(process.pid).children() if "repro.benchmarks.job" in one.cmdline())
    victim.kill()
    assert process.wait(WITHIN_S) == FAILED
    assert any("ended by signal 9" in row["error"] for row in results())


def test_nothing_is_computed_where_something_is_wrong(run: Run) -> None:
    ended = run(spec("shift: 1") + "- {model: positions, label: x, card: gone.md}\n")
    assert ended.code == 3
    assert "models.1.card" in ended.err
    assert not OUT.exists()
    assert begun() == 0


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_file_in_place_of_the_folder_is_told_first(run: Run, words: tuple[str, ...]) -> None:
    OUT.write_text("mine")
    ended = run(spec("shift: 1"), *words)
    assert (ended.code, ended.err.splitlines()[0]) == (9, "error: out is a file, not a folder")
    assert OUT.read_text() == "mine"


def test_report_is_called_as_the_benchmark_is(run: Run) -> None:
    assert run("name: All of it\n" + spec("shift: 1")).code == 0
    assert main(["benchmark", "report", "out", "-o", "report.md"]) == 0
    assert Path("report.md").read_text().startswith("# All of it\n")
    assert main(["benchmark", "report", "out", "-o", "report.md", "--title", "Mine"]) == 0
    assert Path("report.md").read_text().startswith("# Mine\n")


@pytest.mark.parametrize(
    ("out", "code", "said"),
    [
        ("out.pdf", 2, "error: out.pdf: no report is written as .pdf\ndo: -o out.html; .md and .csv will do too"),
        ("spec", 9, "error: spec is a file, not a folder\ndo: name another folder: -o FOLDER"),
        ("spec/report", 9, "spec is a file\ndo: name another folder"),
    ],
)
def test_place_in_which_no_report_can_be_is_told(
    capfd: pytest.CaptureFixture[str], out: str, code: int, said: str
) -> None:
    Path("spec").write_text("")
    assert main(["benchmark", "report", "out", "-o", out]) == code
    assert said in capfd.readouterr().err


def test_size_that_is_none_is_told_by_a_dry_run_too(run: Run) -> None:
    ended = run(spec("shift: 1"), "--dry-run", "--memory", "lots")
    assert (ended.code, ended.err) == (2, "error: 'lots' is no size\ndo: write it like 512m or 8g\n")


def test_dry_run_lists_the_cells_and_writes_nothing(run: Run) -> None:
    run(spec("shift: 1"))
    files = sorted(OUT.rglob("*"))
    ended = run(spec("shift: 1", "shift: 2"), "--dry-run", "--json")
    assert [cell["state"] for cell in json.loads(ended.out)] == ["cached", "to compute"]
    assert "1 of them to compute" in run(None, "--dry-run").err
    assert sorted(OUT.rglob("*")) == files
    shutil.rmtree(OUT)
    assert run(None, "--dry-run").code == 0
    assert not OUT.exists()


# ------------------------------------------------------------------------------------------------- cells at a time


def test_cells_run_at_a_time(run: Run) -> None:
    # Each waits until the other one has begun.
    assert run(spec("meets: 2, shift: 1", "meets: 2, shift: 2")).code == 0
    assert len({line[-1] for line in trace()}) == 2


def test_a_cell_computes_with_its_part_of_the_cores(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    text = spec("shift: 1", "shift: 2").replace("cpus: 0.5, ", "", 1).replace("cpus: 0.5", "cpus: 3")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert run(text).code == 0
    assert sorted({line[3] for line in trace()}) == ["2", "3"]  # of four cores, for two cells; and what is said


def test_threads_that_the_user_names_are_taken(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert run(spec("shift: 1")).code == 0
    assert {line[3] for line in trace()} == {"7"}


def test_cells_for_which_there_is_no_memory_wait(run: Run) -> None:
    text = spec("delay_s: 0.3, shift: 1", "delay_s: 0.3, shift: 2").replace("memory: 8g", "memory: 1500m")
    assert run(text).code == 0
    assert [line[0] for line in trace()] == ["begin", "end"] * 2


def test_jobs_limits_how_many_run(run: Run) -> None:
    assert run(spec("delay_s: 0.3, shift: 1", "delay_s: 0.3, shift: 2"), "--jobs", "1").code == 0
    assert [line[0] for line in trace()] == ["begin", "end"] * 2


# ------------------------------------------------------------------------------- runs that do not come to their end


SLOW = ("shift: 1", "shift: 2", "shift: 3, delay_s: 60", "shift: 4")


def test_run_killed_with_9_leaves_whole_cells_and_is_gone_on_with(start: Start, run: Run) -> None:
    Path("spec.yaml").write_text(spec(*SLOW))
    process = start("--jobs", "1")
    wait_for(lambda: begun() == 3, "the third cell")
    others = family(process.pid)
    process.kill()
    process.wait(WITHIN_S)
    assert others
    done = {key: record for key, record in cells().items() if not key.startswith(".")}
    assert [record["status"] for record in done.values()] == ["done"] * 2
    assert all((OUT / "cells" / key / "predictions.csv").exists() for key in done)
    wait_for(lambda: all_ended(others), "the end of the cell and its worker")
    text = spec(*SLOW).replace("delay_s: 60", "delay_s: 0")
    ended = run(text, "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["computed"] == 2
    assert Counter(line[0] for line in trace())["begin"] == 5
    assert not list(OUT.glob("cells/.*"))
    assert sorted(OUT.glob("cells/*")) == sorted(OUT / "cells" / key for key in cells())


def test_run_begun_at_once_after_a_kill_waits_until_the_killed_ones_cells_have_ended(start: Start, run: Run) -> None:
    Path("spec.yaml").write_text(spec(SLOW[2]))
    process = start()
    wait_for(begun, "the cell")
    others = family(process.pid)
    process.kill()
    process.wait(WITHIN_S)
    assert run(spec("shift: 1")).code == 0
    assert all_ended(others)
    assert not list(OUT.glob("cells/.*"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_ends_its_workers_and_keeps_what_is_done(start: Start, number: int, code: int) -> None:
    Path("spec.yaml").write_text(spec("shift: 1", SLOW[2]))
    process = start("--jobs", "1")
    wait_for(lambda: begun() == 2, "the second cell")
    others = family(process.pid)
    process.send_signal(number)
    assert process.wait(WITHIN_S) == code
    assert others
    assert all_ended(others)
    assert process.stderr is not None
    said = process.stderr.read()
    assert "cells that are done are kept; go on with: repro benchmark run spec.yaml -o out" in said
    assert "Traceback" not in said
    assert {row["model"] for row in results()} == {"m0"}
    assert not list(OUT.glob("cells/.*"))
    assert list(Path(os.environ["REPRO_EXCHANGE_DIR"]).iterdir()) == []


def test_two_runs_in_one_folder_do_not_mix(start: Start, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr("repro.benchmarks.cache._LOCK_TIMEOUT_S", 0.2)
    Path("spec.yaml").write_text(spec(SLOW[2]))
    process = start()
    wait_for(begun, "the cell")
    second = run()
    assert second.code == 9
    assert "waiting for another run that computes cells in out" in second.err
    assert "another run computes cells in out" in second.err
    assert process.poll() is None


def test_metrics_of_classes_take_the_column_of_the_assay(run: Run) -> None:
    write_assay(Path("bins.csv"), bins=True)
    assert run(spec("shift: 1", datasets="bins.csv") + "metrics: [auc, mcc]\n").code == 0
    assert [row["metric"] for row in results()] == ["auc", "mcc"]
    assert all(row["value"] for row in results())
