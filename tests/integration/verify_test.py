"""`repro verify` through each runtime, and what it starts: as safe as any worker, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from repro.common.docker import DockerContainer
from repro.common.io import read_jsonl_file, write_to_jsonl
from repro.errors import CommandError
from repro.model import Model
from repro.models.tutorial import TutorialModel
from repro.runtimes.base import Runtime
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings
from repro.verification import Request, verify_model
from repro.verification.one_shot import answers_in_one_shot

if TYPE_CHECKING:
    from docker import DockerClient

ENDS_WITHIN_S = 60
GOLDEN = """\
made: {command: by hand, date: 2026-11-21, device: cpu, versions: {python: 3.11.7}}
held_against: {definition: it is reversed}
cases:
"""


def write_golden(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "golden.yaml").write_text(GOLDEN + text)
    return folder


@pytest.fixture(params=["local", "docker"])
def name(request: pytest.FixtureRequest) -> str:
    """Each runtime by its name."""
    if request.param == "docker":
        request.getfixturevalue("base_image")
    return str(request.param)


def test_the_tutorial_gives_its_golden_answers(name: str) -> None:
    choose_runtime(name, load_settings()).setup(TutorialModel.spec(), lambda line: None)

    report = verify_model(TutorialModel, Request(runtime=name))

    assert report.problems() == []
    assert (report.verdict, report.runtime) == ("right", name)
    assert {check.state for check in report.checks if check.name != "CPU against GPU"} == {"passed"}


def test_a_broken_copy_of_its_golden_answers_is_noticed(name: str, tmp_path: Path) -> None:
    choose_runtime(name, load_settings()).setup(TutorialModel.spec(), lambda line: None)
    text = (TutorialModel.container_folder() / "tests" / "golden" / "golden.yaml").read_text()
    copy = tmp_path / "tests" / "golden"
    copy.mkdir(parents=True)
    (copy / "golden.yaml").write_text(text.replace("output: cba", "output: cbA"))

    report = verify_model(TutorialModel, Request(runtime=name, golden=copy, conformance=False))

    (difference,) = report.cases[0].differences
    assert (report.verdict, difference.record, difference.expected, difference.got) == ("differs", 0, "'cbA'", "'cba'")


class TestOneShot:
    """The one-shot form of the model that misbehaves, in each runtime."""

    def ask(self, runtime: Runtime, spec: Any, *records: dict[str, Any], **options: Any) -> Any:
        return answers_in_one_shot(runtime.find(spec), records, options)

    def test_it_gives_answers_arrays_and_errors(self, runtime: Runtime, ready_spec: Any) -> None:
        array = {"do": "arrays", "shape": [2, 2], "dtype": "float32", "name": "a"}

        reversed_, arrays, failed = self.ask(
            runtime, ready_spec, {"do": "reverse", "text": "abc"}, array, {"do": "raise", "text": "x"}, suffix="-1"
        )

        assert reversed_ == {"output": "cba-1"}
        assert arrays["array"].tolist() == [[0, 1], [2, 3]]
        assert failed.error_type == "ValueError"

    def test_it_is_as_confined_as_a_worker(self, runtime: Runtime, ready_spec: Any) -> None:
        if runtime.name != "docker":
            pytest.skip("the local runtime confines nothing")
        look = (
            "def tried(path):\n"
            "    try:\n"
            "        open(path, 'w').close()\n"
            "    except OSError as error:\n"
            "        return error.strerror\n"
            "lines = open('/proc/self/status').read().splitlines()\n"
            "status = dict(line.split(':\\t') for line in lines if ':\\t' in line)\n"
            "answer = [os.getuid(), tried('/app/x'), tried('/repro/in/x'), sorted(os.listdir('/sys/class/net')),\n"
            "          status['CapEff'], status['NoNewPrivs']]\n"
        )

        (answer,) = self.ask(runtime, ready_spec, {"do": "python", "code": look})

        read_only = "Read-only file system"
        assert answer["value"] == [os.getuid(), read_only, read_only, ["lo"], "0000000000000000", "1"]

    def test_how_it_ended_is_told(self, runtime: Runtime, ready_spec: Any) -> None:
        with pytest.raises(CommandError, match="status 2") as caught:
            self.ask(runtime, ready_spec, {"do": "reverse"}, nothing="known")

        assert any("unrecognized arguments: --nothing known" in line for line in caught.value.evidence.log_tail)


# ------------------------------------------------------------------------------------------------ the classic form


@Model.register("classic-of-verify-model")
class Classic(Model):
    """Reverses text, a container a call."""

    default_image = "python:3.11-slim-bookworm"
    folder = Path(__file__).parent / "misbehaving"

    def __init__(self, image: str = default_image) -> None:
        self.image = image

    def predict_batch(self, inputs: list[dict[str, str]], **kwargs: Any) -> list[str]:
        program = (
            "import json, sys; [print(json.dumps({'output': json.loads(line)['text'][::-1]})) for line in sys.stdin]"
        )
        with DockerContainer(self.image) as backend:
            write_to_jsonl(inputs, f"{backend.host_dir}/in.jsonl")
            folder = backend.container_dir
            backend.run_command(f'python3 -c "{program}" < {folder}/in.jsonl > {folder}/out.jsonl')
            return [result["output"] for result in read_jsonl_file(f"{backend.host_dir}/out.jsonl")]


@pytest.mark.usefixtures("base_image")
def test_a_model_of_the_classic_form_is_verified_as_far_as_it_can_be(tmp_path: Path) -> None:
    golden = write_golden(
        tmp_path / "tests" / "golden",
        "  reversed:\n    records: [{text: abc}, {text: de}]\n    expected: [{output: cba}, {output: ed}]\n",
    )

    report = verify_model(Classic, Request(golden=golden))

    assert (report.verdict, report.runtime) == ("right", "docker")
    states = {check.name: check.state for check in report.checks}
    assert states == {
        "declared fields": "not checked",
        "batch of one equals batch of n": "passed",
        "order": "passed",
        "bad record": "not checked",
        "one-shot equals serve": "not checked",
        "empty input": "not checked",
        "CPU against GPU": "not checked",
    }


# ------------------------------------------------------------------------------------------------------ interruptions

PROGRAM = """
import sys
from pathlib import Path
from repro.verification import Request, verify_model
from tests.integration.misbehaving_model import MisbehavingModel

