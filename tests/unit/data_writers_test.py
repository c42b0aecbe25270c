"""Writing results: what stands in each format, and what is said when it cannot be written."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from repro.data.writers import check_output, fitting, write_records
from repro.errors import InputFileError, OutputError

NOBODY = 65534
OUTPUTS = ["out.jsonl", "out.csv", "out.tsv", "out.parquet", "out.npz"]
RANDOM_TEXT = np.random.default_rng(0).bytes(1_500_000).hex()
NAN, INF = float("nan"), float("inf")
FAILED: dict[str, Any] = {"id": "b", "error": {"type": "ValueError", "message": "no residues"}}
Rows = list[dict[str, Any]]


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cells(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def refusal(path: Path | str, rows: Any, **options: str) -> str:
    with pytest.raises(OutputError) as caught:
        write_records(path, rows, **options)
    return str(caught.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Root may read and write everything, so the test goes on as a user who may not."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


class TestEveryFormat:
    @pytest.mark.parametrize("name", OUTPUTS)
    def test_number_of_rows_is_told(self, tmp_path: Path, name: str) -> None:
        assert write_records(tmp_path / name, [{"id": "a"}, FAILED]) == 2

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_rows_that_can_be_gone_over_only_once_give_the_same_file(self, tmp_path: Path, name: str) -> None:
        rows: Rows = [{"id": "a", "score": 0.5}, {"id": "c", "score": NAN}, FAILED]
        write_records(tmp_path / name, rows)
        write_records(tmp_path / f"once.{name}", iter(rows))
        assert (tmp_path / f"once.{name}").read_bytes() == (tmp_path / name).read_bytes()

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_no_rows_give_a_file_without_rows(self, tmp_path: Path, name: str) -> None:
        assert write_records(tmp_path / name, []) == 0
        assert (tmp_path / name).exists()

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_file_that_was_there_is_replaced_and_nothing_else_left(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("old")
        write_records(tmp_path / name, iter([{"id": "a"}]))
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_bytes() != b"old"

    @pytest.mark.parametrize("name", OUTPUTS)
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), InputFileError("line 3 is cut"), ConnectionError("gone")])
    def test_rows_that_end_in_an_error_leave_the_old_file_alone(
        self, tmp_path: Path, name: str, error: BaseException
    ) -> None:
        def rows() -> Iterator[dict[str, object]]:
            yield {"id": "a"}
            raise error

        (tmp_path / name).write_text("old")
        with pytest.raises(type(error)):
            write_records(tmp_path / name, rows())
        assert [file.name for file in tmp_path.iterdir()] == [name]
        assert (tmp_path / name).read_text() == "old"

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_value_that_no_format_has_is_refused_and_nothing_left(self, tmp_path: Path, name: str) -> None:
        assert "'x'" in refusal(tmp_path / name, [{"x": 1}, {"x": {1, 2}}])
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_file_has_the_permissions_of_any_new_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "ordinary").touch()
        write_records(tmp_path / name, [{"id": "a"}])
        assert (tmp_path / name).stat().st_mode == (tmp_path / "ordinary").stat().st_mode

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_link_stays_and_the_file_behind_it_is_written(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / name).symlink_to(tmp_path / "elsewhere" / "real")
        write_records(tmp_path / name, [{"id": "a"}])
        assert (tmp_path / name).is_symlink()
        assert (tmp_path / "elsewhere" / "real").stat().st_size > 0


class TestJsonl:
    def test_arrays_are_nested_lists(self, tmp_path: Path) -> None:
        row = {
            "mean": np.arange(2, dtype=np.float32) / 10,
            "tokens": np.eye(2, dtype=np.int8),
            "none": np.zeros((0, 3)),
        }
        write_records(tmp_path / "a.jsonl", [row])
        assert lines(tmp_path / "a.jsonl") == [{"mean": [0.0, 0.1], "tokens": [[1, 0], [0, 1]], "none": []}]

    def test_numbers_that_json_does_not_have_are_text(self, tmp_path: Path) -> None:
        row = {"x": NAN, "list": [INF, {"deep": -INF}], "array": np.array([[1.5, NAN]]), "scalar": np.float32("-inf")}
        write_records(tmp_path / "a.jsonl", [row])
        assert lines(tmp_path / "a.jsonl") == [
            {"x": "NaN", "list": ["Infinity", {"deep": "-Infinity"}], "array": [[1.5, "NaN"]], "scalar": "-Infinity"}
        ]

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u8", "?", "U3", ">i4"])
    def test_array_of_any_plain_dtype_comes_back_the_same(self, tmp_path: Path, dtype: str) -> None:
        array = np.arange(12).reshape(3, 4).astype(dtype)[:, ::2]
        write_records(tmp_path / "a.jsonl", [{"x": array}])
        assert np.array_equal(np.array(lines(tmp_path / "a.jsonl")[0]["x"], dtype), array)

    def test_whole_numbers_beyond_64_bits_and_half_surrogates_are_kept(self, tmp_path: Path) -> None:
        row = {"huge": 10**30, "half": "\ud800", "array": np.arange(2)}
        write_records(tmp_path / "a.jsonl", [row])
        assert lines(tmp_path / "a.jsonl") == [{"huge": 10**30, "half": "\ud800", "array": [0, 1]}]

    @pytest.mark.parametrize("value", [np.zeros(1, complex), np.array([object()]), b"x", {1: 2}, np.zeros(1, "M8[s]")])
    def test_value_without_a_form_in_json_names_row_and_key(self, tmp_path: Path, value: object) -> None:
        assert "row 1, 'x'" in refusal(tmp_path / "a.jsonl", [{"x": 1}, {"x": value}])

    def test_failed_record_stands_in_its_place(self, tmp_path: Path) -> None:
        write_records(tmp_path / "a.jsonl", [{"id": "a", "score": 1}, FAILED])
        assert lines(tmp_path / "a.jsonl") == [{"id": "a", "score": 1}, FAILED]


class TestTable:
    def test_all_columns_of_all_rows_are_there_and_errors_come_last(self, tmp_path: Path) -> None:
        write_records(tmp_path / "a.csv", [FAILED, {"id": "a", "score": 0.1}, {"id": "c", "more": None, "score": NAN}])
        assert cells(tmp_path / "a.csv") == [
            ["id", "score", "more", "error_type", "error_message"],
            ["b", "", "", "ValueError", "no residues"],
            ["a", "0.1", "", "", ""],
            ["c", "NaN", "", "", ""],
        ]

    def test_table_without_failures_has_no_columns_of_errors(self, tmp_path: Path) -> None:
        write_records(tmp_path / "a.tsv", [{"id": "a", "ok": True, "n": np.int64(3), "x": np.float64(INF)}])
        assert (tmp_path / "a.tsv").read_text() == "id\tok\tn\tx\na\ttrue\t3\tInfinity\n"

    def test_text_that_is_called_error_is_an_ordinary_column(self, tmp_path: Path) -> None:
        write_records(tmp_path / "a.csv", [{"error": "none"}])
        assert cells(tmp_path / "a.csv") == [["error"], ["none"]]

    @pytest.mark.parametrize("value", [np.zeros(3), [1, 2], {"a": 1}])
    def test_array_is_refused_and_says_which_ending_takes_it(self, tmp_path: Path, value: object) -> None:
        message = refusal(tmp_path / "a.csv", [{"id": "a"}, {"embedding": value}])
        assert "row 1, 'embedding'" in message
        assert ".parquet, .npz or .jsonl" in message

    @pytest.mark.parametrize("text", ["\ud800", "a\0b"])
    def test_text_that_a_table_cannot_hold(self, tmp_path: Path, text: str) -> None:
        assert "'x'" in refusal(tmp_path / "a.csv", [{"x": text}])


class TestParquet:
    def test_arrays_of_one_length_are_fixed_size_lists_of_their_dtype(self, tmp_path: Path) -> None:
        rows = [{"mean": np.array([1.5, 2], np.float16)}, {"mean": np.zeros(2, np.float16)}]
        write_records(tmp_path / "a.parquet", rows)
        kind = pq.read_table(tmp_path / "a.parquet").schema.field("mean").type
        assert (kind.list_size, str(kind.value_type)) == (2, "halffloat")

    @pytest.mark.parametrize("apart", [1, 10_000])
    def test_rows_that_failed_are_null_beside_their_error(self, tmp_path: Path, apart: int) -> None:
        rows = [{"id": "a", "mean": np.array([1.5, NAN], np.float16)}, FAILED, {"id": "c", "mean": np.zeros(2, "f2")}]
        write_records(tmp_path / "a.parquet", [*[{"id": "x"}] * apart, *rows])
        table = pq.read_table(tmp_path / "a.parquet").slice(apart)
        assert table.schema.names == ["id", "mean", "error_type", "error_message"]
        (first, failed, last) = table.to_pylist()
        assert first["mean"][0] == 1.5
        assert np.isnan(first["mean"][1])
        assert failed == {"id": "b", "mean": None, "error_type": "ValueError", "error_message": "no residues"}
        assert last == {"id": "c", "mean": [0, 0], "error_type": None, "error_message": None}

    def test_arrays_of_two_dimensions_are_lists_of_lists(self, tmp_path: Path) -> None:
        arrays = [np.arange(6, dtype="f4").reshape(3, 2), np.zeros((0, 2), "f4"), np.ones((1, 2), "f4")]
        write_records(tmp_path / "a.parquet", [{"x": array} for array in arrays])
        assert pq.read_table(tmp_path / "a.parquet")["x"].to_pylist() == [array.tolist() for array in arrays]

    def test_arrays_that_differ_in_every_axis(self, tmp_path: Path) -> None:
        arrays = [np.arange(n * n * 2).reshape(n, n, 2) for n in (2, 0, 3)]
        write_records(tmp_path / "a.parquet", [{"x": array} for array in arrays] + [{"x": None}])
        expected = [*(array.tolist() for array in arrays), None]
        assert pq.read_table(tmp_path / "a.parquet")["x"].to_pylist() == expected

    def test_groups_of_rows_are_bounded(self, tmp_path: Path) -> None:
        rows = [{"x": np.full(4 << 20, n, np.float32)} for n in range(9)]
        write_records(tmp_path / "a.parquet", rows)
        groups = pq.ParquetFile(tmp_path / "a.parquet").metadata
        assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [4, 4, 1]

    def test_whole_and_broken_numbers_in_one_column(self, tmp_path: Path) -> None:
        rows: Rows = [{"x": 1}] * 10_000 + [{"x": 0.5}]
        write_records(tmp_path / "a.parquet", rows)
        assert pq.read_table(tmp_path / "a.parquet")["x"].to_pylist()[-2:] == [1.0, 0.5]

    def test_lists_and_objects_keep_their_form(self, tmp_path: Path) -> None:
        rows: Rows = [{"x": [1, 2], "y": {"a": 1}}, {"x": [], "y": {"a": 2}}]
        write_records(tmp_path / "a.parquet", rows)
        assert pq.read_table(tmp_path / "a.parquet").to_pylist() == rows

    @pytest.mark.parametrize(
        "values",
        [
            [1, "a"],
            [True, 1],
            [2**53 + 1, 0.5],
            [2**64],
            [np.zeros(2), "a"],
            [np.zeros(2), np.zeros((2, 2))],
            [np.zeros(2), np.array(["a", "b"])],
            [np.array([2**53 + 1]), np.array([0.5])],
            [np.zeros(2, complex)],
            ["\ud800"],
            [{}],
        ],
    )
    @pytest.mark.parametrize("apart", [1, 10_000])
    def test_values_without_a_common_type_name_the_column(self, tmp_path: Path, values: list[Any], apart: int) -> None:
        rows = [{"x": values[0]}] * apart + [{"x": value} for value in values[1:]]
        message = refusal(tmp_path / "a.parquet", rows)
        assert "'x'" in message
        assert ".jsonl" in message

    def test_without_pyarrow_says_what_to_install(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(OutputError, match="pip install pyarrow"):
            check_output(tmp_path / "a.parquet")


class TestNpz:
    def write(self, path: Path, rows: Rows) -> dict[str, Any]:
        write_records(path / "a.npz", rows)
        with np.load(path / "a.npz", allow_pickle=False) as arrays:
            return dict(arrays)

    def test_values_of_one_shape_are_stacked(self, tmp_path: Path) -> None:
        rows: Rows = [
            {"id": "ab", "n": 1, "ok": True, "x": np.ones(3, "f4"), "l": [[1], [2]]},
            {"id": "c", "n": 2, "ok": False},
        ]
        rows[1] |= {"x": np.zeros(3, "f4"), "l": [[3], [4]]}
        arrays = self.write(tmp_path, rows)
        assert {name: (array.dtype.str, array.tolist()) for name, array in arrays.items()} == {
            "id": ("<U2", ["ab", "c"]),
            "n": ("<i8", [1, 2]),
            "ok": ("|b1", [True, False]),
            "x": ("<f4", [[1, 1, 1], [0, 0, 0]]),
            "l": ("<i8", [[[1], [2]], [[3], [4]]]),
        }

    def test_arrays_of_different_length_are_joined_with_offsets(self, tmp_path: Path) -> None:
        parts = [np.full((length, 2), length, np.float16) for length in (3, 0, 1)]
        arrays = self.write(tmp_path, [{"x": part} for part in parts])
        assert arrays["x__offsets"].tolist() == [0, 3, 3, 4]
        assert arrays["x"].dtype == np.float16
        for part, (start, stop) in zip(parts, pairwise(arrays["x__offsets"]), strict=True):
            assert np.array_equal(arrays["x"][start:stop], part)

    def test_arrays_that_differ_in_every_axis_have_a_shape_each(self, tmp_path: Path) -> None:
        maps = [np.arange(length**2).reshape(length, length) for length in (2, 3)]
        arrays = self.write(tmp_path, [{"x": one} for one in maps])
        offsets = arrays["x__offsets"]
        for index, one in enumerate(maps):
            piece = arrays["x"][offsets[index] : offsets[index + 1]]
            assert np.array_equal(piece.reshape(arrays["x__shape"][index]), one)

    def test_fields_that_rows_do_not_have_say_which_rows_have_them(self, tmp_path: Path) -> None:
        arrays = self.write(tmp_path, [FAILED, {"id": "a", "x": np.ones(2)}, {"id": "c", "x": None}])
        assert arrays["id"].tolist() == ["b", "a", "c"]
        assert arrays["x"].tolist() == [[1, 1]]
        assert arrays["x__rows"].tolist() == [1]
        assert arrays["error_type"].tolist() == ["ValueError"]
        assert arrays["error_type__rows"].tolist() == [0]

    def test_text_that_padding_would_blow_up_is_kept_as_bytes(self, tmp_path: Path) -> None:
        texts = ["β" * 100_000, *(f"short {n}" for n in range(1000))]
        arrays = self.write(tmp_path, [{"x": text} for text in texts])
        raw, offsets = arrays["x__utf8"].tobytes(), arrays["x__offsets"]
        assert [raw[a:b].decode() for a, b in pairwise(offsets)] == texts

    @pytest.mark.parametrize(
        "values",
        [
            [1, "a"],
            [True, 1],
            [[1, "a"]],
            [[True, 1]],
            [[1, None]],
            [[[1], [1, 2]]],
            [[2**53 + 1, 0.5]],
            [2**53 + 1, 0.5],
            [2**64],
            [{"a": 1}],
            [np.zeros(2), np.zeros((2, 2))],
            ["a\0"],
            [np.array([object()])],
        ],
    )
    def test_values_that_no_array_holds_name_the_field(self, tmp_path: Path, values: list[Any]) -> None:
        assert "'x'" in refusal(tmp_path / "a.npz", [{"x": value} for value in values])

    def test_field_named_as_the_offsets_of_another(self, tmp_path: Path) -> None:
        rows = [{"x": np.zeros(1), "x__offsets": 0}, {"x": np.zeros(2), "x__offsets": 0}]
        assert "'x__offsets'" in refusal(tmp_path / "a.npz", rows)

    def test_same_rows_give_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("a.npz", "b.npz"):
            write_records(tmp_path / name, [{"x": np.ones(2), "id": "a"}])
        assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


class TestOutputsThatCannotBeWritten:
    @pytest.mark.parametrize("name", OUTPUTS)
    def test_folder_that_is_not_there(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "nowhere" / name
        with pytest.raises(OutputError, match="there is no folder") as caught:
            check_output(path)
        assert f"mkdir -p {path.parent}" in caught.value.fix
        assert "there is no folder" in refusal(path, [{"x": 1}])

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_folder_in_its_place(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        with pytest.raises(OutputError, match="is a folder"):
            check_output(tmp_path / name)
        assert "is a folder" in refusal(tmp_path / name, [{"x": 1}])

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_folder_that_may_not_be_written(self, name: str) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder, name)
            Path(folder).chmod(0o555)
            with as_nobody():
                with pytest.raises(OutputError, match="is not writable"):
                    check_output(path)
                assert "is not writable" in refusal(path, [{"x": 1}])
            Path(folder).chmod(0o755)

    @pytest.mark.parametrize("format", ["jsonl", "csv", "npz", "parquet"])
    def test_device_that_is_always_full(self, format: str) -> None:
        assert "the disk is full" in refusal("/dev/full", [{"x": "A" * 5_000_000}], format=format)

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_disk_that_becomes_full(self, small_disk: Path, name: str) -> None:
        assert check_output(small_disk / name)
        assert "the disk is full" in refusal(small_disk / name, [{"x": RANDOM_TEXT}, {"x": RANDOM_TEXT[::-1]}])
        assert list(small_disk.iterdir()) == []

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_disk_that_becomes_full_while_rows_are_kept(self, small_disk: Path, name: str) -> None:
        assert "the disk is full" in refusal(small_disk / name, iter([{"x": RANDOM_TEXT}, {"x": RANDOM_TEXT[::-1]}]))
        assert list(small_disk.iterdir()) == []

    def test_disk_that_is_full_is_found_out_before_anything_starts(self, small_disk: Path) -> None:
        with pytest.raises(OSError, match="No space"), (small_disk / "other").open("wb") as file:
            file.write(bytes(8 << 20))
        with pytest.raises(OutputError, match="the disk is full"):
            check_output(small_disk / "out.jsonl")

    @pytest.mark.parametrize("name", ["out.txt", "out", "out.xlsx", "out.jsonl.gz"])
    def test_ending_that_is_not_known(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(OutputError) as caught:
            check_output(tmp_path / name)
        assert ".jsonl .ndjson .csv .tsv .parquet .npz" in caught.value.fix

    def test_check_leaves_nothing_behind(self, tmp_path: Path) -> None:
        assert check_output(tmp_path / "out.parquet") == "parquet"
        assert list(tmp_path.iterdir()) == []

    def test_device_is_written_and_not_replaced(self) -> None:
        assert check_output("/dev/null", format="jsonl") == "jsonl"
        assert write_records("/dev/null", [{"x": 1}], format="jsonl") == 1
        assert Path("/dev/null").is_char_device()


class TestFitting:
    @pytest.mark.parametrize("format", ["csv", "tsv"])
    def test_array_on_its_way_into_a_table_is_told_of_after_the_first_record(self, format: str) -> None:
        def rows() -> Iterator[dict[str, object]]:
            yield FAILED
            yield {"embedding": np.zeros(3)}
            raise AssertionError("the second record was computed")

        passed = fitting(rows(), format)
        assert next(passed) == FAILED
        with pytest.raises(OutputError, match="'embedding'"):
            next(passed)

    @pytest.mark.parametrize("format", ["jsonl", "csv", "tsv", "parquet", "npz"])
    def test_rows_that_fit_pass_as_they_are(self, format: str) -> None:
        rows: Rows = [FAILED, {"id": "a", "score": 0.5}, {"id": "b", "score": 1.0}]
        assert list(fitting(rows, format)) == rows


class TestStandardOutput:
    def run(self, code: str, **options: Any) -> subprocess.CompletedProcess[str]:
        program = f"from repro.data.writers import write_records\n{code}"
        return subprocess.run([sys.executable, "-c", program], text=True, capture_output=True, check=False, **options)

    def test_rows_are_jsonl(self) -> None:
        done = self.run("write_records('-', iter([{'id': 'a'}, {'id': 'b'}]))")
        assert done.stdout == '{"id":"a"}\n{"id":"b"}\n'

    def test_each_row_can_be_read_before_the_next_is_computed(self) -> None:
        code = """
