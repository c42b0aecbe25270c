"""The command line with a real engine."""

from __future__ import annotations

import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.cli import main
from repro.common.docker import DockerContainer
from repro.common.io import read_jsonl_file
from repro.model import Model
from repro.models.tutorial import TutorialModel
from repro.runtimes.container import Container, ContainerPlan, owner_labels

if TYPE_CHECKING:
    from docker import DockerClient

WITHIN_S = 120
DEAD_PID = 2**22 + 1  # above what Linux gives to any process


@pytest.fixture(autouse=True)
def _work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def tutorial_image(engine: DockerClient, base_image: str) -> None:
    assert main(["setup", "tutorial", "--runtime", "docker", "-q"]) == 0


@pytest.fixture
def sleeping_container(engine: DockerClient, base_image: str) -> Iterator[Container]:
    """A container whose labels name an owner that has gone."""
    labels = {**owner_labels(), "repro.pid": str(DEAD_PID), "repro.model": "tutorial"}
    plan = ContainerPlan(image=base_image, command=("sleep", "600"), labels=labels, name=f"repro-orphan-{os.getpid()}")
    container = Container.start(plan)
    yield container
    container.remove()


def workers() -> list[dict[str, object]]:
    listed = subprocess.run(
        [sys.executable, "-m", "repro", "ps", "--json"], capture_output=True, text=True, check=True, timeout=WITHIN_S
    )
    found: list[dict[str, object]] = json.loads(listed.stdout)
    return found


def test_setup_twice_says_that_it_was_set_up(tutorial_image: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "tutorial", "--runtime", "docker"]) == 0
    assert "tutorial was set up already for the runtime docker (sha256:" in capfd.readouterr().err


def test_docker_is_chosen_where_an_engine_answers_and_the_output_says_so(
    tutorial_image: None, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("in.csv").write_text("id,text\n1,abc\n")
    assert main(["predict", "tutorial", "in.csv", "-o", "out.csv"]) == 0
    assert Path("out.csv").read_text() == "id,output\n1,cba\n"
    assert "made by tutorial-model on docker, cpu " in capfd.readouterr().err


@Model.register("classic-for-the-shell-model")
class Classic(Model):
    """A model in the form of the predecessor's tutorial: a container a call, no schema, an `__init__` of its own."""

    def __init__(self, image: str = TutorialModel.default_image) -> None:
        self.image = image

    def predict_batch(self, inputs: list[dict[str, str]]) -> list[str]:  # type: ignore[override]
        with DockerContainer(self.image) as backend:
            host, inside = backend.host_dir, backend.container_dir
            Path(host, "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in inputs))
            backend.run_command(f"python run.py --input-file {inside}/in.jsonl --output-file {inside}/out.jsonl")
            return [row["output"] for row in read_jsonl_file(f"{host}/out.jsonl")]


def test_model_in_the_classic_form_works_in_the_shell(tutorial_image: None, capfd: pytest.CaptureFixture[str]) -> None:
    Path("in.csv").write_text("id,text\n1,abc\n2,de\n")
    assert main(["predict", "classic-for-the-shell-model", "in.csv", "-o", "out.csv"]) == 0
    assert Path("out.csv").read_text() == "id,output\n1,cba\n2,ed\n"


@pytest.mark.parametrize("words", [["predict", "in.csv", "-o", "out.csv", "--device", "0"], ["ping"]])
def test_model_in_the_classic_form_says_what_it_cannot_do(
    tutorial_image: None, capfd: pytest.CaptureFixture[str], words: list[str]
) -> None:
    Path("in.csv").write_text("id,text\n1,abc\n")
    assert main([words[0], "classic-for-the-shell-model", *words[1:]]) == 2
    assert "Traceback" not in capfd.readouterr().err


def test_interrupted_run_leaves_no_container(tutorial_image: None) -> None:
    command = [sys.executable, "-m", "repro", "predict", "tutorial", "-", "-o", "out.jsonl", "--batch-size", "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.writelines(f'{{"text": "{number}"}}\n' for number in range(5000))
    process.stdin.flush()  # and stays open: the run waits for more
    deadline = time.monotonic() + WITHIN_S
    while not any(one["owner_pid"] == process.pid for one in workers()):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 130
    assert not any(one["owner_pid"] == process.pid for one in workers())
    process.stdin.close()
    assert process.stderr is not None
    process.stderr.close()


def test_orphan_is_shown_and_removed(
    engine: DockerClient, sleeping_container: Container, capfd: pytest.CaptureFixture[str]
) -> None:
    name = f"repro-orphan-{os.getpid()}"
    assert main(["ps"]) == 0
    assert f"{DEAD_PID} (gone)" in next(line for line in capfd.readouterr().out.splitlines() if name in line)
    assert main(["doctor"]) in (0, 1)
    assert f"whose owner has gone: {name}" in capfd.readouterr().out
    assert main(["clean", "--dry-run"]) == 0
    assert re.search(rf"^container .* {name} ", capfd.readouterr().out, re.MULTILINE)
    assert [one for one in engine.containers.list(all=True) if one.name == name]
    assert main(["clean"]) == 0
    assert re.search(rf"^container .* {name} ", capfd.readouterr().out, re.MULTILINE)
    assert not [one for one in engine.containers.list(all=True) if one.name == name]


def test_container_of_a_process_that_lives_is_left_alone(
    engine: DockerClient, base_image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    container = Container.start(ContainerPlan(image=base_image, command=("sleep", "600")))
    try:
        mine = [one for one in workers() if one["owner_pid"] == os.getpid()]
        assert [one["owner_is_alive"] for one in mine] == [True]
        assert main(["clean"]) == 0
        assert container.identity in [one.id for one in engine.containers.list()]
    finally:
        container.remove()


def test_container_of_another_machine_is_left_alone(
    engine: DockerClient, base_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {**owner_labels(), "repro.pid": str(DEAD_PID), "repro.host": f"not-{platform.node()}"}
    container = Container.start(ContainerPlan(image=base_image, command=("sleep", "600"), labels=labels))
    try:
        assert main(["clean"]) == 0
        assert container.identity in [one.id for one in engine.containers.list()]
    finally:
        container.remove()


def test_doctor_starts_a_container_and_finds_its_files(tutorial_image: None, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    findings = {finding["name"]: finding for finding in json.loads(capfd.readouterr().out)}
    assert findings["Docker engine"]["status"] == "ok"
    assert "what it writes is in" in findings["files of a container"]["finding"]


def test_gpu_that_the_engine_cannot_give_is_exit_code_6(
    tutorial_image: None, capfd: pytest.CaptureFixture[str]
) -> None:
    import shutil

    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    assert main(["ping", "tutorial", "--runtime", "docker", "--device", "0"]) == 6
    assert "use the CPU (--device -1, in Python device=-1)" in capfd.readouterr().err
