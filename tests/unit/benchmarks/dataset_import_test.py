"""Data sets out of wheels, and the example that was made of one."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from repro.benchmarks.proteingym import Dataset, find_dataset, published
from repro.benchmarks.proteingym.examples import EXAMPLES, example_path
from repro.cli import main
from repro.errors import InputFileError
from tests.wheel_index import make_index

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "tests" / "data" / "proteingym" / "DMS_substitutions.csv"
TABLE = "set,dist,y,dy,x\ntraining,1,0.5,0.1,MKA\nvalidation,1,-1.5,0.2,MRV\ntest,2,2,0.1,AKA\ntest,1,9,0.1,M*V\n"
PROJECT, VERSION = "mavenn", "1.1.4"
Repro = Callable[..., int]


@pytest.fixture
def repro() -> Repro:
    return lambda *words: main([str(word) for word in words])


@pytest.fixture(autouse=True)
def _a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPRO_OFFLINE", raising=False)
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: bytes, sha256: str | None = None) -> None:
    """An index whose wheel has a small table in tdp43's place; without `sha256` it is the one that is expected."""
    ours = dataclasses.replace(
        published.MAVENN["tdp43"], wild_type="MKV", sha256=sha256 or hashlib.sha256(table).hexdigest()
    )
    monkeypatch.setattr(published, "MAVENN", {**published.MAVENN, "tdp43": ours})
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    members = {"mavenn/examples/datasets/tdp43_data.csv.gz": table, "mavenn/__init__.py": b"raise SystemExit(5)"}
    monkeypatch.setenv("PIP_INDEX_URL", make_index(tmp_path / "index", PROJECT, VERSION, members))


def left(tmp_path: Path) -> list[str]:
    """What an import has left, but for locks."""
    found = (tmp_path / "cache").rglob("*")
    return sorted(path.name for path in found if path.is_file() and path.suffix != ".lock")


def test_what_is_imported_is_found_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repro: Repro, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(tmp_path, monkeypatch, gzip.compress(TABLE.encode()))

    assert repro("dataset", "import", "mavenn:tdp43", "--json") == 0

    told = capsys.readouterr()
    assert json.loads(told.out)["was_imported_already"] is False
    assert "1 variants with a stop codon are left out" in told.err
    assert find_dataset("tdp43") == find_dataset("mavenn:tdp43")
    made = Dataset.from_path(find_dataset("tdp43"))
    assert (made.mutants, made.sequences) == (["V3A", "K2R", "M1A:V3A"], ["MKA", "MRV", "AKA"])
    assert made.examples().targets == [0.5, -1.5, 2.0]
    assert made.split("train_valid_test").labels == ["train", "valid", "test"]
    assert made.wild_type == "MKV"
    assert made.extra["sha256"] == published.MAVENN["tdp43"].sha256
    assert made.table["dy"] == ["0.1", "0.2", "0.1"]
    assert left(tmp_path) == ["tdp43.pgdata"]


def test_it_is_not_fetched_again_and_can_be_written_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repro: Repro, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(tmp_path, monkeypatch, gzip.compress(TABLE.encode()))
    assert repro("dataset", "import", "mavenn:tdp43") == 0
    monkeypatch.setenv("REPRO_OFFLINE", "1")

    assert repro("dataset", "import", "tdp43", "-o", "mine.zip") == 0
    assert "was imported already" in capsys.readouterr().err
    assert Dataset.from_path("mine.zip") == Dataset.from_path(find_dataset("tdp43"))
    assert repro("dataset", "import", "tdp43", "--again") == 4


@pytest.mark.parametrize(
    ("table", "sha256", "said"),
    [
        (gzip.compress(TABLE.encode()), "0" * 64, "is not what it was"),
        (b"no gzip", None, "cannot be read"),
        (gzip.compress(TABLE.encode())[:-20], None, "cannot be read"),
        (gzip.compress(TABLE.replace("AKA", "AKAA").encode()), None, "4 residues, not 3"),
        (gzip.compress(TABLE.replace("-1.5", "low").encode()), None, "could not convert string to float: 'low'"),
        (gzip.compress(b"a,b\n1,2\n"), None, "cannot be read: 'x'"),
    ],
)
def test_a_table_that_is_another_one_or_damaged_is_refused_and_nothing_is_kept(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    repro: Repro,
    capsys: pytest.CaptureFixture[str],
    table: bytes,
    sha256: str | None,
    said: str,
) -> None:
    offer(tmp_path, monkeypatch, table, sha256)

    assert repro("dataset", "import", "mavenn:tdp43") == 4

    assert said in capsys.readouterr().err
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("mavenn:tpd43", 2, "did you mean mavenn:tdp43?"),
        ("mavenn:TDP43", 2, "did you mean mavenn:tdp43?"),
        ("maven:tdp43", 2, "nothing can be imported from 'maven'"),
        ("mavenn:", 2, "there are: mavenn:amyloid, mavenn:tdp43, mavenn:gb1, mavenn:nisthal"),
        ("mavenn:sortseq", 2, "is of a promoter's DNA, not of a protein"),
    ],
)
def test_a_name_that_is_misspelt_is_told_with_those_that_there_are(
    repro: Repro, capsys: pytest.CaptureFixture[str], name: str, code: int, said: str
) -> None:
    assert repro("dataset", "import", name) == code
    assert said in capsys.readouterr().err


