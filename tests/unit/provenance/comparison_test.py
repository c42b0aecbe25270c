"""Two outputs held against each other, in each format; what is different now from then; where files are now."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from repro.data.writers import write_records
from repro.errors import InputFileError
from repro.provenance.changes import find_changes
from repro.provenance.comparison import compare_outputs
from repro.provenance.lookup import look_up_output
from repro.provenance.manifest import FileFacts
from repro.provenance.origin import locate_input, locate_output
from repro.provenance.outputs import read_rows
from repro.provenance.privacy import as_told, without_secrets
from repro.provenance.writing import describe_file, to_json
from tests.unit.data_roundtrip_test import Row, columns
from tests.unit.provenance.manifest_test import HOST, MANIFEST, WORKER

FORMATS = ["jsonl", "csv", "tsv", "parquet", "npz"]
Two = Callable[[str, list[Row], list[Row]], Any]


@pytest.fixture
def two(tmp_path: Path) -> Two:
    """How two lists of rows differ when they are written."""

    def compared(format: str, then: list[Row], now: list[Row]) -> Any:
        paths = tmp_path / f"then.{format}", tmp_path / f"now.{format}"
        for path, rows in zip(paths, (then, now), strict=True):
            write_records(path, rows)
        return compare_outputs(*paths, format)

    return compared


class TestRows:
    @given(columns())
    def test_npz_gives_back_the_rows_that_were_written(self, rows: list[Row]) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder, "out.npz")
            write_records(path, rows)
            got = list(read_rows(path, "npz"))
        while rows and not rows[-1]:  # of a row without any value nothing is written
            rows = rows[:-1]
        assert len(got) == len(rows)
        for row, back in zip(rows, got, strict=True):
            assert row.keys() == back.keys()
            for name, value in row.items():
                np.testing.assert_array_equal(np.asarray(back[name]), np.asarray(value))

    def test_long_text_of_npz_is_given_back(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("repro.data.npz._MOST_PADDED_BYTES", 0)
        rows = [{"text": "ä", "id": "a"}, {"id": "b"}, {"text": "bc", "id": "c"}]
        write_records(tmp_path / "out.npz", rows)
        assert list(read_rows(tmp_path / "out.npz", "npz")) == rows

    def test_file_that_is_no_npz_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "out.npz").write_bytes(b"PK\x03\x04 and no more")
        with pytest.raises(InputFileError, match=r"no \.npz file"):
            list(read_rows(tmp_path / "out.npz", "npz"))

    @pytest.mark.parametrize(
        "header", [b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,)}", b"(" * 3000]
    )
    def test_array_with_a_header_that_lies_is_told(self, tmp_path: Path, header: bytes) -> None:
        with zipfile.ZipFile(tmp_path / "out.npz", "w") as archive:
            archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        with pytest.raises(InputFileError, match=r"no \.npz file"):
            list(read_rows(tmp_path / "out.npz", "npz"))


class TestComparison:
    @pytest.mark.parametrize("format", FORMATS)
    def test_equal_rows_are_the_same(self, two: Two, format: str) -> None:
        rows = [{"id": "a", "score": 0.5}, {"id": "b", "score": 0.25}]
        assert two(format, rows, rows).is_same

    @pytest.mark.parametrize("format", FORMATS)
    def test_number_that_differs_is_told_with_row_field_and_distance(self, two: Two, format: str) -> None:
        then = [{"id": str(n), "score": n + 0.5} for n in range(20)]
        now = [dict(row) for row in then]
        now[3]["score"], now[7]["score"] = 3.25, 8.5
        found = two(format, then, now)
        assert (found.different_rows, found.fields) == (2, {"score": 2})
        assert [(one.record, one.record_id, one.difference) for one in found.differences] == [
            (7, "7", 1.0),
            (3, "3", 0.25),
        ]
        assert found.largest["score"] == 1.0

    @pytest.mark.parametrize("format", ["jsonl", "parquet", "npz"])
    def test_element_of_an_array_that_differs_is_told_with_its_place(self, two: Two, format: str) -> None:
        array = np.linspace(0, 1, 4)
        other = array.copy()
        other[2] += 0.125
        (difference,) = two(format, [{"embedding": array}], [{"embedding": other}]).differences
        assert (difference.field, difference.position, difference.difference) == ("embedding", (2,), 0.125)

    def test_only_the_largest_are_kept_and_all_are_counted(self, two: Two) -> None:
        then = [{"score": float(n)} for n in range(50)]
        now = [{"score": 2.0 * n} for n in range(50)]
        found = two("csv", then, now)
        assert found.different_rows == 49
        assert [one.record for one in found.differences] == list(range(49, 39, -1))

    def test_rows_that_are_missing_are_no_sameness(self, two: Two) -> None:
        found = two("jsonl", [{"a": 1}, {"a": 2}], [{"a": 1}])
        assert (found.rows_then, found.rows_now, found.different_rows, found.is_same) == (2, 1, 0, False)

    def test_writer_that_calls_itself_otherwise_changes_no_value(self, tmp_path: Path) -> None:
        table = pa.table({"score": [0.5, 0.25]})
        pq.write_table(table, tmp_path / "then.parquet")
        pq.write_table(table.replace_schema_metadata({"writer": "another"}), tmp_path / "now.parquet")
        then, now = tmp_path / "then.parquet", tmp_path / "now.parquet"
        assert then.read_bytes() != now.read_bytes()
        assert compare_outputs(then, now, "parquet").is_same


class TestChanges:
    def test_nothing_is_different(self) -> None:
        assert find_changes(MANIFEST, MANIFEST.made_by, WORKER, HOST) == []

    def test_each_fact_is_named_as_in_the_manifest(self) -> None:
        made_by = replace(
            MANIFEST.made_by,
            environment=replace(MANIFEST.made_by.environment, identity="sha256:3"),
            weights={"a.pt": "9", "c.pt": "3"},
            device=0,
        )
        worker = replace(WORKER, packages={"numpy": "2.1"}, device="cuda:0")
        found = {(one.fact, one.then, one.now) for one in find_changes(MANIFEST, made_by, worker, HOST)}
        assert found == {
            ("environment.identity", "sha256:1", "sha256:3"),
            ("weights.a.pt", "1", "9"),
            ("weights.b.pt", "2", None),
            ("weights.c.pt", None, "3"),
            ("device", -1, 0),
            ("worker.packages.numpy", "2.0", "2.1"),
            ("worker.device", "cpu", "cuda:0"),
        }

    def test_other_name_of_the_same_image_is_no_change(self) -> None:
        environment = replace(MANIFEST.made_by.environment, image="sha256:1", registry_digests=())
        made_by = replace(MANIFEST.made_by, environment=environment)
        assert find_changes(MANIFEST, made_by, WORKER, HOST) == []


class TestShowing:
    """A manifest and an output may be a stranger's: what stands in them must not move the cursor."""

    def test_output_that_is_looked_up_has_no_control_characters(self, tmp_path: Path) -> None:
        model = replace(MANIFEST.made_by.model, name="\x1b[31mred\x07")
        worker = replace(WORKER, packages={"\x1b]0;x": "\x9b2J"})
        made_by = replace(MANIFEST.made_by, model=model, options={"a": ["\x1b[2J"]})
        file = tmp_path / "out.jsonl.repro.json"
        file.write_bytes(to_json(replace(MANIFEST, made_by=made_by, worker=worker)))
        found = look_up_output(file).manifest
        assert found.made_by.model.name == "�[31mred�"
        assert found.made_by.options == {"a": ["�[2J"]}
        assert found.worker is not None
        assert found.worker.packages == {"�]0;x": "�2J"}
        assert isinstance(found.resumed, tuple)

    def test_changes_have_none(self) -> None:
        worker = replace(WORKER, packages={"\x1b[2J": "\x1b[31m"})
        (change,) = find_changes(replace(MANIFEST, worker=worker), MANIFEST.made_by, replace(WORKER, packages={}), HOST)
        assert (change.fact, change.then) == ("worker.packages.�[2J", "�[31m")

    def test_differences_have_none(self, two: Two) -> None:
        compared = two("jsonl", [{"id": "\x1b", "\x1b[2J": 1}], [{"id": "\x1b", "\x1b[2J": 2}])
        (difference,) = compared.differences
        assert (difference.field, difference.record_id) == ("�[2J", "�")
        assert (list(compared.fields), list(compared.largest)) == (["�[2J"], ["�[2J"])


