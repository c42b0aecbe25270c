"""Data sets give the same digests and folds on the oldest interpreter as here, and travel into images."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from repro.cli import main
from repro.guest.assays import Dataset, make_split
from repro.images.context import collect
from tests.unit.assays.archives import MANIFEST, tiny
from tests.unit.interpreters import GUEST, INTERPRETERS, guest_beside

CSV = "mutant,mutated_sequence,DMS_score,DMS_score_bin\n" + "".join(
    f"K{at}A,{'K' * (at - 1)}A{'K' * (30 - at)},{at / 7},{at % 2}\n" for at in range(1, 31)
)
PROGRAM = """
import json, sys
from repro_guest.assays import Dataset, DatasetError, make_split
dataset = Dataset.from_path(sys.argv[1])
dataset = dataset.with_split("random").with_split("modulo").with_split("contiguous").with_split("train-valid-test")
print(json.dumps([dataset.digest, dataset.wild_type, {name: one.labels for name, one in dataset.splits.items()}]))
dataset.save(sys.argv[2])
"""


@pytest.mark.parametrize("python", INTERPRETERS)
def test_every_interpreter_reads_splits_and_writes_alike(tmp_path: Path, python: list[str]) -> None:
    source, target = tmp_path / "x.csv", tmp_path / "x.pgdata"
    source.write_text(CSV)
    guest_beside(tmp_path)
    command = [*python, "-c", PROGRAM, str(source), str(target)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    digest, wild_type, splits = json.loads(done.stdout)

    dataset = Dataset.from_path(source)
    for kind in ("random", "modulo", "contiguous", "train-valid-test"):
        dataset = dataset.with_split(make_split(kind, dataset))
    assert wild_type == "K" * 30
    assert splits == {name: split.labels for name, split in dataset.splits.items()}
    assert digest == dataset.digest
    assert Dataset.from_path(target).digest == dataset.digest


def test_all_modules_travel_into_an_image(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY repro_guest repro_guest\n")
    context = collect(tmp_path, ["repro_guest"])
    expected = {f"repro_guest/assays/{path.name}" for path in (GUEST / "assays").glob("*.py")}
    context.stage(tmp_path / "staged")

    assert {"repro_guest/assays/dataset.py", "repro_guest/assays/splits.py"} <= expected
    assert expected <= {file.name for file in context.files}
    assert (tmp_path / "staged/repro_guest/assays/__init__.py").is_file()


def test_a_changed_module_is_another_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = tmp_path / "guest"
    (guest / "assays").mkdir(parents=True)
    (guest / "assays" / "splits.py").write_text("one")
    monkeypatch.setattr("repro.images.context._guest", lambda: guest)
    before = collect(tmp_path, ["repro_guest"]).digest
    (guest / "assays" / "splits.py").write_text("two")

    assert collect(tmp_path, ["repro_guest"]).digest != before


def test_the_command_line_says_what_is_wrong_with_a_data_set_as_an_error_of_the_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tiny(tmp_path / "x.zip", manifest=MANIFEST.replace('"assays.csv"', '"scores.csv"'))
    monkeypatch.setattr("repro.cli.group.cli.main", lambda *_, **__: Dataset.from_path(path))

    assert main(["dataset", "info", str(path)]) == 3
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {path} has no scores.csv; it has manifest.toml, assays.csv\n")
    assert "do: put scores.csv into the archive" in said.err
    assert "Traceback" not in said.err
