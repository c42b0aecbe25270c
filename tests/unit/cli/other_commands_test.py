"""`repro list`, `info`, `setup`, `ping`, and what happens around all commands when something goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Repro


class TestList:
    def test_models_of_repro_and_of_other_packages_are_listed(self, repro: Repro, moody: None) -> None:
        lines = repro("list").out.splitlines()
        assert lines[0].split() == [
            *("MODEL", "VERSION", "DOCKER", "LOCAL", "PUBLISHED", "WEIGHTS", "FROM", "DESCRIPTION")
        ]
        assert {line.split()[0] for line in lines[1:]} >= {"antiberty", "esm", "tutorial", "moody"}
        assert next(line for line in lines if line.startswith("moody")).split() == [
            *("moody", "1.0", "-", "-", "-", "-", "moody"),
            *("A", "model", "with", "moods"),
        ]

    def test_json(self, repro: Repro) -> None:
        models = {model["name"]: model for model in json.loads(repro("list", "--json").out)}
        assert models["antiberty"]["package"] == "repro"
        assert models["esm"]["version"] == "1.0"
        assert "esm2_t6_8M_UR50D" in models["esm"]["variants"]
        assert models["esm"]["image_bytes"] is None

    def test_environment_that_is_set_up_is_shown_with_its_size(
        self, repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        assert listed(repro, "tutorial")["environment"] == ""
        repro("setup", "tutorial")
        [folder] = (tmp_path / "cache" / "environments").glob("tutorial-*")
        tutorial = listed(repro, "tutorial")
        assert tutorial["environment"] == str(folder)
        assert tutorial["environment_bytes"] > 0
        assert next(line for line in repro("list").out.splitlines() if line.startswith("tutorial")).split()[3] != "-"

    def test_interpreter_of_ones_own_counts_as_set_up_and_not_as_size(self, repro: Repro) -> None:
        tutorial = listed(repro, "tutorial")
        assert (bool(tutorial["environment"]), tutorial["environment_bytes"]) == (True, 0)

    def test_variants_are_counted_when_they_are_whole(self, repro: Repro, tmp_path: Path) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm1v_t33_650M_UR90S_1"
        folder.mkdir(parents=True)
        file = folder / "esm1v_t33_650M_UR90S_1.pt"
        file.write_bytes(b"x" * 2000)
        assert listed(repro, "esm")["fetched"] == []
        record = {"sha256": "0" * 64, "size_bytes": 2000, "modified_ns": file.stat().st_mtime_ns}
        (folder / ".hashes.json").write_text(json.dumps({file.name: record}))
        esm = listed(repro, "esm")
        assert esm["fetched"] == ["esm1v_t33_650M_UR90S_1"]
        assert 2000 <= esm["weights_bytes"] < 3000
        assert "  1 of 13, 2.2 kB" in repro("list").out

    def test_missing_engine_is_a_note(self, repro: Repro) -> None:
        ran = repro("list")
        assert (ran.code, ran.err) == (0, "no Docker engine answers: images are not looked for\n")

    def test_no_model_is_imported_for_it(self, program: Repro, moody: None) -> None:
        imported = "import sys; from repro.cli import main; main(['list', '--json']); print([m for m in sys.modules])"
        printed = subprocess.run([sys.executable, "-c", imported], capture_output=True, text=True, check=True).stdout
        modules = printed.splitlines()[-1]
        assert "'moody'" not in modules
        assert "'repro.models.esm'" not in modules
        assert "'pydantic'" not in modules


def listed(repro: Repro, name: str) -> dict[str, Any]:
    """A model as `repro list --json` has it."""
    return next(model for model in json.loads(repro("list", "--json").out) if model["name"] == name)


class TestInfo:
    def test_variants_options_and_inputs_are_shown(self, repro: Repro) -> None:
        text = repro("info", "esm").out
        assert "esm2_t6_8M_UR50D (default)" in text
        assert "from repro.models.esm import ESM" in text
        assert "list of mean | bos | residue" in text
        assert "sequence  text  -" in text
        assert "sequence  text  (required)" in repro("info", "antiberty").out

    def test_hyper_parameters_of_a_training_are_shown(self, repro: Repro) -> None:
        shown = repro("info", "ridge").out
        assert "hyper-parameters, of `repro train` (-p NAME=VALUE)" in shown
        assert "penalty of squared weights" in shown

    def test_registered_name_works_too(self, repro: Repro) -> None:
        assert repro("info", "esm-model").out == repro("info", "esm").out

    def test_where_it_is_set_up_is_told_with_what_to_do(self, repro: Repro) -> None:
        text = repro("info", "tutorial").out
        assert "local: yes (interpreter:" in text
        assert "docker: no; " in text
        assert "start an engine" in text

    def test_json(self, repro: Repro) -> None:
        info = json.loads(repro("info", "antiberty", "--json").out)
        assert info["variants"][0]["state"] == "in the packages"
        assert [field["name"] for field in info["parameters"]] == ["embeddings", "score"]

    def test_model_of_another_package(self, repro: Repro, moody: None) -> None:
        text = repro("info", "moody").out
        assert "Answers as it likes." in text
        assert "what every answer begins with" in text

    def test_weights_that_came_halfway_are_told(self, repro: Repro, tmp_path: Path) -> None:
        folder = tmp_path / "cache" / "weights" / "esm" / "esm2_t6_8M_UR50D"
        folder.mkdir(parents=True)
        (folder / "esm2_t6_8M_UR50D.pt").write_bytes(b"cut")
        assert "put there by hand, and not checked yet" in repro("info", "esm").out

    def test_model_that_is_not_known(self, repro: Repro) -> None:
        ran = repro("info", "tutorail")
        assert (ran.code, ran.out) == (2, "")
        assert "did you mean tutorial" in ran.err


class TestSetup:
    def test_named_interpreter_needs_nothing(self, repro: Repro) -> None:
        ran = repro("setup", "tutorial")
        assert ran.code == 0
        assert "tutorial was set up already for the runtime local" in ran.err

    def test_json(self, repro: Repro) -> None:
        summary = json.loads(repro("setup", "tutorial", "--json").out)
        assert (summary["runtime"], summary["was_set_up_already"]) == ("local", True)

    def test_silent_says_nothing(self, repro: Repro) -> None:
        ran = repro("setup", "tutorial", "--silent")
        assert (ran.code, ran.out, ran.err) == (0, "", "")

    def test_environment_is_made_once(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        first, second = repro("setup", "tutorial"), repro("setup", "tutorial")
        assert (first.code, second.code) == (0, 0)
        assert "tutorial is set up for the runtime local" in first.err
        assert "tutorial was set up already" in second.err

    def test_variant_that_is_not_known_is_told_before_anything_is_built(self, repro: Repro) -> None:
        ran = repro("setup", "esm", "--variant", "esm2_t6_8M_UR50")
        assert ran.code == 2
        assert "esm2_t6_8M_UR50D" in ran.err

    def test_environment_that_cannot_be_made_is_exit_code_4_with_the_last_lines(
        self, repro: Repro, moody: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("REPRO_LOCAL_PYTHON")
        requirements = tmp_path / "packages" / "moody" / "container" / "requirements.txt"
        requirements.write_text("./no-such-package-in-this-folder\n")
        ran = repro("setup", "moody")
        assert ran.code == 4
        assert "last log lines:" in ran.err
        assert "no-such-package-in-this-folder" in ran.err

    def test_engine_that_does_not_answer_is_exit_code_5(self, repro: Repro) -> None:
        assert repro("setup", "tutorial", "--runtime", "docker").code == 5


class TestPing:
    def test_worker_says_what_it_is(self, repro: Repro) -> None:
        text = repro("ping", "tutorial").out
        assert "runtime      local" in text
        assert "device       cpu (" in text

    def test_json(self, repro: Repro, moody: None) -> None:
        pong = json.loads(repro("ping", "moody", "--greeting", "dear", "--json").out)
        assert pong["worker"]["options"]["greeting"] == "dear"
        assert pong["answer_s"] < pong["start_s"]

    def test_gpu_that_is_not_there_is_exit_code_6(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")  # nor is the driver's tool, on a machine that has it
        ran = repro("ping", "tutorial", "--device", "0")
        assert ran.code == 6
        assert "use the CPU (--device -1, in Python device=-1)" in ran.err

    def test_worker_that_cannot_load_is_exit_code_7_with_its_last_lines(
        self, repro: Repro, moody: None, tmp_path: Path
    ) -> None:
        run = tmp_path / "packages" / "moody" / "container" / "src" / "run.py"
        lines = "".join(f"print('line {number}')\n" for number in range(30))
        run.write_text(f"{lines}raise RuntimeError('no such weights')\n")
        ran = repro("ping", "moody")
        assert ran.code == 7
        assert "RuntimeError: no such weights" in ran.err
        assert "more log lines with -v)" in ran.err
        assert len(ran.err.splitlines()) < 20


class TestErrors:
    def test_setting_that_cannot_be_used(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REPRO_CALL_TIMEOUT", "soon")
        ran = repro("ping", "tutorial")
        assert ran.code == 2
        assert ran.err.splitlines() == [
            "error: REPRO_CALL_TIMEOUT='soon' is not a number of seconds above 0",
            "do: for example: REPRO_CALL_TIMEOUT=600",
        ]

    @pytest.mark.parametrize("words", [["--debug", "info", "tutorail"], ["info", "tutorail", "--debug"]])
    def test_debug_shows_the_traceback_wherever_it_stands(self, repro: Repro, words: list[str]) -> None:
        assert "Traceback (most recent call last)" in repro(*words).err

    def test_debug_by_variable(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REPRO_DEBUG", "1")
        assert "Traceback (most recent call last)" in repro("info", "tutorail").err

    def test_fault_of_a_wrapper_is_one_line_and_points_at_debug(
        self, repro: Repro, moody: None, tmp_path: Path
    ) -> None:
        wrapper = tmp_path / "packages" / "moody" / "__init__.py"
        wrapper.write_text(
            wrapper.read_text() + "\n    def __init__(self, **keywords):\n        raise KeyError('oh')\n"
        )
        ran = repro("ping", "moody")
        assert ran.code == 1
        assert ran.err.splitlines()[0] == "unexpected error: KeyError: 'oh'"
        assert "--debug shows where" in ran.err

    def test_wrapper_that_cannot_be_imported_is_named(self, repro: Repro, moody: None, tmp_path: Path) -> None:
        (tmp_path / "packages" / "moody" / "__init__.py").write_text("import a_package_that_is_not_there\n")
        ran = repro("predict", "moody", "--help")
        assert ran.code == 2
        assert "a_package_that_is_not_there" in ran.err

    def test_secret_is_not_shown(self, repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REGISTRY_PASSWORD", "open-sesame")
        ran = repro("--debug", "info", "open-sesame")
        assert ran.code == 2
        assert "open-sesame" not in ran.err