def test_offline_says_so(repro: Repro, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REPRO_OFFLINE", "1")

    assert repro("dataset", "import", "mavenn:tdp43") == 4
    assert "the network is not to be used" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_an_error_of_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repro: Repro, capsys: pytest.CaptureFixture[str]
) -> None:
    offer(tmp_path, monkeypatch, gzip.compress(TABLE.encode()))
    (tmp_path / "cache").write_text("a file")

    assert repro("dataset", "import", "mavenn:tdp43") == 9
    assert "set REPRO_CACHE_DIR to another folder" in capsys.readouterr().err


def test_a_file_goes_before_the_example_of_its_name() -> None:
    Path(EXAMPLES[0]).write_text("mine")

    assert find_dataset(EXAMPLES[0]) == Path(EXAMPLES[0])


def test_paths_may_be_relative_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("a,b\n")

    assert find_dataset("mine.csv", folder=tmp_path) == tmp_path / "mine.csv"
    assert find_dataset(EXAMPLES[0], folder=tmp_path) == example_path(EXAMPLES[0])
    with pytest.raises(InputFileError, match=r"there is no file .*/none\.csv"):
        find_dataset("none.csv", folder=tmp_path)


def test_the_example_is_of_the_protein_and_region_that_proteingym_says() -> None:
    example = Dataset.from_path(find_dataset(EXAMPLES[0]))
    with REFERENCE.open(encoding="utf-8") as stream:
        published = {row["DMS_id"]: row for row in csv.DictReader(stream)}
    about = published["A4_HUMAN_Seuma_2022"]  # of the study that followed

    assert example.name == EXAMPLES[0] == "A4_HUMAN_Seuma_2021"
    assert example.name not in published
    assert len(example) == 468
    assert example.wild_type == about["target_seq"]
    positions = [int(mutant[1:-1]) for mutant in example.mutants]
    assert (min(positions), max(positions)) == tuple(map(int, about["region_mutated"].split("-")))
    assert len(set(positions)) == 42
    assert example.assay().constants["UniProt_ID"] == about["UniProt_ID"]
    cutoff = float(about["DMS_binarization_cutoff"])
    values, classes = example.table["DMS_score"], example.table["DMS_score_bin"]
    assert classes == [float(value > cutoff) for value in values]
    assert example.problems() == []
    assert not any("*" in sequence for sequence in example.sequences)


def test_the_real_wheel_gives_the_assays_that_proteingym_counts_and_the_example_byte_for_byte(
    tmp_path: Path, repro: Repro, capsys: pytest.CaptureFixture[str]
) -> None:
    if repro("dataset", "import", "mavenn:amyloid") != 0 or repro("dataset", "import", "mavenn:tdp43") != 0:
        said = capsys.readouterr().err
        assert "cannot fetch" in said, said
        pytest.skip("the package index cannot be reached, or does not have mavenn 1.1.4")
    amyloid, tdp43 = (Dataset.from_path(find_dataset(name)) for name in ("amyloid", "tdp43"))

    assert sum(":" not in mutant for mutant in amyloid.mutants) == 468
    assert sum(":" in mutant for mutant in amyloid.mutants) == 14015  # as ProteinGym's reference file says
    assert sum(":" not in mutant for mutant in tdp43.mutants) == 1196  # the same
    assert amyloid.problems() == tdp43.problems() == []
    spec = importlib.util.spec_from_file_location("example_dataset", ROOT / "scripts" / "example_dataset.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.make(amyloid, REFERENCE).save(tmp_path / "again.pgdata")
    assert (tmp_path / "again.pgdata").read_bytes() == example_path(EXAMPLES[0]).read_bytes()
