"""`repro doctor`, `ps` and `clean` on a machine without an engine."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock

from repro.exchange_folder import ExchangeFolder
from repro.models.tutorial import TutorialModel
from tests.unit.cli.conftest import Repro

OLD = time.time() - 3600
NOTE = '{"address": "https://example.org/x.pt", "validator": null, "total_bytes": 9, "sha256": null}'


@pytest.fixture
def abandoned_folder(tmp_path: Path) -> Path:
    """An exchange folder of a process that was killed an hour ago."""
    program = f"""
import os, pathlib, repro.exchange_folder as e
print(e.ExchangeFolder(pathlib.Path({str(tmp_path / "exchange")!r})).path, flush=True)
os.kill(os.getpid(), 9)
"""
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    folder = Path(made.stdout.strip())
    (folder / "in" / "1.jsonl").write_text("x" * 5000)
    os.utime(folder, (OLD, OLD))
    return folder


@pytest.fixture
def half_made_environment(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "environments" / ".tutorial-0123.making-ab12cd34"
    folder.mkdir(parents=True)
    folder.with_name(".tutorial-0123.lock").touch()
    return folder


@pytest.fixture
def environment(repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tutorial's environment."""
    monkeypatch.delenv("REPRO_LOCAL_PYTHON")
    repro("setup", "tutorial")
    (made,) = (tmp_path / "cache" / "environments").glob("tutorial-*")
    return made


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    """The folder of one of two variants that have been fetched, and that have one content."""
    from repro.config import Variant, WeightFile
    from repro.settings import load_settings
    from repro.weights import fetch_variant

    source = tmp_path / "weights.pt"
    source.write_bytes(b"x" * 3000)
    for name in ("one", "other"):
        variant = Variant(name, files=(WeightFile("weights.pt", url=source.as_uri()),))
        folder = fetch_variant("lender", variant, load_settings().weights_dir)
    assert folder is not None
    return folder.with_name("one")


def on_a_terminal(typed: str, *words: str) -> str:
    """What a command says to somebody who types at a terminal."""
    main_end, command_end = pty.openpty()
    streams = {"stdin": command_end, "stdout": command_end, "stderr": command_end}
    with subprocess.Popen([sys.executable, "-m", "repro", *words], **streams) as process:
        os.close(command_end)
        os.write(main_end, typed.encode())
        said = b""
        with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
            while block := os.read(main_end, 1 << 16):
                said += block
        process.wait()
    os.close(main_end)
    return said.decode()


