"""The command line as a process that is interrupted, killed, terminated, or whose reader leaves."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.moody_package import make_moody_package

RECORDS = 48
WITHIN_S = 120  # for a machine that is busy; nothing here takes longer than a few seconds

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(autouse=True)
def _local_runtime_with_moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = make_moody_package(tmp_path / "packages")
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(tmp_path / "exchange"))
    monkeypatch.setenv("PYTHONPATH", str(packages))
    (tmp_path / "exchange").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    records = [{"id": number, "text": f"{number} and more"} for number in range(RECORDS)]
    Path("in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts the command line as a process; what still runs when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, **keywords: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "repro", *words]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **keywords)  # type: ignore[call-overload]
        started.append(process)
        return process

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def predict(output: str, *words: str, delay_s: float = 0.03) -> list[str]:
    """A run whose rows are so large that some of them are on the disk after a moment."""
    padding = ["--padding", "1000000", "--delay-s", str(delay_s)]
    return ["predict", "moody", "in.jsonl", "-o", output, *padding, *words]


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def rows_on_disk(output: str) -> int:
    """How many rows of a run that goes on are safe."""
    chunks = Path(f".{output}.repro-partial").glob("[0-9]*-[0-9]*")
    return sum(int(chunk.name.partition("-")[2]) for chunk in chunks)


def workers_of(pid: int) -> list[psutil.Process]:
    return [child for child in psutil.Process(pid).children(recursive=True) if child.is_running()]


def undisturbed(start: Start, output: str) -> bytes:
    assert start(*predict(output, delay_s=0.0)).wait(WITHIN_S) == 0
    return Path(output).read_bytes()


def test_interrupted_run_ends_leaves_no_worker_and_says_how_to_go_on(start: Start, tmp_path: Path) -> None:
    process = start(*predict("out.jsonl", delay_s=0.1))
    wait_for(lambda: rows_on_disk("out.jsonl"), "rows")
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 130
    assert process.stderr is not None
    said = process.stderr.read()
    assert "what was computed is kept; go on with: repro predict moody in.jsonl -o out.jsonl" in said
    assert said.splitlines()[-1] == "interrupted"
    assert "Traceback" not in said
    assert workers
    wait_for(lambda: not any(map(psutil.pid_exists, [one.pid for one in workers])), "the worker's end")
    assert list((tmp_path / "exchange").iterdir()) == []
    assert not Path("out.jsonl").exists()


def test_interrupted_run_goes_on_to_the_same_bytes(start: Start) -> None:
    process = start(*predict("out.jsonl"))
    wait_for(lambda: rows_on_disk("out.jsonl"), "rows")
    process.send_signal(signal.SIGINT)
    process.wait(WITHIN_S)
    kept = rows_on_disk("out.jsonl")
    resumed = start(*predict("out.jsonl", "--resume"))
    assert resumed.wait(WITHIN_S) == 0
    assert resumed.stderr is not None
    assert f"{kept} records are done already" in resumed.stderr.read()
    assert Path("out.jsonl").read_bytes() == undisturbed(start, "whole.jsonl")


@pytest.mark.parametrize("output", ["out.jsonl", "out.parquet"])
def test_run_killed_with_9_goes_on_to_the_same_bytes(start: Start, output: str) -> None:
    process = start(*predict(output))
    wait_for(lambda: rows_on_disk(output), "rows")
    workers = workers_of(process.pid)
    process.kill()
    process.wait(WITHIN_S)
    wait_for(lambda: not any(map(psutil.pid_exists, [one.pid for one in workers])), "the worker's end")
    assert not Path(output).exists()
    assert start(*predict(output, "--resume")).wait(WITHIN_S) == 0
    assert Path(output).read_bytes() == undisturbed(start, f"whole{Path(output).suffix}")
    written = [output, f"whole{Path(output).suffix}"]
    assert sorted(path.name for path in Path().iterdir()) == sorted(
        ["in.jsonl", *written, *(f"{name}.repro.json" for name in written)]
    )


def test_terminated_run_keeps_its_rows_and_ends_its_worker(start: Start) -> None:
    process = start(*predict("out.jsonl", delay_s=0.1))
    wait_for(lambda: rows_on_disk("out.jsonl"), "rows")
    workers = workers_of(process.pid)
    process.terminate()
    assert process.wait(WITHIN_S) == 128 + signal.SIGTERM
    wait_for(lambda: not any(map(psutil.pid_exists, [one.pid for one in workers])), "the worker's end")
    assert rows_on_disk("out.jsonl")


def test_interrupt_while_the_worker_loads_leaves_nothing(start: Start, tmp_path: Path) -> None:
    run = tmp_path / "packages" / "moody" / "container" / "src" / "run.py"
    run.write_text(f"import time, pathlib\npathlib.Path({str(tmp_path / 'loading')!r}).touch()\ntime.sleep(600)\n")
    process = start(*predict("out.jsonl"))
    wait_for((tmp_path / "loading").exists, "the worker")
    workers = workers_of(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 130
    wait_for(lambda: not any(map(psutil.pid_exists, [one.pid for one in workers])), "the worker's end")
    assert sorted(path.name for path in Path().iterdir()) == ["in.jsonl"]


def test_interrupted_run_from_standard_input_leaves_nothing_that_could_not_be_gone_on_with(start: Start) -> None:
    words = ["-" if word == "in.jsonl" else word for word in predict("out.jsonl", "--batch-size", "1")]
    process = start(*words, stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write('{"text": "0"}\n' * 1024 * 3)
    process.stdin.flush()
    wait_for(lambda: rows_on_disk("out.jsonl"), "rows")
    process.send_signal(signal.SIGINT)
    assert process.wait(WITHIN_S) == 130
    assert process.stderr is not None
    assert "go on with" not in process.stderr.read()
    assert sorted(path.name for path in Path().iterdir()) == ["in.jsonl"]
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()


def test_two_runs_to_one_output_do_not_mix(start: Start) -> None:
    first = start(*predict("out.jsonl", delay_s=0.1))
    wait_for(lambda: rows_on_disk("out.jsonl"), "rows")
    second = start(*predict("out.jsonl"))
    assert second.wait(WITHIN_S) == 9
    assert second.stderr is not None
    assert "out.jsonl is being written by another process" in second.stderr.read()
    assert first.poll() is None


def test_reader_that_leaves_ends_the_run_quietly(start: Start) -> None:
    process = start(*predict("-", delay_s=0.0), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().startswith('{"id":0')
    process.stdout.close()
    assert process.wait(WITHIN_S) == 141
    assert process.stderr is not None
    said = process.stderr.read()
    assert "error" not in said
    assert "Traceback" not in said


def test_records_stream_from_standard_input_to_standard_output(start: Start) -> None:
    process = start(
        *("predict", "moody", "-", "-o", "-", "--batch-size", "1"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    said, _ = process.communicate("".join(f'{{"text": "{number}"}}\n' for number in range(3000)), timeout=WITHIN_S)
    assert process.returncode == 0
    assert [json.loads(line)["said"] for line in said.splitlines()] == [f"hello {number}" for number in range(3000)]


def test_console_script_does_as_the_module() -> None:
    script = Path(sys.executable).with_name("repro")
    if not script.exists():
        pytest.skip("repro is not installed as a script beside this interpreter")
    ran = subprocess.run([script, "predict", "moodi", "x", "-o", "y"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "did you mean moody" in ran.stderr
    assert os.environ["PYTHONPATH"]
