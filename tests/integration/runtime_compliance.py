"""What every runtime does, whichever it is: a runtime passes by inheriting these tests with the fixture `runtime`."""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from repro.errors import DeviceError, NotSetUpError
from repro.guest.server import PROTOCOL
from repro.runtimes.base import Device, Launch, ModelSpec, Runtime, WorkerProcess
from tests.integration.misbehaving_model import RAW

HEAR_WITHIN_S = 60


class Talk:
    """A worker, and a thread that takes down what it says."""

    def __init__(self, process: WorkerProcess, launch: Launch) -> None:
        self.process = process
        self.launch = launch
        self._said: SimpleQueue[bytes | None] = SimpleQueue()
        self.reader = threading.Thread(target=self._take_down, daemon=True)
        self.reader.start()

    def _take_down(self) -> None:
        for line in self.process.lines():
            self._said.put(line)
        self._said.put(None)

    def hear(self) -> dict[str, Any]:
        """The next message; blank lines and others are passed over."""
        while (line := self._said.get(timeout=HEAR_WITHIN_S)) is not None:
            if line.startswith(b'{"repro"'):
                message: dict[str, Any] = json.loads(line)
                return message
        raise EOFError("the worker has ended")

    def hear_the_end(self) -> list[bytes]:
        """The lines that are left, blank ones passed over, once the worker has ended."""
        return [line for line in iter(lambda: self._said.get(timeout=HEAR_WITHIN_S), None) if line.strip()]

    def say(self, number: int, *records: dict[str, Any], **rest: Any) -> None:
        request = {"repro": PROTOCOL, "id": number, "records": records, **rest}
        self.process.send(json.dumps(request).encode() + b"\n")

    def ask(self, **record: Any) -> Any:
        """What the model answers to one record."""
        self.say(1, record)
        return self.hear()["results"][0]

    def python(self, code: str) -> Any:
        """The value of `answer` after running code in the worker."""
        answer = self.ask(do="python", code=code)
        return answer["value"]


Start = Callable[..., Talk]