class TestClean:
    def test_dry_run_shows_and_keeps(self, repro: Repro, abandoned_folder: Path, half_made_environment: Path) -> None:
        ran = repro("clean", "--dry-run")
        assert ran.code == 0
        assert ran.out.splitlines()[0].split() == ["KIND", "SIZE", "NAME", "WHY", "IT", "MAY", "GO"]
        assert [re.split(r"  +", line) for line in ran.out.splitlines()[1:]] == [
            ["exchange folder", "5.0 kB", str(abandoned_folder), "the process that made it has gone"],
            ["half-made environment", "0 B", str(half_made_environment), "the process that made it has gone"],
        ]
        assert "5.0 kB would be freed" in ran.err
        assert abandoned_folder.exists()
        assert half_made_environment.exists()

    def test_what_nobody_owns_is_removed_without_a_question(
        self, repro: Repro, abandoned_folder: Path, half_made_environment: Path
    ) -> None:
        ran = repro("clean")
        assert ran.code == 0
        assert "5.0 kB were freed" in ran.err
        assert not abandoned_folder.exists()
        assert not half_made_environment.exists()

    def test_what_somebody_uses_stays(self, repro: Repro, tmp_path: Path, half_made_environment: Path) -> None:
        used = ExchangeFolder(tmp_path / "exchange")
        os.utime(used.path, (OLD, OLD))
        with FileLock(half_made_environment.parent / ".tutorial-0123.lock"):
            ran = repro("clean")
        assert (ran.code, ran.out) == (0, "")
        assert used.path.exists()
        assert half_made_environment.exists()
        used.remove()

    def test_environments_go_when_asked_for_and_agreed(self, repro: Repro, environment: Path) -> None:
        assert str(environment) not in repro("clean").out
        refused = repro("clean", "--envs")
        assert (refused.code, environment.exists()) == (2, True)
        assert "nothing was removed" in refused.err
        ran = repro("clean", "--envs", "--yes")
        assert (ran.code, str(environment) in ran.out) == (0, True)
        assert not environment.exists()

    def test_environment_that_a_worker_runs_in_stays(self, repro: Repro, environment: Path) -> None:
        with TutorialModel(runtime="local") as model:
            model.predict("abc")
            ran = repro("clean", "--envs", "--yes")
            assert ran.out == ""
            assert f"stays: environment {environment}: a process runs in it" in ran.err

    def test_folder_among_the_environments_that_repro_did_not_make_stays(self, repro: Repro, tmp_path: Path) -> None:
        theirs = tmp_path / "cache" / "environments" / "my-own"
        theirs.mkdir(parents=True)
        assert repro("clean", "--all", "--yes").out == ""
        assert theirs.exists()

    @pytest.mark.parametrize(("answer", "stays"), [("y", False), ("n", True), ("", True)])
    def test_on_a_terminal_it_asks_once_and_the_default_is_no(
        self, repro: Repro, environment: Path, tmp_path: Path, answer: str, stays: bool
    ) -> None:
        (tmp_path / "cache" / "environments" / "esm-0123").mkdir()
        (tmp_path / "cache" / "environments" / "esm-0123" / "repro.json").write_text("{}")
        said = on_a_terminal(f"{answer}\n", "clean", "--envs")
        assert said.count("remove all of these? [y/N]") == 1
        assert ("nothing was removed" in said) is stays
        assert environment.exists() is stays

    def test_only_what_is_the_named_models(self, repro: Repro, environment: Path, abandoned_folder: Path) -> None:
        assert repro("clean", "--envs", "--model", "esm", "--yes").out == ""
        assert environment.exists()
        assert repro("clean", "--envs", "--model", "esm", "--model", "tutorial-model", "--yes").code == 0
        assert not environment.exists()
        assert abandoned_folder.exists()

    def test_model_that_is_not_known_is_told_with_the_near_names(self, repro: Repro, environment: Path) -> None:
        ran = repro("clean", "--envs", "--model", "tutorail", "--yes")
        assert ran.code == 2
        assert "did you mean tutorial" in ran.err
        assert environment.exists()

    def test_what_cannot_be_removed_is_told_and_the_rest_goes(
        self, repro: Repro, environment: Path, abandoned_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(13, "Permission denied")

        monkeypatch.setattr("shutil.rmtree", refuse)
        ran = repro("clean", "--envs", "--yes")
        assert ran.code == 1
        assert f"cannot remove {environment}: Permission denied" in ran.err
        assert "5.0 kB were freed" in ran.err
        assert not abandoned_folder.exists()

    def test_looking_writes_nothing(self, repro: Repro, abandoned_folder: Path, tmp_path: Path) -> None:
        theirs = tmp_path / "exchange" / "repro-exchange-notes"
        theirs.mkdir()
        os.utime(theirs, (OLD, OLD))
        before = sorted(tmp_path.rglob("*"))
        assert repro("clean", "--all", "--dry-run").code == 0
        assert sorted(tmp_path.rglob("*")) == before

    def test_partial_downloads_go_with_weights(self, repro: Repro, tmp_path: Path) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm2_t6_8M_UR50D"
        folder.mkdir(parents=True)
        whole, part = folder / "whole.pt", folder / "x.pt.part"
        whole.write_bytes(b"1")
        part.write_bytes(b"12")
        part.with_name("x.pt.part.json").write_text(NOTE)
        assert repro("clean").out == ""
        assert str(part) in repro("clean", "--all", "--yes").out
        assert list(folder.iterdir()) == [whole]

    def test_partial_download_that_is_under_way_stays(self, repro: Repro, tmp_path: Path) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm2_t6_8M_UR50D"
        folder.mkdir(parents=True)
        (folder / "x.pt.part").write_bytes(b"12")
        (folder / "x.pt.part.json").write_text(NOTE)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            assert repro("clean", "--weights", "--yes").out == ""
        assert repro("clean", "--weights", "--yes").out != ""

    def test_weights_go_when_asked_for_and_their_hashes_stay_known(
        self, repro: Repro, fetched: Path, tmp_path: Path
    ) -> None:
        assert repro("clean", "--weights").code == 2
        ran = repro("clean", "--weights", "--yes")
        assert ran.code == 0
        assert "3.0 kB were freed" in ran.err  # both variants have one content, counted once
        assert not fetched.exists()
        assert list((tmp_path / "cache" / "weights" / ".blobs").iterdir()) == []
        assert (tmp_path / "cache" / "weights" / "weights.lock").exists()

    def test_content_that_a_variant_that_stays_has_frees_nothing(self, repro: Repro, fetched: Path) -> None:
        with FileLock(fetched.with_name(f".{fetched.name}.lock")):
            document = json.loads(repro("clean", "--weights", "-n", "--json").out)
        assert [(one["name"], one["size_bytes"]) for one in document["leftovers"]] == [("lender/other", 0)]
        assert document["kept"] == [{"kind": "weights", "name": "lender/one", "why": "they are being fetched"}]

    def test_content_that_no_variant_has_goes_with_weights(self, repro: Repro, fetched: Path) -> None:
        for folder in (fetched, fetched.with_name("other")):
            shutil.rmtree(folder)
        document = json.loads(repro("clean", "--weights", "--yes", "--json").out)
        assert [(one["size_bytes"], one["why"], one["removed"]) for one in document["leftovers"]] == [
            (3000, "no variant has them", True)
        ]

    @pytest.mark.parametrize("name", [".diary", "film.mkv.part", "film.mkv.part.json"])
    def test_variant_stays_for_a_file_of_whatever_name_that_no_fetch_has_written(
        self, repro: Repro, fetched: Path, name: str
    ) -> None:
        (fetched / name).write_text("mine")
        ran = repro("clean", "--weights", "--yes")
        assert f"stays: weights lender/one: repro did not put {name} there" in ran.err
        assert (fetched / name).exists()

    def test_files_that_somebody_put_into_the_store_stay(self, repro: Repro, fetched: Path) -> None:
        (fetched / "notes.txt").write_text("mine")
        theirs = fetched.parents[1] / "my" / "own"
        theirs.mkdir(parents=True)
        (theirs / "checkpoint.pt").write_bytes(b"1")
        ran = repro("clean", "--weights", "--yes")
        assert "stays: weights lender/one: repro did not put notes.txt there" in ran.err
        assert "my/own" not in ran.out
        assert (theirs / "checkpoint.pt").exists()
        assert fetched.exists()

    def test_weights_that_a_worker_reads_stay(self, repro: Repro, fetched: Path, tmp_path: Path) -> None:
        run = tmp_path / "model" / "src" / "run.py"
        run.parent.mkdir(parents=True)
        run.write_text("import time; time.sleep(600)")
        folder = ExchangeFolder(tmp_path / "exchange")
        words = ["serve", "--input-dir", str(folder.input_dir), "--weights-dir", str(fetched)]
        with subprocess.Popen([sys.executable, str(run), *words]) as worker:
            while b"serve" not in Path(f"/proc/{worker.pid}/cmdline").read_bytes():
                time.sleep(0.01)
            ran = repro("clean", "--weights", "--yes")
            worker.kill()
        folder.remove()
        assert "stays: weights lender/one: a worker reads them" in ran.err
        assert fetched.exists()

    def test_what_was_left_of_unpacking_and_of_removing_goes_unless_somebody_is_at_it(
        self, repro: Repro, fetched: Path
    ) -> None:
        for ending in ("unpacking", "removing"):
            fetched.with_name(f".one.{ending}").mkdir()
        with FileLock(fetched.with_name(".one.lock")):
            assert repro("clean").out == ""
        assert [re.split(r"  +", line)[0] for line in repro("clean").out.splitlines()[1:]] == ["half-made weights"] * 2
        assert fetched.exists()

    def test_json(self, repro: Repro, abandoned_folder: Path) -> None:
        document = json.loads(repro("clean", "-n", "--json").out)
        assert document == {
            "dry_run": True,
            "leftovers": [
                {
                    "kind": "exchange folder",
                    "name": str(abandoned_folder),
                    "model": "",
                    "size_bytes": 5000,
                    "why": "the process that made it has gone",
                    "removed": False,
                    "failure": None,
                }
            ],
            "kept": [],
            "size_bytes": 5000,
        }

    def test_json_asks_nothing(self, repro: Repro, environment: Path) -> None:
        assert repro("clean", "--envs", "--json").code == 2
        document = json.loads(repro("clean", "--envs", "--json", "--yes").out)
        assert [(one["kind"], one["model"], one["removed"]) for one in document["leftovers"]] == [
            ("environment", "tutorial", True)
        ]

    def test_missing_engine_is_said(self, repro: Repro) -> None:
        ran = repro("clean")
        assert "containers and images are not looked for" in ran.err
        assert "nothing to remove" in ran.err


class TestPs:
    def test_nothing_runs(self, repro: Repro) -> None:
        ran = repro("ps")
        assert ran.code == 0
        assert "no Docker engine answers" in ran.err

    @pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="workers are found through /proc")
    def test_worker_of_the_local_runtime_is_found_with_its_owner(self, repro: Repro) -> None:
        with TutorialModel(runtime="local") as model:
            model.predict("abc")
            workers = [one for one in json.loads(repro("ps", "--json").out) if one["owner_pid"] == os.getpid()]
            assert [(one["runtime"], one["model"]) for one in workers] == [("local", "tutorial")]
            assert f" {os.getpid()} " in repro("ps").out
        assert not [one for one in json.loads(repro("ps", "--json").out) if one["owner_pid"] == os.getpid()]


