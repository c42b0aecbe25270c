"""run.py as a person, or a host, calls it: with this interpreter, without any package, and with Python 3.7."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.guest import Runner
from repro.guest.results import ContractError
from tests.unit.interpreters import INTERPRETERS, guest_beside

RUN_PY = '''
import os, sys, time
from repro_guest import Runner

class Model(Runner):
    """Reverses text, or does what a record says."""
    batch_size = 4

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--suffix", default="")
        parser.add_argument("--load", default="")

    def load(self, options):
        if options.load:
            exec(options.load)

    def predict(self, records):
        for record in records:
            if "code" in record:
                names = {"self": self, "os": os, "sys": sys, "time": time, "records": records, "answer": None}
                exec(record["code"], names)
                yield {"answer": names["answer"]}
            elif record["text"] is None:
                continue
            else:
                yield {"output": record["text"][::-1] + self.options.suffix}

if __name__ == "__main__":
    Model.main()
'''


class Script:
    """A folder with a run.py and the guest beside it."""

    def __init__(self, interpreter: list[str], folder: Path) -> None:
        self.folder = folder
        self._interpreter = interpreter
        (folder / "run.py").write_text(RUN_PY)
        (folder / "in").mkdir()
        (folder / "out").mkdir()
        guest_beside(folder)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self._command(arguments), cwd=self.folder, capture_output=True, text=True, check=False)

    def predict(self, records: list[Any] | str, *arguments: str) -> subprocess.CompletedProcess[str]:
        text = records if isinstance(records, str) else "".join(json.dumps(record) + "\n" for record in records)
        (self.folder / "in.jsonl").write_text(text)
        return self.run("--input-file", "in.jsonl", "--output-file", "out.jsonl", *arguments)

    def rows(self) -> list[Any]:
        return [json.loads(line) for line in (self.folder / "out.jsonl").read_text().splitlines()]

    def serve(self, **options: Any) -> subprocess.Popen[bytes]:
        words = ["serve", "--input-dir", "in", "--output-dir", "out", "--options", json.dumps(options)]
        return subprocess.Popen(
            self._command(words), cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def _command(self, arguments: Any) -> list[str]:
        return [*self._interpreter, "run.py", *arguments]


@pytest.fixture(params=INTERPRETERS)
def script(request: pytest.FixtureRequest, tmp_path: Path) -> Script:
    return Script(request.param, tmp_path)


class TestOneShot:
    @pytest.mark.parametrize("form", [[], ["predict"]])
    def test_a_line_in_is_a_line_out_in_order(self, script: Script, form: list[str]) -> None:
        (script.folder / "in.jsonl").write_text("".join(f'{{"text": "{n:03d}"}}\n' for n in range(50)))

        done = script.run(*form, "--input-file", "in.jsonl", "--output-file", "out.jsonl", "--suffix", "!")

        assert done.returncode == 0, done.stderr
        assert script.rows() == [{"output": f"{n:03d}"[::-1] + "!"} for n in range(50)]

    def test_ping_prints_pong(self, script: Script) -> None:
        assert script.run("ping").stdout == "pong\n"

    def test_an_empty_file_gives_an_empty_file(self, script: Script) -> None:
        assert script.predict([]).returncode == 0
        assert script.rows() == []

    def test_a_record_that_fails_has_its_error_in_its_place(self, script: Script) -> None:
        records = [{"text": "ab"}, {"code": "raise ValueError('é: no')"}, {"text": "cd"}]

        assert script.predict(records).returncode == 0

        rows = script.rows()
        assert rows[0::2] == [{"output": "ba"}, {"output": "dc"}]
        assert (rows[1]["error"]["type"], rows[1]["error"]["message"]) == ("ValueError", "é: no")
        assert "in predict" in rows[1]["error"]["traceback"]

    @pytest.mark.parametrize("behind", [0, 1, 7])
    def test_too_few_results_are_an_error_and_there_is_no_output(self, script: Script, behind: int) -> None:
        done = script.predict([{"text": "ab"}, {"text": None}, *[{"text": "cd"}] * behind])

        assert done.returncode == 1
        assert "ContractError: predict gave" in done.stderr
        assert sorted(path.name for path in script.folder.iterdir()) == [
            "in",
            "in.jsonl",
            "out",
            "repro_guest",
            "run.py",
        ]

    @pytest.mark.parametrize("end", ["sys.exit(3)", "os.kill(os.getpid(), 9)", "raise KeyboardInterrupt"])
    def test_an_output_appears_only_when_it_is_complete(self, script: Script, end: str) -> None:
        (script.folder / "out.jsonl").write_text("what was there before\n")

        done = script.predict([*[{"text": "ab"}] * 9, {"code": end}])

        assert done.returncode != 0
        assert (script.folder / "out.jsonl").read_text() == "what was there before\n"

    @pytest.mark.parametrize(
        "text", ['{"text": "ab"}\nnonsense\n', '{"text": "ab"}\n{"text": "a', '{"text": "ab"}\n\n']
    )
    def test_a_line_that_is_no_json_is_told_with_its_number(self, script: Script, text: str) -> None:
        done = script.predict(text)

        assert done.returncode == 1
        assert "in.jsonl: line 2 is no JSON" in done.stderr

    def test_line_ends_of_windows_are_taken(self, script: Script) -> None:
        assert script.predict('{"text": "ab"}\r\n{"text": "cd"}\r\n').returncode == 0
        assert script.rows() == [{"output": "ba"}, {"output": "dc"}]

    def test_an_option_that_it_does_not_have_is_refused(self, script: Script) -> None:
        assert script.predict([], "--temperature", "1").returncode == 2

    def test_the_device_is_the_cpu_unless_a_gpu_is_asked_for(self, script: Script) -> None:
        script.predict([{"code": "answer = self.device"}])

        assert script.rows() == [{"answer": "cpu"}]

    @pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has a GPU")
    def test_a_gpu_that_is_not_there_is_told_and_never_replaced_by_the_cpu(self, script: Script) -> None:
        done = script.predict([{"code": "answer = self.device"}], "--device", "cuda")

        assert done.returncode == 1
        assert "NoGpuError: no GPU is to be seen here" in done.stderr

    def test_the_model_gets_the_size_of_batches_that_it_asks_for(self, script: Script) -> None:
        script.predict([{"code": "answer = len(records)"}] * 10)

        assert [row["answer"] for row in script.rows()] == [4] * 8 + [2] * 2


class Conversation:
    """A run.py that serves, and has said that it is ready."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def hear(self) -> Any:
        assert self.process.stdout is not None
        line = b"\n"
        while line == b"\n":
            line = self.process.stdout.readline()
        return json.loads(line)

    def say(self, *records: Any, number: int = 1, **rest: Any) -> None:
        self.write(json.dumps({"repro": 1, "id": number, "records": records, **rest}).encode() + b"\n")

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ask(self, *records: Any, **rest: Any) -> Any:
        self.say(*records, **rest)
        return self.hear()

    def end(self) -> tuple[int, str]:
        """Close stdin; the exit status and what was printed, when it has ended."""
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said.decode()