class RuntimeCompliance:
    """The protocol of repro/runtimes/base.py, from outside."""

    @pytest.fixture
    def start(self, runtime: Runtime, ready_spec: ModelSpec, tmp_path: Path) -> Iterator[Start]:
        """Starts a worker and hears that it is ready; ended after the test."""
        started: list[WorkerProcess] = []

        def start(command: tuple[str, ...] | None = None, **changes: Any) -> Talk:
            folder = tmp_path / f"exchange-{len(started)}"
            for name in ("in", "out"):
                (folder / name).mkdir(parents=True)
            spec = ready_spec if command is None else replace(ready_spec, command=command)
            changes = {"options": {}, "session": secrets.token_hex(6), **changes}
            launch = Launch(input_dir=folder / "in", output_dir=folder / "out", **changes)
            process = runtime.start(runtime.find(spec), launch)
            started.append(process)
            talk = Talk(process, launch)
            assert talk.hear() == {"repro": PROTOCOL, "ready": True}
            return talk

        yield start
        for process in started:
            process.stop(0.0)

    def test_it_is_there(self, runtime: Runtime) -> None:
        assert runtime.why_unavailable() is None

    def test_a_request_gets_its_answer(self, start: Start) -> None:
        talk = start()

        talk.say(7, {"do": "reverse", "text": "abc"}, {"do": "reverse", "text": ""})

        assert talk.hear() == {"repro": PROTOCOL, "id": 7, "results": [{"output": "cba"}, {"output": ""}]}

    def test_requests_may_be_sent_ahead_and_are_answered_in_order(self, start: Start) -> None:
        talk = start()

        for number in range(20):
            talk.say(number, {"do": "reverse", "text": str(number)})

        assert [talk.hear()["id"] for _ in range(20)] == list(range(20))

    def test_options_reach_the_model(self, start: Start) -> None:
        talk = start(options={"suffix": " 'é' $HOME"})

        assert talk.ask(do="reverse", text="abc") == {"output": "cba 'é' $HOME"}

    def test_files_are_exchanged_through_the_folders(self, start: Start) -> None:
        talk = start()
        (talk.launch.input_dir / "1.jsonl").write_text('{"do":"reverse","text":"abc"}\n' * 10_000)

        talk.process.send(b'{"repro":1,"id":1,"input":"1.jsonl"}\n')

        answer = talk.hear()
        assert (talk.launch.output_dir / answer["output"]).read_text() == '{"output":"cba"}\n' * 10_000

    def test_a_long_line_arrives_whole_in_both_directions(self, start: Start) -> None:
        talk = start(command=RAW, options={"behaviour": "right"})
        text = "aé€😀" * 300_000

        assert talk.ask(text=text) == {"output": text[::-1]}

    def test_weights_can_be_read(self, start: Start, tmp_path: Path) -> None:
        weights = tmp_path / "weights"
        weights.mkdir()
        (weights / "model.txt").write_text("0.5")

        talk = start(weights_dir=weights)

        assert talk.python("answer = open(os.path.join(runner.options.weights_dir, 'model.txt')).read()") == "0.5"

    def test_home_and_temporary_folder_can_be_written_and_are_not_the_users(self, start: Start) -> None:
        talk = start()

        home = talk.python(
            "import tempfile\n"
            "with tempfile.TemporaryFile() as file: file.write(b'x' * 100_000)\n"
            "answer = os.path.expanduser('~')\n"
            "open(os.path.join(answer, 'file'), 'w').close()\n"
        )

        assert home != str(Path.home())

    def test_no_secret_of_the_host_is_in_the_environment(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hunter2-hunter2")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2-hunter2")
        monkeypatch.setenv("PYTHONSTARTUP", "/nowhere")

        seen = start().python("answer = dict(os.environ)")

        assert not {"HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "PYTHONSTARTUP", "REPRO_CACHE_DIR"} & set(seen)
        assert "hunter2-hunter2" not in str(seen)

    def test_the_cpu_sees_no_gpu(self, start: Start) -> None:
        assert start().python("answer = [runner.device, os.environ['CUDA_VISIBLE_DEVICES']]") == ["cpu", ""]

    @pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="this machine has a GPU")
    def test_a_gpu_that_is_not_there_is_refused_and_never_replaced_by_the_cpu(self, start: Start) -> None:
        with pytest.raises(DeviceError, match="GPU 0"):
            start(device=Device(0))

    def test_what_the_model_prints_is_logged_and_disturbs_nothing(self, start: Start) -> None:
        talk = start()

        assert talk.ask(do="print") == {"printed": True}
        assert talk.ask(do="reverse", text="ab") == {"output": "ba"}
        talk.process.stop(5.0)
        log = "\n".join(talk.process.log_tail())
        for printed in (
            '{"repro":1,"id":1,"results":[]}',
            "half a line",
            "straight to the",
            "from a child",
            "to stderr",
        ):
            assert printed in log

    def test_the_log_holds_the_last_lines_only(self, start: Start) -> None:
        talk = start()

        talk.python("for number in range(1000): print('line', number)\nanswer = None")
        talk.process.stop(5.0)

        assert "line 999" in talk.process.log_tail()
        assert len(talk.process.log_tail()) < 100

    # -------------------------------------------------------------------------------------------------------- the end

    def test_closing_stdin_ends_it(self, start: Start) -> None:
        talk = start()

        talk.process.stop(30.0)

        assert talk.hear_the_end() == []
        assert talk.process.wait().code == 0

    @pytest.mark.parametrize("busy", ["hang", "c-call"])
    def test_closing_stdin_ends_it_in_the_middle_of_computing(self, start: Start, busy: str) -> None:
        talk = start()
        talk.say(1, {"do": busy})

        talk.process.stop(30.0)

        assert talk.process.wait().code == 0

    def test_one_that_does_not_heed_stdin_is_killed_after_the_grace(self, start: Start) -> None:
        talk = start(command=RAW, options={"behaviour": "hang"})
        talk.say(1, {})

        talk.process.stop(0.3)

        assert talk.hear_the_end() == []
        assert talk.process.wait().code == -9

    @pytest.mark.parametrize(("end", "code"), [("exit0", 0), ("kill9", -9), ("segfault", -11)])
    def test_how_it_died_is_told(self, start: Start, end: str, code: int) -> None:
        talk = start()

        talk.say(1, {"do": end})

        assert talk.hear_the_end() == []
        ended = talk.process.wait()
        assert (ended.code, ended.oom_killed) == (code, False)

    def test_sending_to_one_that_is_gone_raises_os_error(self, start: Start) -> None:
        talk = start()
        talk.say(1, {"do": "exit0"})
        talk.hear_the_end()
        talk.process.wait()

        with pytest.raises(OSError):
            for _ in range(100):  # the first ones may still find room in a buffer
                talk.process.send(b"x" * 100_000)

    def test_sending_to_one_that_was_stopped_raises_os_error(self, start: Start) -> None:
        talk = start()
        talk.process.stop(5.0)

        with pytest.raises(OSError):
            talk.process.send(b"{}\n")

    def test_stopping_twice_and_after_its_death_is_fine(self, start: Start) -> None:
        talk = start()
        talk.say(1, {"do": "kill9"})
        talk.hear_the_end()

        talk.process.stop(1.0)
        talk.process.stop(0.0)

        assert talk.process.wait().code == -9

    def test_a_thread_that_reads_comes_back_when_another_stops_it(self, start: Start) -> None:
        talk = start()

        talk.process.stop(0.0)

        talk.reader.join(timeout=10)
        assert not talk.reader.is_alive()

    def test_two_workers_share_nothing(self, start: Start) -> None:
        one, other = start(), start()
        one.python("open('/tmp/mine', 'w').close() if os.getcwd() == '/app' else open('mine', 'w').close(); answer = 1")

        seen = other.python("answer = os.path.exists('/tmp/mine' if os.getcwd() == '/app' else 'mine')")
        one.process.stop(0.0)

        assert seen is False
        assert other.ask(do="reverse", text="ab") == {"output": "ba"}

    def test_what_is_not_set_up_names_the_command_that_does_it(self, runtime: Runtime, tmp_path: Path) -> None:
        missing = ModelSpec("absent", tmp_path, "repro-tests/absent:1.0")

        with pytest.raises(NotSetUpError) as caught:
            self.without_interpreter(runtime).find(missing)

        assert f"repro setup absent --runtime {runtime.name}" in str(caught.value)

    def without_interpreter(self, runtime: Runtime) -> Runtime:
        """The runtime as it is where no interpreter is named for it."""
        return runtime