class TestDoctor:
    def test_missing_engine_is_a_warning_with_the_way_to_start_one(self, repro: Repro) -> None:
        ran = repro("doctor")
        assert ran.code == 0, ran.out
        lines = ran.out.splitlines()
        [engine] = [number for number, line in enumerate(lines) if "Docker engine" in line]
        assert lines[engine].startswith("warning")
        assert "make engine" in lines[engine + 1]

    def test_missing_engine_is_a_fault_where_docker_is_asked_for(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REPRO_RUNTIME", "docker")
        assert repro("doctor").code == 1

    def test_json(self, repro: Repro) -> None:
        findings = {finding["name"]: finding for finding in json.loads(repro("doctor", "--json").out)}
        assert findings["uv"]["status"] == "ok"
        assert findings["Docker engine"]["remedy"]

    def test_folder_that_cannot_be_written_is_a_fault(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REPRO_CACHE_DIR", "/proc/nowhere/cache")
        ran = repro("doctor")
        assert ran.code == 1
        assert "cache folder           /proc/nowhere/cache cannot be written" in ran.out
        assert "REPRO_CACHE_DIR" in ran.out

    def test_interpreter_that_cannot_be_run_is_a_fault(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REPRO_LOCAL_PYTHON", "/nowhere/python")
        ran = repro("doctor")
        assert ran.code == 1
        assert "REPRO_LOCAL_PYTHON=/nowhere/python cannot be run" in ran.out

    def test_weights_that_came_halfway_are_named_with_the_command_that_goes_on(
        self, repro: Repro, tmp_path: Path
    ) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm2_t6_8M_UR50D"
        folder.mkdir(parents=True)
        (folder / "esm2_t6_8M_UR50D.pt.part").write_bytes(b"cut")
        ran = repro("doctor")
        assert "do: repro setup esm --variant esm2_t6_8M_UR50D" in ran.out

    def test_leftovers_are_named(self, repro: Repro, abandoned_folder: Path) -> None:
        ran = repro("doctor")
        assert str(abandoned_folder) in ran.out
        assert "do: repro clean" in ran.out

    @pytest.mark.parametrize(
        ("script", "told"),
        [
            ("echo 'NVIDIA H100, 81559 MiB, 550.54'", "0: NVIDIA H100, 81559 MiB, driver 550.54"),
            ("echo 'could not communicate with the driver'; exit 9", "could not communicate with the driver"),
            ("true", "there is an NVIDIA driver and no GPU"),
        ],
    )
    def test_what_the_driver_says_of_gpus_is_told(
        self, repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, told: str
    ) -> None:
        tool = tmp_path / "bin" / "nvidia-smi"
        tool.parent.mkdir()
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
        assert told in repro("doctor").out

    def test_wrapper_that_cannot_be_imported_is_a_fault(self, repro: Repro, moody: None, tmp_path: Path) -> None:
        (tmp_path / "packages" / "moody" / "__init__.py").write_text("raise RuntimeError('broken')\n")
        ran = repro("doctor")
        assert ran.code == 1
        assert "model moody" in ran.out
