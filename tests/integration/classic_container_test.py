"""DockerContainer: one command a container, for a run.py of any kind."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from repro.common.docker import DockerContainer
from repro.common.io import read_jsonl_file, write_to_jsonl
from repro.errors import CommandError, InputFileError, NotSetUpError, OutOfMemoryError
from repro.runtimes.base import Limits

RECORDS = [{"text": f"{number:03d}"} for number in range(100)]
ANSWERS = [{"output": f"{number:03d}"[::-1]} for number in range(100)]


def predict(image: str, script: str, behaviour: str, records: list[Any] = RECORDS) -> list[Any]:
    """What a wrapper of the tutorial's classic kind does."""
    with DockerContainer(image) as container:
        write_to_jsonl(records, Path(container.host_dir, "input.jsonl"))
        files = f"--input-file {container.container_dir}/input.jsonl --output-file {container.container_dir}/out.jsonl"
        container.run_command(f"python {script} {files} {behaviour}", network_disabled=True)
        return read_jsonl_file(Path(container.host_dir, "out.jsonl"))


class TestRunCommand:
    def test_a_command_finds_the_folder_and_leaves_files_there(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            Path(container.host_dir, "in.txt").write_text("abc")

            container.run_command(f"cat {container.container_dir}/in.txt > {container.container_dir}/out.txt && true")

            assert Path(container.host_dir, "out.txt").read_text() == "abc"
            assert Path(container.host_dir, "out.txt").stat().st_uid == os.getuid()
        assert not Path(container.host_dir).exists()

    def test_words_are_taken_as_they_are_without_a_shell(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            code = "import sys; open('/repro/data/out.txt', 'w').write(sys.argv[1])"

            container.run_command(["python3", "-c", code, "$HOME 'é' \n;"])

            assert Path(container.host_dir, "out.txt").read_text() == "$HOME 'é' \n;"

    def test_several_commands_may_use_one_folder(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            container.run_command("echo a > /repro/data/a")
            container.run_command("cat /repro/data/a /repro/data/a > /repro/data/b")

            assert Path(container.host_dir, "b").read_text() == "a\na\n"

    def test_a_status_other_than_0_raises_with_status_and_last_lines(self, base_image: str) -> None:
        with DockerContainer(base_image) as container, pytest.raises(CommandError, match="status 3") as caught:
            container.run_command("echo first; echo 'the reason: é' >&2; exit 3")

        assert caught.value.evidence.exit_code == 3
        assert caught.value.evidence.image == base_image
        assert "the reason: é" in caught.value.evidence.log_tail

    @pytest.mark.parametrize(("end", "code"), [("kill -9 $$", -9), ("kill -SEGV $$", -11), ("no-such-command", 127)])
    def test_how_it_ended_is_told(self, base_image: str, end: str, code: int) -> None:
        with DockerContainer(base_image) as container, pytest.raises(CommandError) as caught:
            container.run_command(end)

        assert caught.value.evidence.exit_code == code

    def test_want_of_memory_is_told_as_such(self, base_image: str) -> None:
        limits = Limits(memory_bytes=64 << 20)

        with DockerContainer(base_image, limits) as container, pytest.raises(OutOfMemoryError):
            container.run_command("python3 -c \"b = b'x' * (1 << 30)\"")

    def test_an_image_that_is_not_there_names_the_command_that_makes_it(self, base_image: str) -> None:
        with DockerContainer("repro-tests/absent:1.0") as container, pytest.raises(NotSetUpError, match="repro setup"):
            container.run_command("true")

    def test_it_has_no_network_unless_it_is_asked_for(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            container.run_command("ls /sys/class/net > /repro/data/without")
            container.run_command("ls /sys/class/net > /repro/data/with", network_disabled=False)

            assert Path(container.host_dir, "without").read_text().split() == ["lo"]
            assert "eth0" in Path(container.host_dir, "with").read_text()

    def test_it_is_as_safe_as_a_worker(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            container.run_command(
                "cp /proc/self/status /repro/data/status; touch /file 2>/dev/null && exit 9; id -u > /repro/data/uid"
            )

            status = Path(container.host_dir, "status").read_text()
            assert "NoNewPrivs:\t1" in status
            assert "CapEff:\t0000000000000000" in status
            assert int(Path(container.host_dir, "uid").read_text()) == os.getuid()

    def test_it_reads_an_empty_stdin(self, base_image: str) -> None:
        with DockerContainer(base_image) as container:
            container.run_command("wc -c > /repro/data/count")

            assert Path(container.host_dir, "count").read_text().strip() == "0"

    def test_what_it_prints_is_logged_line_by_line_whatever_the_pieces_that_it_comes_in(
        self, base_image: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "repro")

        with DockerContainer(base_image) as container:
            container.run_command(
                r"printf 'caf\303'; sleep 0.3; printf '\251 one\ntwo'; sleep 0.3; printf ' parts\n'", silent=False
            )

        assert [record.message for record in caplog.records if record.name == "repro"] == ["café one", "two parts"]

    def test_much_output_is_drained(self, base_image: str) -> None:
        with DockerContainer(base_image) as container, pytest.raises(CommandError) as caught:
            container.run_command("seq 200000; seq 200000 >&2; exit 1")

        assert caught.value.evidence.log_tail[-1] == "200000"


class TestClassicRunPy:
    def test_one_that_keeps_the_contract_gives_its_answers(self, misbehaving_image: str) -> None:
        assert predict(misbehaving_image, "run.raw.py", "--behaviour right") == ANSWERS

    def test_one_that_uses_the_guest_does_too(self, misbehaving_image: str) -> None:
        records = [{"do": "reverse", **record} for record in RECORDS]

        assert predict(misbehaving_image, "run.py", "", records) == ANSWERS

    def test_records_that_fail_stand_in_their_place(self, misbehaving_image: str) -> None:
        records = [{"do": "reverse", "text": "ab"}, {"do": "raise"}, {"do": "reverse", "text": "cd"}]

        found = predict(misbehaving_image, "run.py", "", records)

        assert found[0::2] == [{"output": "ba"}, {"output": "dc"}]
        assert found[1]["error"]["type"] == "ValueError"

    @pytest.mark.parametrize(("behaviour", "count"), [("too_few", 99), ("too_many", 101)])
    def test_too_few_or_too_many_rows_are_as_many_as_there_are(
        self, misbehaving_image: str, behaviour: str, count: int
    ) -> None:
        assert len(predict(misbehaving_image, "run.raw.py", f"--behaviour {behaviour}")) == count

    @pytest.mark.parametrize("do", ["too-few", "too-many"])
    def test_the_guest_refuses_to_write_too_few_or_too_many_rows(self, misbehaving_image: str, do: str) -> None:
        records = [{"do": "reverse", "text": "ab"}, {"do": do}]

        with pytest.raises(CommandError, match="status 1") as caught:
            predict(misbehaving_image, "run.py", "", records)

        assert "ContractError" in "\n".join(caught.value.evidence.log_tail)

    @pytest.mark.parametrize(
        ("behaviour", "said"),
        [
            ("garbage", "line 1 is no JSON"),
            ("half_a_line", "line 100 is no JSON"),
            ("exit0", "cannot be read: No such file"),
            ("not_utf8", "is not UTF-8"),
        ],
    )
    def test_an_output_that_is_none_is_told_with_file_and_line(
        self, misbehaving_image: str, behaviour: str, said: str
    ) -> None:
        with pytest.raises(InputFileError, match=said) as caught:
            predict(misbehaving_image, "run.raw.py", f"--behaviour {behaviour}")

        assert "out.jsonl" in caught.value.message

    def test_one_that_fails_is_told_with_what_it_printed(self, misbehaving_image: str) -> None:
        with pytest.raises(CommandError, match="status 3") as caught:
            predict(misbehaving_image, "run.raw.py", "--behaviour exit3")

        assert "the model is out of luck" in caught.value.evidence.log_tail

    @pytest.mark.parametrize(("do", "code"), [("exit0", 0), ("kill9", -9), ("segfault", -11)])
    def test_one_that_dies_in_the_middle_leaves_no_output(self, misbehaving_image: str, do: str, code: int) -> None:
        records = [{"do": "reverse", "text": "ab"}, {"do": do}]

        with pytest.raises((CommandError, InputFileError)) as caught:
            predict(misbehaving_image, "run.py", "", records)

        if code:
            assert isinstance(caught.value, CommandError)
            assert caught.value.evidence.exit_code == code

    def test_arrays_lie_beside_the_output(self, misbehaving_image: str) -> None:
        import numpy

        record = {"do": "arrays", "shape": [2, 3], "dtype": "float32", "name": "x"}
        with DockerContainer(misbehaving_image) as container:
            Path(container.host_dir, "in.jsonl").write_text(json.dumps(record) + "\n")
            container.run_command("python run.py --input-file /repro/data/in.jsonl --output-file /repro/data/out.jsonl")

            (row,) = read_jsonl_file(Path(container.host_dir, "out.jsonl"))
            array = numpy.load(Path(container.host_dir, row["array"]["$npy"]))

        assert array.shape == (1, 2, 3)
        assert array.ravel().tolist() == list(range(6))

    def test_ping_prints_pong(self, misbehaving_image: str) -> None:
        with DockerContainer(misbehaving_image) as container:
            container.run_command("python run.py ping > /repro/data/out")

            assert Path(container.host_dir, "out").read_text() == "pong\n"