image, runtime, golden = sys.argv[1:]
request = Request(image=image, runtime=runtime, golden=Path(golden))
verify_model(MisbehavingModel, request, say=lambda line: print(line, flush=True))
"""


@pytest.fixture
def verifying(
    runtime: Runtime, ready_spec: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[subprocess.Popen[str]]:
    """A process that verifies a model whose one-shot form never ends, and is in it."""
    golden = write_golden(
        tmp_path / "tests" / "golden",
        "  endless:\n"
        "    options: {at_load: reverse}\n"
        "    records: [{do: python, code: \"import time; served = hasattr(runner.options, 'input_dir');"
        ' time.sleep(0 if served else 3600); answer = 1"}]\n'
        "    expected: [{value: 1}]\n",
    )
    (tmp_path / "exchange").mkdir()
    environ = {**os.environ, "REPRO_EXCHANGE_DIR": str(tmp_path / "exchange"), "REPRO_LOCAL_PYTHON": sys.executable}
    environ["PYTHONPATH"] = os.getcwd()  # noqa: PTH109
    words = [sys.executable, "-c", PROGRAM, ready_spec.image, runtime.name, str(golden)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        while "one-shot" not in process.stdout.readline():
            assert process.poll() is None
        if runtime.name == "docker":
            wait_until(lambda: containers_of(request.getfixturevalue("engine"), process.pid))
        else:
            wait_until(lambda: psutil.Process(process.pid).children())
        yield process
        with suppress(psutil.NoSuchProcess):  # what the local runtime has started would go on
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
        process.kill()


def containers_of(engine: DockerClient, pid: int) -> list[Any]:
    return list(engine.api.containers(all=True, filters={"label": f"repro.pid={pid}"}))


def wait_until(is_so: Any) -> None:
    deadline = time.monotonic() + ENDS_WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def test_ctrl_c_in_the_one_shot_form_leaves_nothing_behind(
    verifying: subprocess.Popen[str], runtime: Runtime, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    children = psutil.Process(verifying.pid).children(recursive=True)

    verifying.send_signal(signal.SIGINT)
    verifying.wait(ENDS_WITHIN_S)

    assert not psutil.wait_procs(children, timeout=ENDS_WITHIN_S)[1]
    assert list((tmp_path / "exchange").iterdir()) == []
    if runtime.name == "docker":
        assert containers_of(request.getfixturevalue("engine"), verifying.pid) == []


def test_a_container_of_the_one_shot_form_ends_with_a_host_that_is_killed(
    verifying: subprocess.Popen[str], runtime: Runtime, request: pytest.FixtureRequest
) -> None:
    if runtime.name != "docker":
        pytest.skip("a process of the local runtime goes on to its end")
    engine = request.getfixturevalue("engine")

    verifying.kill()

    wait_until(lambda: not containers_of(engine, verifying.pid))