class TestServe:
    @pytest.fixture
    def talk(self, script: Script) -> Iterator[Conversation]:
        talk = Conversation(script.serve(suffix="!"))
        assert talk.hear() == {"repro": 1, "ready": True}
        yield talk
        talk.process.kill()
        with talk.process:  # closes the pipes
            pass

    def test_a_batch_gets_its_answers(self, talk: Conversation) -> None:
        found = talk.ask({"text": "ab"}, {"text": "cd"}, number=7)

        assert found == {"repro": 1, "id": 7, "results": [{"output": "ba!"}, {"output": "dc!"}]}

    def test_it_ends_when_stdin_closes(self, talk: Conversation) -> None:
        assert talk.end() == (0, "")

    @pytest.mark.parametrize("busy", ["time.sleep(300)", "while True: pass"])
    def test_it_ends_in_the_middle_of_a_batch_when_stdin_closes(self, talk: Conversation, busy: str) -> None:
        talk.say({"code": busy})
        time.sleep(0.3)

        assert talk.end()[0] == 0

    def test_it_ends_though_the_host_was_killed_in_the_middle_of_a_line(self, talk: Conversation) -> None:
        talk.write(b'{"repro":1,"id":1,"records":[{"te')

        code, said = talk.end()

        assert code == 0
        assert said == ""

    def test_it_ends_though_nobody_reads_its_answers(self, talk: Conversation) -> None:
        assert talk.process.stdout is not None
        talk.process.stdout.close()
        talk.say({"text": "ab"})
        assert talk.process.stdin is not None
        talk.process.stdin.close()

        assert talk.process.wait(timeout=30) == 0

    def test_an_option_of_a_call_holds_for_that_call(self, talk: Conversation) -> None:
        assert talk.ask({"text": "ab"}, options={"suffix": "?"})["results"] == [{"output": "ba?"}]
        assert talk.ask({"text": "ab"})["results"] == [{"output": "ba!"}]

    def test_an_option_that_is_not_known_is_an_error_of_the_call(self, talk: Conversation) -> None:
        error = talk.ask({"text": "ab"}, options={"temperature": 1})["error"]

        assert error["type"] == "ContractError"
        assert "run.py has no option 'temperature'; it has: " in error["message"]
        assert talk.ask({"text": "ab"})["results"] == [{"output": "ba!"}]

    @pytest.mark.parametrize("records", [[{"text": None}], [{"text": "ab"}, {"text": None}, {"code": "1/0"}]])
    def test_too_few_results_are_an_error_of_the_batch(self, talk: Conversation, records: list[Any]) -> None:
        assert talk.ask(*records)["error"]["type"] == "ContractError"
        assert talk.ask({"text": "ab"})["results"] == [{"output": "ba!"}]

    def test_the_model_reads_an_empty_stdin(self, talk: Conversation) -> None:
        assert talk.ask({"code": "answer = sys.stdin.read()"})["results"] == [{"answer": ""}]

    def test_what_the_model_prints_goes_to_the_log(self, talk: Conversation) -> None:
        code = "print('one'); os.write(1, b'two\\n'); os.system('echo three'); sys.stderr.write('four\\n')"

        assert talk.ask({"code": code})["results"] == [{"answer": None}]
        assert sorted(talk.end()[1].split()) == ["four", "one", "three", "two"]

    def test_a_large_answer_comes_in_a_file(self, talk: Conversation, script: Script) -> None:
        found = talk.ask({"code": "answer = 'x' * 100_000"}, number=5)

        assert found == {"repro": 1, "id": 5, "output": "5.jsonl"}
        assert json.loads((script.folder / "out" / "5.jsonl").read_text()) == {"answer": "x" * 100_000}

    def test_a_batch_may_come_in_a_file(self, talk: Conversation, script: Script) -> None:
        (script.folder / "in" / "3.jsonl").write_text('{"text":"ab"}\n')

        talk.write(b'{"repro":1,"id":3,"input":"3.jsonl"}\n')

        assert talk.hear()["results"] == [{"output": "ba!"}]

    def test_a_batch_whose_file_is_not_there_is_an_error_of_that_batch(self, talk: Conversation) -> None:
        talk.write(b'{"repro":1,"id":3,"input":"3.jsonl"}\n')

        assert "cannot be read" in talk.hear()["error"]["message"]
        assert talk.ask({"text": "ab"})["results"] == [{"output": "ba!"}]

    def test_a_ping_says_what_it_is(self, talk: Conversation) -> None:
        talk.write(b'{"repro":1,"id":3,"ping":true}\n')

        pong = talk.hear()["pong"]
        assert pong["device"] == "cpu"
        assert pong["options"] == {"suffix": "!", "load": ""}
        assert pong["python"].startswith("3.")

    def test_a_model_that_cannot_be_loaded_says_so_and_ends(self, script: Script) -> None:
        talk = Conversation(script.serve(load="raise OSError('no weights')"))

        message = talk.hear()

        assert message["ready"] is False
        assert (message["error"]["type"], message["error"]["message"]) == ("OSError", "no weights")
        code, said = talk.end()
        assert code == 1
        assert "OSError: no weights" in said

    def test_it_ends_while_it_loads_when_stdin_closes(self, script: Script) -> None:
        talk = Conversation(script.serve(load="print('loading'); time.sleep(300)"))
        assert talk.process.stderr is not None
        assert talk.process.stderr.readline() == b"loading\n"

        assert talk.end()[0] == 0

    def test_batches_sent_ahead_are_answered_in_order(self, talk: Conversation) -> None:
        for number in range(100):
            talk.say({"text": str(number)}, number=number)

        assert [talk.hear()["id"] for _ in range(100)] == list(range(100))


