"""`repro rerun`: an output made again, on another day, in another folder, from an input or by a model that changed."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from repro.provenance import read_manifest
from tests.unit.cli.conftest import Repro
from tests.unit.cli.predict_test import names_here, read_jsonl, write_jsonl

pytestmark = pytest.mark.usefixtures("moody")
FORMATS = ["jsonl", "csv", "parquet", "npz"]  # how rows of each are compared: tests/unit/provenance
RECORDS: list[dict[str, object]] = [{"id": str(number), "text": f"you {number}"} for number in range(20)]
Edit = Callable[[str, Callable[[Any], object]], None]


@pytest.fixture
def made(repro: Repro) -> Callable[..., Path]:
    """Makes an output of the model `moody`."""

    def make(output: str = "out.jsonl", *words: str) -> Path:
        write_jsonl("in.jsonl", RECORDS)
        ran = repro("predict", "moody", "in.jsonl", "-o", output, *words)
        assert ran.code in (0, 8), ran.err
        return Path(output)

    return make


@pytest.fixture
def edit() -> Edit:
    """Changes a manifest as somebody would by hand."""

    def change(path: str, how: Callable[[Any], object]) -> None:
        data = json.loads(Path(path).read_text())
        how(data)
        Path(path).write_text(json.dumps(data))

    return change


@pytest.fixture
def model_code(tmp_path: Path) -> Path:
    return tmp_path / "packages" / "moody" / "container" / "src" / "run.py"


def sums(rows: list[dict[str, object]]) -> list[object]:
    return [row["said"] for row in rows]


class TestTheSame:
    @pytest.mark.parametrize("format", FORMATS)
    def test_output_comes_out_byte_for_byte(self, repro: Repro, made: Callable[..., Path], format: str) -> None:
        output = made(f"out.{format}")
        before = output.read_bytes()
        ran = repro("rerun", output)
        assert ran.code == 0, ran.err
        assert "nothing that is known of is different now" in ran.out
        assert "the same: byte for byte" in ran.out
        assert output.read_bytes() == before
        assert names_here() == ["in.jsonl", f"out.{format}", f"out.{format}.repro.json"]

    def test_manifest_may_be_named_in_place_of_the_output(self, repro: Repro, made: Callable[..., Path]) -> None:
        made()
        assert repro("rerun", "out.jsonl.repro.json").code == 0

    def test_all_options_of_the_run_are_taken_over(self, repro: Repro, made: Callable[..., Path]) -> None:
        words = ["--greeting", "dear", "--loud", "--limit", "7", "--batch-size", "3"]
        made("out.jsonl", *words, "--map", "text=id", "--map", "other=text", "--tone", "high", "--no-steps")
        ran = repro("rerun", "out.jsonl", "-o", "again.jsonl")
        assert ran.code == 0, ran.err
        then, now = read_manifest("out.jsonl.repro.json"), read_manifest("again.jsonl.repro.json")
        assert now.made_by == then.made_by
        assert now.run == then.run
        assert (now.made_by.batch_size, now.run.limit) == (3, 7)
        assert read_jsonl("again.jsonl")[0]["said"] == "DEAR 0"

    def test_records_that_fail_fail_again(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}, {"text": "raise"}])
        assert repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return").code == 8
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 0, ran.err
        assert "the same" in ran.out

    def test_from_another_folder(
        self, repro: Repro, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        Path("results").mkdir()
        output = made("results/out.jsonl").absolute()
        monkeypatch.chdir(tmp_path)
        ran = repro("rerun", output)
        assert ran.code == 0, ran.err

    def test_weights_that_were_named_are_found_from_another_folder_and_told_when_they_change(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model_code: Path
    ) -> None:
        config = model_code.parents[1] / "config.yaml"
        config.write_text("models:\n  calm:\n    files:\n      - url: https://example.org/calm.pt\n")
        model_code.write_text(model_code.read_text().replace('("tone", "low")', '("tone", "low"), ("variant", "")'))
        Path("mine.pt").write_bytes(b"1")
        write_jsonl("in.jsonl", RECORDS)
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--weights", "mine.pt")
        assert ran.code == 0, ran.err
        manifest = read_manifest("out.jsonl.repro.json")
        assert (manifest.made_by.model.variant, manifest.run.keywords) == ("calm", {"weights": "mine.pt"})
        Path("mine.pt").write_bytes(b"2")
        output = Path("out.jsonl").absolute()
        monkeypatch.chdir(tmp_path)
        ran = repro("rerun", output)
        assert ran.code == 0, ran.err
        assert "weights.mine.pt  6b86b273" in ran.out

    def test_input_that_moved_is_named(self, repro: Repro, made: Callable[..., Path]) -> None:
        made()
        Path("in.jsonl").rename("moved.txt")
        refused, ran = repro("rerun", "out.jsonl"), repro("rerun", "out.jsonl", "--input", "moved.txt")
        assert refused.code == 3
        assert "do: say where it is now: --input PATH" in refused.err
        assert ran.code == 0, ran.err

    def test_output_that_is_gone_is_known_by_its_hash(self, repro: Repro, made: Callable[..., Path]) -> None:
        made().unlink()
        ran = repro("rerun", "out.jsonl.repro.json")
        assert ran.code == 0, ran.err
        assert "only the hash" in ran.err

    def test_json(self, repro: Repro, made: Callable[..., Path]) -> None:
        made()
        report = json.loads(repro("rerun", "out.jsonl", "--json").out)
        assert (report["verdict"], report["is_same"], report["changes"]) == ("same bytes", True, [])

    def test_same_values_in_other_bytes(self, repro: Repro, made: Callable[..., Path], edit: Edit) -> None:
        output = made("out.parquet")
        # What another version of the library would have written.
        pq.write_table(pq.read_table(output), output, compression="none")
        import hashlib

        digest = hashlib.sha256(output.read_bytes()).hexdigest()
        edit("out.parquet.repro.json", lambda data: data["output"].update(sha256=digest))
        ran = repro("rerun", "out.parquet")
        assert ran.code == 0, ran.out
        assert "the same values, in other bytes" in ran.out


class TestDifferent:
    def test_models_code_that_changed_is_told_before_and_after(
        self, repro: Repro, made: Callable[..., Path], model_code: Path
    ) -> None:
        made()
        code = model_code.read_text()
        model_code.write_text(code.replace('"weight_given": record.get("weight")', '"weight_given": 0.5'))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 10
        assert "environment.identity  interpreter:" in ran.out
        assert "20 of 20 rows (weight_given in 20)" in ran.out
        assert read_jsonl("out.jsonl")[0]["weight_given"] is None

    @pytest.mark.parametrize("format", FORMATS)
    def test_numbers_that_differ_are_told_with_row_and_distance(
        self, repro: Repro, made: Callable[..., Path], model_code: Path, format: str
    ) -> None:
        write_jsonl("in.jsonl", [{"id": str(n), "text": "you", "weight": n} for n in range(5)])
        assert repro("predict", "moody", "in.jsonl", "-o", f"out.{format}").code == 0
        code = model_code.read_text()
        changed = code.replace('record.get("weight")', '(record["weight"] + (7 if record["weight"] == 3 else 0))')
        model_code.write_text(changed)
        ran = repro("rerun", f"out.{format}")
        assert ran.code == 10
        (line,) = [line for line in ran.out.splitlines() if "weight_given" in line and not line.startswith("different")]
        words = line.split()
        assert [words[0], words[-1], float(words[-3]), float(words[-2])] == ["3", "7", 3.0, 10.0]
        assert "different: 1 of 5 rows (weight_given in 1, by up to 7)" in ran.out

    def test_what_comes_out_is_kept_where_it_is_wanted(
        self, repro: Repro, made: Callable[..., Path], model_code: Path
    ) -> None:
        made()
        model_code.write_text(model_code.read_text().replace("said.upper()", "said").replace('+ " " +', '+ "-" +'))
        ran = repro("rerun", "out.jsonl", "-o", "again.jsonl")
        assert ran.code == 10
        assert sums(read_jsonl("out.jsonl"))[0] == "hello you 0"
        assert sums(read_jsonl("again.jsonl"))[0] == "hello-you 0"
        assert "what came out is in again.jsonl" in ran.out

    def test_parameter_that_was_edited_gives_other_rows(
        self, repro: Repro, made: Callable[..., Path], edit: Edit
    ) -> None:
        made()
        edit("out.jsonl.repro.json", lambda data: data["made_by"]["parameters"].update(loud=True))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 10
        assert "said in 20" in ran.out

    def test_version_that_was_another_one_is_shown(self, repro: Repro, made: Callable[..., Path], edit: Edit) -> None:
        made()
        edit("out.jsonl.repro.json", lambda data: data["worker"]["packages"].update(numpy="1.0.0"))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 0
        assert "worker.packages.numpy  1.0.0" in ran.out

    def test_output_that_was_changed_can_be_told_by_its_hash_alone(
        self, repro: Repro, made: Callable[..., Path], model_code: Path
    ) -> None:
        made().write_text("{}\n")
        model_code.write_text(model_code.read_text().replace('+ " " +', '+ "-" +'))
        ran = repro("rerun", "out.jsonl", "--json")
        report = json.loads(ran.out)
        assert (ran.code, report["verdict"], report["original"]) == (10, "not comparable", None)
        assert "was changed" in report["notes"][0]


class TestWhatIsRefused:
    def test_input_that_changed(self, repro: Repro, made: Callable[..., Path]) -> None:
        made()
        write_jsonl("in.jsonl", RECORDS[:-1])
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 3
        assert "in.jsonl is not the input of out.jsonl.repro.json any more" in ran.err
        assert "starting" not in ran.err

    def test_records_that_came_from_standard_input(self, repro: Repro, program: Repro) -> None:
        assert program("predict", "moody", "-", "-o", "out.jsonl", stdin='{"text": "you"}\n').code == 0
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 2
        assert "its records came from standard input" in ran.err

    @pytest.mark.parametrize("output", ["out.jsonl", "./out.jsonl", "link.jsonl", "out.jsonl.repro.json", "in.jsonl"])
    def test_nothing_of_then_is_overwritten(self, repro: Repro, made: Callable[..., Path], output: str) -> None:
        made()
        Path("link.jsonl").symlink_to("out.jsonl")
        before = {path: path.read_bytes() for path in Path().iterdir()}
        ran = repro("rerun", "out.jsonl", "-o", output)
        assert ran.code == 2
        assert {path: path.read_bytes() for path in Path().iterdir()} == before

    @pytest.mark.parametrize(("output", "told"), [("-", "into a file"), ("again.csv", "would be jsonl")])
    def test_output_of_another_kind(self, repro: Repro, made: Callable[..., Path], output: str, told: str) -> None:
        made()
        ran = repro("rerun", "out.jsonl", "-o", output)
        assert ran.code == 2
        assert told in ran.err

    def test_model_that_is_not_installed_is_told_with_its_package(
        self, repro: Repro, made: Callable[..., Path], edit: Edit
    ) -> None:
        made()
        edit("out.jsonl.repro.json", lambda data: data["made_by"]["model"].update(name="gone-model"))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 2
        assert "do: pip install moody==1.0" in ran.err

    def test_option_that_the_model_has_no_more(self, repro: Repro, made: Callable[..., Path], edit: Edit) -> None:
        made()
        edit("out.jsonl.repro.json", lambda data: data["made_by"]["parameters"].update(volume=11))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 2
        assert "volume" in ran.err

    @pytest.mark.parametrize("key", ["options", "parameters"])
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("network", True),
            ("mounts", {"/": "/host"}),
            ("image", "somebody/else:1.0"),
            ("runtime", "local"),
            ("device", 7),
            ("memory", "1g"),
            ("weights", "/etc"),
            ("start_timeout_s", 1e9),
            ("self", 1),
        ],
    )
    def test_manifest_that_sets_more_than_the_models_own_options(
        self, repro: Repro, made: Callable[..., Path], edit: Edit, key: str, name: str, value: object
    ) -> None:
        """A manifest may come from a stranger: it must not open this machine to the worker."""
        made()
        edit("out.jsonl.repro.json", lambda data: data["made_by"][key].update({name: value}))
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 2
        assert f"out.jsonl.repro.json: the key made_by.{key}.{name}: moody-model declares no such option" in ran.err
        assert "starting" not in ran.err

    def test_weights_that_the_manifest_wants_are_told_before_anything_starts(
        self, repro: Repro, made: Callable[..., Path], edit: Edit
    ) -> None:
        made()
        edit("out.jsonl.repro.json", lambda data: data["run"]["keywords"].update(weights="/etc"))
        ran = repro("rerun", "out.jsonl")
        assert "the manifest wants the weights /etc" in ran.err

    def test_secret_that_was_not_written_down(
        self, repro: Repro, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_open_sesame")
        made("out.jsonl", "--greeting", "hf_open_sesame")
        ran = repro("rerun", "out.jsonl")
        assert ran.code == 2
        assert "the value of 'greeting' is a secret" in ran.err

    def test_engine_that_does_not_answer(self, repro: Repro, made: Callable[..., Path]) -> None:
        made()
        assert repro("rerun", "out.jsonl", "--runtime", "docker").code == 5

    def test_gpu_that_is_not_there(
        self, repro: Repro, made: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made()
        monkeypatch.setenv("PATH", "/nowhere")
        assert repro("rerun", "out.jsonl", "--device", "0").code == 6

    def test_file_that_is_no_manifest(self, repro: Repro) -> None:
        Path("notes.repro.json").write_text("{}")
        ran = repro("rerun", "notes.repro.json")
        assert ran.code == 3
        assert "the key repro_manifest is missing" in ran.err


class TestManifest:
    def test_it_says_what_made_the_output(self, made: Callable[..., Path]) -> None:
        made("out.csv", "--greeting", "dear", "--loud")
        manifest = read_manifest("out.csv.repro.json")
        made_by, worker = manifest.made_by, manifest.worker
        assert (made_by.model.name, made_by.model.package, made_by.model.package_version) == (
            "moody-model",
            "moody",
            "1.0",
        )
        assert (made_by.options, made_by.parameters["loud"]) == ({"greeting": "dear"}, True)
        assert worker is not None
        assert (worker.device, worker.python) == ("cpu", sys.version.split()[0])
        assert worker.options["greeting"] == "dear"
        assert worker.packages
        assert worker.threads["usable"] >= 1
        assert (manifest.records.total, manifest.records.failed, manifest.input.path) == (20, 0, "in.jsonl")
        assert manifest.started <= manifest.ended

    def test_hashes_are_those_of_the_files(self, made: Callable[..., Path]) -> None:
        made()
        manifest = read_manifest("out.jsonl.repro.json")
        for file in (manifest.input, manifest.output):
            ran = subprocess.run(["sha256sum", file.path], capture_output=True, text=True, check=True)
            assert ran.stdout.split()[0] == file.sha256
            assert file.bytes == Path(file.path).stat().st_size

    def test_standard_output_has_none(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", RECORDS)
        assert repro("predict", "moody", "in.jsonl", "-o", "-").code == 0
        assert names_here() == ["in.jsonl"]

    def test_pipe_has_none(self, program: Repro) -> None:
        write_jsonl("in.jsonl", RECORDS)
        os.mkfifo("pipe.jsonl")
        with subprocess.Popen(["cat", "pipe.jsonl"], stdout=subprocess.PIPE) as reader:
            assert program("predict", "moody", "in.jsonl", "-o", "pipe.jsonl").code == 0
            assert reader.stdout is not None
            assert len(reader.stdout.read().splitlines()) == 20
        assert names_here() == ["in.jsonl", "pipe.jsonl"]

    def test_run_that_was_gone_on_with_tells_who_computed_which_rows(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", [{"text": "you"}] * 20 + [{"text": "raise"}] + [{"text": "me"}] * 5)
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--on-error", "return", "--resume")
        manifest = read_manifest("out.jsonl.repro.json")
        assert (manifest.records.total, manifest.records.resumed, manifest.records.failed) == (26, 20, 1)
        assert [stint.first for stint in manifest.resumed] == [0]
        assert manifest.resumed[0].worker == manifest.worker
        assert repro("rerun", "out.jsonl").code == 0

    def test_who_was_it_must_not_stand_in_it(
        self, program: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "ada.lovelace"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "python").symlink_to(sys.executable)
        (home / "in.jsonl").write_text('{"text": "you"}\n')
        secrets = {"HF_TOKEN": "hf_open_sesame", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI", "DB_PASSWORD": "hunter22"}
        environ = {"HOME": str(home), "USER": "ada.lovelace", "LOGNAME": "ada.lovelace", **secrets}
        python = str(home / "bin" / "python")
        words = ["predict", "moody", "in.jsonl", "-o", "out.jsonl", "--greeting", "hello to hf_open_sesame"]
        monkeypatch.chdir(home)
        ran = program(*words, **environ, REPRO_LOCAL_PYTHON=python)
        assert ran.code == 0, ran.err
        text = (home / "out.jsonl.repro.json").read_text()
        for hidden in ("ada.lovelace", str(tmp_path), os.uname().nodename, *secrets.values(), *secrets):
            assert hidden not in text
        if getpass.getuser() != "root":  # a word that stands for much else
            assert getpass.getuser() not in text

    def test_paths_stand_as_they_were_given(self, repro: Repro, tmp_path: Path) -> None:
        given = tmp_path / "work" / ".." / "in.jsonl"
        write_jsonl(str(given), RECORDS)
        repro("predict", "moody", str(given), "-o", "./out.jsonl")
        manifest = read_manifest("out.jsonl.repro.json")
        assert (manifest.input.path, manifest.output.path) == (str(given), "./out.jsonl")

    def test_input_that_changed_while_it_was_read_is_not_vouched_for(
        self, repro: Repro, model_code: Path, tmp_path: Path
    ) -> None:
        write_jsonl("in.jsonl", RECORDS)
        target = tmp_path / "work" / "in.jsonl"
        model_code.write_text(
            model_code.read_text().replace(
                "options = self.options", f"options = self.options; open({str(target)!r}, 'a').write('\\n')"
            )
        )
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 0
        assert "in.jsonl changed while it was read" in ran.err
        assert read_manifest("out.jsonl.repro.json").input.sha256 is None
        assert "changed while it was read" in repro("rerun", "out.jsonl").err

    def test_run_that_is_killed_between_the_two_names_is_gone_on_with(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", RECORDS)
        program = """
import os, pathlib, sys
renamed = pathlib.Path.replace
def killed_after(self, target):
    renamed(self, target)
    if str(target).endswith(".repro.json"):
        os._exit(9)
pathlib.Path.replace = killed_after
from repro.cli import main
main(["predict", "moody", "in.jsonl", "-o", "out.jsonl"])
"""
        assert subprocess.run([sys.executable, "-c", program], check=False, capture_output=True).returncode == 9
        assert Path("out.jsonl.repro.json").exists()
        assert not Path("out.jsonl").exists()
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--resume")
        assert ran.code == 0
        assert names_here() == ["in.jsonl", "out.jsonl", "out.jsonl.repro.json"]
        manifest = read_manifest("out.jsonl.repro.json")
        assert (manifest.records.resumed, manifest.resumed) == (20, ())
        assert manifest.worker is not None
        assert repro("rerun", "out.jsonl").code == 0

    def test_place_that_is_taken_is_told_before_anything_starts(self, repro: Repro) -> None:
        write_jsonl("in.jsonl", RECORDS)
        Path("out.jsonl.repro.json").mkdir()
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl")
        assert ran.code == 9
        assert "out.jsonl.repro.json is a folder" in ran.err
        assert "starting" not in ran.err