class TestPlaces:
    @pytest.fixture
    def there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A run that began in `run`, read `data/in.csv` and wrote `results/out.jsonl`."""
        run = tmp_path / "run"
        (run / "data").mkdir(parents=True)
        (run / "results").mkdir()
        (run / "data" / "in.csv").write_text("text\nabc\n")
        (run / "results" / "out.jsonl").write_text("{}\n")
        facts = describe_file(run / "data" / "in.csv")
        manifest = replace(
            MANIFEST,
            input=replace(facts, path="data/in.csv"),
            output=replace(describe_file(run / "results" / "out.jsonl"), path="results/out.jsonl"),
        )
        file = run / "results" / "out.jsonl.repro.json"
        file.write_bytes(to_json(manifest))
        self.manifest = manifest
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        return file

    def test_input_is_found_from_another_folder(self, there: Path) -> None:
        found = locate_input(self.manifest, there, None)
        assert found == there.parents[1] / "data" / "in.csv"

    def test_input_that_changed_is_told_with_both_hashes(self, there: Path) -> None:
        (there.parents[1] / "data" / "in.csv").write_text("text\nabd\n")
        with pytest.raises(InputFileError, match="its content has changed") as caught:
            locate_input(self.manifest, there, None)
        assert str(self.manifest.input.sha256) in caught.value.cause

    def test_other_file_of_that_name_here_does_not_hide_the_input(self, there: Path) -> None:
        Path("data").mkdir()
        Path("data/in.csv").write_text("text\nother\n")
        assert locate_input(self.manifest, there, None) == there.parents[1] / "data" / "in.csv"

    def test_input_that_is_gone_is_told_with_the_option(self, there: Path) -> None:
        (there.parents[1] / "data" / "in.csv").unlink()
        with pytest.raises(InputFileError) as caught:
            locate_input(self.manifest, there, None)
        assert "--input PATH" in caught.value.fix

    def test_input_that_is_named_must_be_the_one(self, there: Path) -> None:
        Path("other.csv").write_text("text\nother\n")
        with pytest.raises(InputFileError, match=r"other\.csv is not the input"):
            locate_input(self.manifest, there, "other.csv")
        with pytest.raises(InputFileError, match=r"none\.csv is not there"):
            locate_input(self.manifest, there, "none.csv")

    @pytest.mark.parametrize(("content", "state"), [("{}\n", "unchanged"), ("[]\n", "changed"), (None, "missing")])
    def test_state_of_the_output(self, there: Path, content: str | None, state: str) -> None:
        output = there.with_name("out.jsonl")
        output.unlink()
        if content is not None:
            output.write_text(content)
        assert locate_output(self.manifest, there).state == state


class TestPrivacy:
    def test_secrets_are_hidden_by_name_and_by_value(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_TOKEN", "hf_open_sesame")
        given = {"hf_token": "abc", "note": "as hf_open_sesame said", "nested": [{"password": "p"}], "layers": [-1]}
        assert without_secrets(given) == {
            "hf_token": "***",
            "note": "as *** said",
            "nested": [{"password": "***"}],
            "layers": [-1],
        }

    def test_package_whose_name_says_token_is_no_secret(self) -> None:
        assert as_told({"packages": {"tokenizers": "0.20.0"}}) == {"packages": {"tokenizers": "0.20.0"}}

    def test_home_is_not_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/ada")
        told = ["/ada/cache", "file:///ada", "--cache=/ada/x:/ada", "/opt/gcc-13/ada/bin", "/adam"]
        assert as_told(told) == ["~/cache", "file://~", "--cache=~/x:~", "/opt/gcc-13/ada/bin", "/adam"]


def test_file_is_described_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert describe_file(tmp_path / "a") == FileFacts(str(tmp_path / "a"), digest, 3)