# ------------------------------------------------------------------------------------------------ who is to blame


class Picky(Runner):
    """Fails for some records: before it gives a result of the batch, or when it comes to the record."""

    def __init__(self, eager: bool) -> None:
        self.eager = eager
        self.computed: list[int] = []

    def predict(self, records: list[Any]) -> Iterator[Any]:
        if self.eager:
            for record in records:
                self.refuse(record)
        for record in records:
            self.refuse(record)
            self.computed.append(record["number"])
            yield KeyError("yielded") if record["kind"] == "yielded" else {"number": record["number"]}

    def refuse(self, record: Any) -> None:
        if record["kind"] == "raised":
            raise ValueError(record["number"])


@given(kinds=st.lists(st.sampled_from(["good", "good", "raised", "yielded"]), max_size=40), eager=st.booleans())
def test_every_record_has_its_own_result_or_its_own_error_in_order(kinds: list[str], eager: bool) -> None:
    runner = Picky(eager)
    found: list[Any] = []

    if kinds:
        runner.answer([{"number": number, "kind": kind} for number, kind in enumerate(kinds)], found.append)

    assert len(found) == len(kinds)
    for number, (kind, result) in enumerate(zip(kinds, found, strict=True)):
        if kind == "good":
            assert result == {"number": number}
        else:
            assert type(result) is (ValueError if kind == "raised" else KeyError)
    assert sorted(runner.computed) == [number for number, kind in enumerate(kinds) if kind != "raised"]


@pytest.mark.parametrize("more", [-2, -1, 1, 2])
def test_a_wrong_number_of_results_is_blamed_on_no_record(more: int) -> None:
    class Wrong(Runner):
        def predict(self, records: list[Any]) -> list[Any]:
            return [{}] * (len(records) + more)

    with pytest.raises(ContractError, match="results for 3 records"):
        Wrong().answer([{}] * 3, lambda result: None)


@pytest.mark.parametrize("given_back", [None, 7])
def test_a_predict_that_gives_nothing_fails_for_each_record(given_back: Any) -> None:
    class Nothing(Runner):
        def predict(self, records: list[Any]) -> Any:
            return given_back

    found: list[Any] = []

    Nothing().answer([{}] * 3, found.append)

    assert [type(error) for error in found] == [TypeError] * 3


def test_an_exception_after_the_last_result_is_blamed_on_no_record(capsys: pytest.CaptureFixture[str]) -> None:
    class Late(Runner):
        def predict(self, records: list[Any]) -> Iterator[Any]:
            yield from ({} for _ in records)
            raise RuntimeError("while tidying up")

    found: list[Any] = []

    Late().answer([{}] * 3, found.append)

    assert found == [{}] * 3
    assert "while tidying up" in capsys.readouterr().err