from repro.data.writers import write_records
def rows():
    yield {"id": "a"}
    input()
    yield {"id": "b"}
write_records('-', rows())
"""
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline() == '{"id":"a"}\n'
            process.stdin.write("go on\n")
            process.stdin.close()
            assert process.stdout.readline() == '{"id":"b"}\n'

    def test_rows_are_a_table_where_that_is_asked_for(self) -> None:
        assert self.run("write_records('-', iter([{'id': 'a'}]), format='csv')").stdout == "id\na\n"

    @pytest.mark.parametrize("format", ["parquet", "npz"])
    def test_what_is_no_text_is_refused(self, format: str) -> None:
        assert "cannot go to standard output" in refusal("-", [{"x": 1}], format=format)

    def test_reader_that_stops_reading_gives_one_error(self) -> None:
        code = """
import sys
from repro.errors import OutputError
try:
    write_records('-', ({'x': 'A' * 1000} for _ in range(100_000)))
except OutputError as error:
    print(error.message, file=sys.stderr)
"""
        shell = ["bash", "-c", '"$0" -c "$1" | head -c 10', sys.executable, f"from repro.data.writers import *\n{code}"]
        done = subprocess.run(shell, text=True, capture_output=True, check=True)
        assert done.stdout == '{"x":"AAAA'
        assert done.stderr == "whoever read the output stopped reading\n"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)
