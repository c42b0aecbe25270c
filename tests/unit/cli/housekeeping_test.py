"""`repro doctor`, `ps` and `clean` on a machine without an engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.exchange_folder import ExchangeFolder
from repro.models.tutorial import TutorialModel
from tests.unit.cli.conftest import Repro

OLD = time.time() - 3600


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
    folder = tmp_path / "cache" / "environments" / ".tutorial-0123.making-abcd"
    folder.mkdir(parents=True)
    return folder


class TestClean:
    def test_dry_run_shows_and_keeps(self, repro: Repro, abandoned_folder: Path, half_made_environment: Path) -> None:
        ran = repro("clean", "--dry-run")
        assert ran.code == 0
        assert ran.out.splitlines() == [
            f"would remove exchange folder {abandoned_folder}, 5.0 kB",
            f"would remove half-made environment {half_made_environment}",
        ]
        assert abandoned_folder.exists()
        assert half_made_environment.exists()

    def test_what_nobody_owns_is_removed(
        self, repro: Repro, abandoned_folder: Path, half_made_environment: Path
    ) -> None:
        ran = repro("clean")
        assert ran.code == 0
        assert "5.0 kB were freed" in ran.err
        assert not abandoned_folder.exists()
        assert not half_made_environment.exists()

    def test_what_somebody_uses_stays(self, repro: Repro, tmp_path: Path, half_made_environment: Path) -> None:
        from filelock import FileLock

        used = ExchangeFolder(tmp_path / "exchange")
        os.utime(used.path, (OLD, OLD))
        with FileLock(half_made_environment.parent / ".tutorial-0123.lock"):
            ran = repro("clean")
        assert (ran.code, ran.out) == (0, "")
        assert used.path.exists()
        assert half_made_environment.exists()
        used.remove()

    def test_environments_go_when_asked_for(
        self, repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        repro("setup", "tutorial")
        [environment] = (tmp_path / "cache" / "environments").glob("tutorial-*")
        assert str(environment) not in repro("clean").out
        assert f"removed environment {environment}" in repro("clean", "--envs").out
        assert not environment.exists()

    def test_environment_that_a_worker_runs_in_stays(
        self, repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        repro("setup", "tutorial")
        with TutorialModel(runtime="local") as model:
            model.predict("abc")
            assert repro("clean", "--envs").out == ""

    def test_partial_downloads_go_with_all(self, repro: Repro, tmp_path: Path) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm2_t6_8M_UR50D"
        folder.mkdir(parents=True)
        whole, part = folder / "whole.pt", folder / "x.pt.part"
        whole.write_bytes(b"1")
        part.write_bytes(b"12")
        part.with_name("x.pt.part.json").write_text("{}")
        assert repro("clean").out == ""
        assert f"removed partial download {part}, 2 B" in repro("clean", "--all").out
        assert list(folder.iterdir()) == [whole]

    def test_json(self, repro: Repro, abandoned_folder: Path) -> None:
        [leftover] = json.loads(repro("clean", "-n", "--json").out)["leftovers"]
        assert leftover == {
            "kind": "exchange folder",
            "name": str(abandoned_folder),
            "size_bytes": 5000,
            "removed": False,
            "failure": None,
        }

    def test_missing_engine_is_said(self, repro: Repro) -> None:
        ran = repro("clean")
        assert "containers are not looked for" in ran.err
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
