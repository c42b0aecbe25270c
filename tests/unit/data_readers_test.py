"""Reading records: what comes out of each format, and what is said about a file that cannot be taken."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from repro.data.readers import count_records, open_records
from repro.errors import InputFileError

NOBODY = 65534
HUNDRED_MB = 100_000_000
ENDINGS = ["a.fasta", "a.jsonl", "a.csv", "a.tsv"]
TWO_RECORDS = {
    "a.fasta": ">a\nMKT\n>b\nGGS\n",
    "a.jsonl": '{"id":"a","sequence":"MKT"}\n{"id":"b","sequence":"GGS"}\n',
    "a.csv": "id,sequence\na,MKT\nb,GGS\n",
    "a.tsv": "id\tsequence\na\tMKT\nb\tGGS\n",
}
EXPECTED = [{"id": "a", "sequence": "MKT"}, {"id": "b", "sequence": "GGS"}]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(path: Path | str, **options: object) -> str:
    with pytest.raises(InputFileError) as caught:
        list(open_records(path, **options))  # type: ignore[arg-type]
    assert caught.value.fix, "every refusal says what to do"
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


class TestEveryTextFormat:
    @pytest.mark.parametrize("name", ENDINGS)
    def test_records_come_in_order(self, tmp_path: Path, name: str) -> None:
        assert list(open_records(write(tmp_path / name, TWO_RECORDS[name]))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_gzip_is_unpacked(self, tmp_path: Path, name: str) -> None:
        path = write(tmp_path / f"{name}.gz", gzip.compress(TWO_RECORDS[name].encode()))
        assert list(open_records(path)) == EXPECTED
        assert count_records(path) == 2

    @pytest.mark.parametrize("name", ENDINGS)
    def test_gzip_that_lost_its_ending_is_unpacked(self, tmp_path: Path, name: str) -> None:
        assert list(open_records(write(tmp_path / name, gzip.compress(TWO_RECORDS[name].encode())))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_windows_line_ends_are_taken(self, tmp_path: Path, name: str) -> None:
        content = TWO_RECORDS[name].replace("\n", "\r\n")
        assert list(open_records(write(tmp_path / name, content))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_byte_order_mark_is_no_part_of_the_text(self, tmp_path: Path, name: str) -> None:
        assert list(open_records(write(tmp_path / name, b"\xef\xbb\xbf" + TWO_RECORDS[name].encode()))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_missing_last_line_end_is_no_error(self, tmp_path: Path, name: str) -> None:
        assert list(open_records(write(tmp_path / name, TWO_RECORDS[name].rstrip("\n")))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_blank_lines_are_passed_over(self, tmp_path: Path, name: str) -> None:
        assert list(open_records(write(tmp_path / name, TWO_RECORDS[name].replace("\n", "\n\n")))) == EXPECTED

    @pytest.mark.parametrize("name", ENDINGS)
    def test_letters_beyond_ascii_are_kept(self, tmp_path: Path, name: str) -> None:
        content = TWO_RECORDS[name].replace("b", "β-Laktamase")
        assert list(open_records(write(tmp_path / name, content)))[1]["id"] == "β-Laktamase"

    @pytest.mark.parametrize("name", ENDINGS)
    def test_records_of_one_id_are_all_kept(self, tmp_path: Path, name: str) -> None:
        records = list(open_records(write(tmp_path / name, TWO_RECORDS[name].replace("b", "a"))))
        assert [record["id"] for record in records] == ["a", "a"]

    @pytest.mark.parametrize("name", ENDINGS)
    def test_first_record_comes_before_the_rest_is_there(self, tmp_path: Path, name: str) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        first_came = threading.Event()
        content = TWO_RECORDS[name]
        half = content.index(">b\n") + 3 if name == "a.fasta" else content[:-1].rindex("\n") + 1

        def feed() -> None:
            with pipe.open("w") as file:
                file.write(content[:half])
                file.flush()
                first_came.wait(30)
                file.write(content[half:])

        feeder = threading.Thread(target=feed)
        feeder.start()
        records = open_records(pipe, format=name[2:])
        assert next(records) == EXPECTED[0]
        first_came.set()
        assert list(records) == EXPECTED[1:]
        feeder.join()


class TestEveryTextFormatRefuses:
    @pytest.mark.parametrize("name", [*ENDINGS, "a.parquet", "a.jsonl.gz"])
    def test_empty_file(self, tmp_path: Path, name: str) -> None:
        assert f"{name} is empty" in refusal(write(tmp_path / name, ""))

    def test_empty_file_when_it_is_opened_and_not_later(self, tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match="is empty"):
            open_records(write(tmp_path / "a.jsonl", ""))

    def test_gzip_with_nothing_in_it(self, tmp_path: Path) -> None:
        assert "is empty" in refusal(write(tmp_path / "a.jsonl.gz", gzip.compress(b"")))

    @pytest.mark.parametrize("name", ENDINGS)
    def test_file_of_blank_lines(self, tmp_path: Path, name: str) -> None:
        assert f"{name} holds only blank lines" in refusal(write(tmp_path / name, "\n\n\r\n"))

    @pytest.mark.parametrize("name", [*ENDINGS, "a.parquet"])
    def test_missing_file_by_the_names_near_it(self, tmp_path: Path, name: str) -> None:
        there = write(tmp_path / f"x{name}", "x")
        assert f"did you mean {there}?" in refusal(tmp_path / name)

    def test_missing_folder(self, tmp_path: Path) -> None:
        assert f"the folder {tmp_path}/nowhere does not exist" in refusal(tmp_path / "nowhere" / "a.csv")

    def test_folder(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").mkdir()
        assert "a.csv is a folder" in refusal(tmp_path / "a.csv")

    def test_file_that_may_not_be_read(self) -> None:
        with (
            TemporaryDirectory() as folder
        ):  # pytest's own folders may not be entered by others, which is another error
            Path(folder).chmod(0o755)
            path = write(Path(folder, "a.csv"), TWO_RECORDS["a.csv"])
            path.chmod(0)
            with as_nobody():
                assert "may not be read by this user" in refusal(path)

    @pytest.mark.parametrize("name", ENDINGS)
    def test_bytes_that_are_no_utf8_with_line_and_offset(self, tmp_path: Path, name: str) -> None:
        content = TWO_RECORDS[name].encode().replace(b"b", b"M\xfcller")
        line, offset = content.count(b"\n", 0, content.index(b"\xfc")) + 1, content.index(b"\xfc")
        assert f"is not UTF-8 (line {line}: byte 0xfc at offset {offset})" in refusal(write(tmp_path / name, content))

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0", "is no text: a PNG picture"),
            (b"PK\x03\x04\x14\0\x06\0\x08\0", "is no text: a zip file, as those of Excel"),
            (b"PAR1\x15\x04\x15\x80\xff\0", "--input-format parquet"),
            (b"\x7fELF\x02\x01\x01\0\0\0", "is no text: it holds control characters"),
        ],
    )
    def test_file_that_is_no_text_is_not_to_be_recoded(self, tmp_path: Path, content: bytes, told: str) -> None:
        message = refusal(write(tmp_path / "a.fasta", content))
        assert told in message
        assert "iconv" not in message

    def test_bytes_that_are_no_utf8_far_into_a_file_with_a_mark(self, tmp_path: Path) -> None:
        content = b"\xef\xbb\xbf" + b'{"a": "\xc3\xa4"}\n' * 300_000 + b'{"a": "\xe4"}\n'
        message = refusal(write(tmp_path / "a.jsonl", content))
        assert f"line 300001: byte 0xe4 at offset {content.index(bytes([0xE4]))}" in message

    def test_character_that_is_cut_at_the_end(self, tmp_path: Path) -> None:
        assert "is not UTF-8 (line 1: byte 0xc3 at offset 8)" in refusal(write(tmp_path / "a.csv", b"sequence\xc3"))

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le"])
    @pytest.mark.parametrize("name", ENDINGS)
    def test_utf16_by_its_name(self, tmp_path: Path, name: str, encoding: str) -> None:
        message = refusal(write(tmp_path / name, TWO_RECORDS[name].encode(encoding)))
        assert "UTF-16" in message
        assert "iconv -f UTF-16" in message

    @pytest.mark.parametrize("name", ENDINGS)
    def test_lines_that_end_in_cr_alone(self, tmp_path: Path, name: str) -> None:
        assert "CR alone" in refusal(write(tmp_path / name, TWO_RECORDS[name].replace("\n", "\r")))

    @pytest.mark.parametrize("name", ENDINGS)
    def test_gzip_that_is_cut(self, tmp_path: Path, name: str) -> None:
        packed = gzip.compress(TWO_RECORDS[name].encode())
        assert "its gzip data has no end" in refusal(write(tmp_path / f"{name}.gz", packed[:-4]))

    def test_gzip_that_is_damaged(self, tmp_path: Path) -> None:
        packed = bytearray(gzip.compress(TWO_RECORDS["a.csv"].encode()))
        packed[14] ^= 0xFF
        assert "gzip data is damaged" in refusal(write(tmp_path / "a.csv.gz", bytes(packed)))

    def test_gzip_that_is_none(self, tmp_path: Path) -> None:
        assert "is no gzip file" in refusal(write(tmp_path / "a.csv.gz", TWO_RECORDS["a.csv"]))

    @pytest.mark.parametrize("name", ["a.txt", "a", "a.xlsx", "a.gz"])
    def test_ending_that_is_not_known(self, tmp_path: Path, name: str) -> None:
        message = refusal(write(tmp_path / name, "x"))
        assert ".fasta" in message
        assert "--input-format csv|fasta|jsonl|parquet|tsv" in message

    def test_format_that_is_not_known(self, tmp_path: Path) -> None:
        assert "--input-format takes csv, fasta, jsonl, parquet, tsv" in refusal(tmp_path / "a.txt", format="excel")


class TestFasta:
    def test_lines_of_a_sequence_are_joined_and_the_description_left_out(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.faa", ">sp|P1|X  a protein OS=Homo\nMKT \nGG S\n\tAA\n>\nM\n")
        assert list(open_records(path)) == [{"id": "sp|P1|X", "sequence": "MKTGGSAA"}, {"id": "", "sequence": "M"}]

    def test_sequence_gets_the_key_that_is_asked_for(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.fa", ">a\nMKT\n")
        assert list(open_records(path, sequence_key="protein")) == [{"id": "a", "protein": "MKT"}]

    def test_text_without_a_header_names_the_line(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.fasta", "\nMKTAYI\n>a\nMKT\n"))
        assert "a.fasta is not FASTA: line 2 stands before the first header" in message

    @pytest.mark.parametrize("content", [">a\nMKT\n>empty\n>b\nGGS\n", ">a\nMKT\n>empty one\n", ">a\nMKT\n>empty\n \n"])
    def test_header_without_a_sequence_names_its_line(self, tmp_path: Path, content: str) -> None:
        assert "a.fasta, line 3: the record 'empty' has no sequence" in refusal(write(tmp_path / "a.fasta", content))

    def test_header_without_a_sequence_in_a_pipe_names_the_record(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed_stdin(monkeypatch, b">a\nMKT\n>empty\n")
        assert "standard input, record 1: the record 'empty' has no sequence" in refusal("-", format="fasta")

    def test_one_line_of_100_mb_is_one_record(self, tmp_path: Path) -> None:
        path = tmp_path / "a.fasta"
        path.write_bytes(b">long\n" + b"A" * HUNDRED_MB + b"\n>b\nM\n")
        long, short = open_records(path)
        assert len(str(long["sequence"])) == HUNDRED_MB
        assert short == {"id": "b", "sequence": "M"}


class TestJsonl:
    def test_values_are_what_the_file_says(self, tmp_path: Path) -> None:
        record = {"text": "ä\u2028\t", "whole": 2**63, "huge": 10**30, "deep": [{"below": -(10**25)}], "real": 1e300}
        record |= {"float": 1e20, "none": None, "truth": True}
        (read,) = open_records(write(tmp_path / "a.ndjson", json.dumps(record)))
        assert read == record
        assert list(map(type, read.values())) == list(map(type, record.values()))

    def test_last_line_that_is_cut(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.jsonl", '{"a": 1}\n\n{"a": "MKT'))
        assert "a.jsonl ends in the middle of line 3: it seems cut" in message

    def test_lines_before_the_cut_come_first(self, tmp_path: Path) -> None:
        records = open_records(write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": 2'))
        assert next(records) == {"a": 1}
        with pytest.raises(InputFileError, match="middle of line 2"):
            next(records)

    def test_line_that_is_no_json_names_line_and_column(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.jsonl", '{"a": 1}\n{"a": x}\n{"a": 2}\n'))
        assert "a.jsonl, line 2, column 7 is no JSON" in message

    @pytest.mark.parametrize(("line", "kind"), [("[1]", "list"), ('"MKT"', "str"), ("7", "int"), ("null", "NoneType")])
    def test_line_that_is_no_object(self, tmp_path: Path, line: str, kind: str) -> None:
        message = refusal(write(tmp_path / "a.jsonl", f'{{"a": 1}}\n{line}\n'))
        assert f"line 2 is no JSON object (it is a {kind})" in message

    @pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
    def test_number_that_json_does_not_have(self, tmp_path: Path, word: str) -> None:
        assert f"line 1 has {word}, which JSON does not have" in refusal(
            write(tmp_path / "a.jsonl", f'{{"a": {word}}}')
        )

    @pytest.mark.parametrize("number", ["1e999", "-1e999"])
    def test_number_that_is_too_large(self, tmp_path: Path, number: str) -> None:
        assert "line 1" in refusal(write(tmp_path / "a.jsonl", f'{{"a": {number}}}\n'))

    @pytest.mark.parametrize("depth", [1000, 1020, 5000, 200_000])
    def test_nesting_without_reason_names_the_line(self, tmp_path: Path, depth: int) -> None:
        assert "line 1" in refusal(write(tmp_path / "a.jsonl", '{"a":' + "[" * depth + "]" * depth + "}\n"))

    @pytest.mark.parametrize(("content", "command"), [('[{"a": 1}]', "jq -c '.[]'"), ('{\n  "a": 1\n}\n', "jq -c .")])
    def test_json_that_is_not_one_object_a_line_names_the_command(
        self, tmp_path: Path, content: str, command: str
    ) -> None:
        assert command in refusal(write(tmp_path / "a.jsonl", content.replace("[{", "[\n{")))

    def test_one_line_of_100_mb_is_one_record(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        path.write_bytes(b'{"sequence":"' + b"A" * HUNDRED_MB + b'"}\n{"sequence":"M"}\n')
        long, short = open_records(path)
        assert len(str(long["sequence"])) == HUNDRED_MB
        assert short == {"sequence": "M"}

    def test_standard_input_is_jsonl(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed_stdin(monkeypatch, TWO_RECORDS["a.jsonl"].encode())
        assert list(open_records("-")) == EXPECTED
        assert count_records("-") is None

    def test_empty_standard_input(self, monkeypatch: pytest.MonkeyPatch) -> None:
        feed_stdin(monkeypatch, b"")
        assert "standard input is empty" in refusal("-")


class TestTable:
    def test_cells_are_text(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", 'id,n\n1,"a ""b"",\nc"\n02,\n')
        assert list(open_records(path)) == [{"id": "1", "n": 'a "b",\nc'}, {"id": "02", "n": ""}]

    def test_cells_of_a_type_are_converted_and_empty_ones_left_out(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.csv", "n,x,t,s\n-7,1e-3,True,1\n , 2,0,\n")
        types = {"n": int, "x": float, "t": bool, "s": str, "other": int}
        first, second = open_records(path, types=types)
        assert first == {"n": -7, "x": 0.001, "t": True, "s": "1"}
        assert second == {"x": 2.0, "t": False, "s": ""}

    @pytest.mark.parametrize(
        ("kind", "cell", "reason"),
        [
            (int, "1.5", "no whole number"),
            (int, "1_000", "no whole number"),
            (int, "٣", "no whole number"),
            (float, "nan", "no finite number"),
            (float, "1_0.5", "no finite number"),
            (float, "high", "no finite number"),
            (bool, "yes", "neither true nor false"),
        ],
    )
    def test_cell_that_is_not_of_its_type_names_line_and_column(
        self, tmp_path: Path, kind: type, cell: str, reason: str
    ) -> None:
        path = write(tmp_path / "a.csv", f'id,n\n"a\nb",\nc,{cell}\n')
        assert f"a.csv, line 4, column 'n': '{cell}' is {reason}" in refusal(path, types={"n": kind})

    def test_header_without_rows(self, tmp_path: Path) -> None:
        assert "a.csv has a header and no rows" in refusal(write(tmp_path / "a.csv", "id,sequence\n"))

    def test_columns_of_one_name(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.csv", "id,sequence,id\na,MKT,b\n"))
        assert "columns 1 and 3 are both called 'id'" in message

    def test_column_without_a_name(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.csv", ",sequence\n0,MKT\n"))
        assert "column 1 has no name" in message
        assert "index=False" in message

    @pytest.mark.parametrize(("row", "cells"), [("b", 1), ("b,GGS,x", 3)])
    def test_row_with_too_few_or_too_many_cells_names_its_line(self, tmp_path: Path, row: str, cells: int) -> None:
        message = refusal(write(tmp_path / "a.csv", f'id,sequence\n"a\n\nx",MKT\n{row}\nc,M\n'))
        assert f"a.csv, line 5 has {cells} cells, the header has 2" in message

    def test_quote_that_is_never_closed_names_the_line_of_its_start(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.csv", 'id,sequence\na,"MKT\nb,GGS\nc,M\n'))
        assert "a.csv, line 2: a quote is opened and never closed" in message

    def test_quote_in_the_middle_of_a_cell(self, tmp_path: Path) -> None:
        assert "a.csv, line 2 is not CSV" in refusal(write(tmp_path / "a.csv", 'id,sequence\na,"MKT"x\n'))

    def test_cr_in_the_middle_of_a_line(self, tmp_path: Path) -> None:
        message = refusal(write(tmp_path / "a.csv", "id,sequence\na,MKT\rb,GGS\n"))
        assert "line 2: a CR stands outside of quotes" in message

    def test_cell_of_several_megabytes(self, tmp_path: Path) -> None:
        (record,) = open_records(write(tmp_path / "a.csv", "sequence\n" + "A" * 5_000_000))
        assert len(str(record["sequence"])) == 5_000_000


class TestParquet:
    def test_rows_come_as_python_values(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        table = pa.table(
            {
                "sequence": ["MKT", None],
                "positions": [[1, 2], []],
                "kind": pa.array(["x", "y"]).dictionary_encode(),
                "day": pa.array([0, 1], pa.date32()),
            }
        )
        pq.write_table(table, path)
        assert list(open_records(path)) == [
            {"sequence": "MKT", "positions": [1, 2], "kind": "x", "day": "1970-01-01"},
            {"sequence": None, "positions": [], "kind": "y", "day": "1970-01-02"},
        ]
        assert count_records(path) == 2

    def test_file_that_is_cut(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"sequence": ["MKT"] * 1000}), path)
        write(path, path.read_bytes()[:-20])
        assert "a.parquet is no Parquet file, or is cut or damaged" in refusal(path)
        assert count_records(path) is None

    def test_file_that_is_damaged_inside(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"sequence": [f"{n:0200}" for n in range(5000)]}), path)
        content = bytearray(path.read_bytes())
        content[4:4000] = bytes(3996)
        assert "a.parquet is no Parquet file, or is cut or damaged" in refusal(write(path, bytes(content)))

    def test_file_without_rows(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"sequence": pa.array([], pa.string())}), tmp_path / "a.parquet")
        assert "has no rows" in refusal(tmp_path / "a.parquet")

    def test_column_that_no_record_can_hold(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"raw": pa.array([b"x"])}), tmp_path / "a.parquet")
        assert "column 'raw' is of type binary" in refusal(tmp_path / "a.parquet")

    def test_columns_of_one_name(self, tmp_path: Path) -> None:
        table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
        pq.write_table(table, tmp_path / "a.parquet")
        assert "two columns called 'id'" in refusal(tmp_path / "a.parquet")

    def test_reading_without_pyarrow_says_what_to_install(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = write(tmp_path / "a.parquet", "x")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        assert "pip install pyarrow" in refusal(path)


class TestCounting:
    @pytest.mark.parametrize("name", ENDINGS)
    def test_blank_lines_and_the_header_do_not_count(self, tmp_path: Path, name: str) -> None:
        assert count_records(write(tmp_path / name, TWO_RECORDS[name].replace("\n", "\n\n"))) == 2

    def test_rows_with_line_ends_in_them_count_once(self, tmp_path: Path) -> None:
        assert count_records(write(tmp_path / "a.csv", 'a\n"1\n2"\n3\n')) == 2

    @pytest.mark.parametrize("content", ["", b"\xff\xfe\x00"])
    def test_file_that_will_be_refused_has_no_count(self, tmp_path: Path, content: str | bytes) -> None:
        assert count_records(write(tmp_path / "a.jsonl", content)) is None

    def test_missing_file_has_no_count(self, tmp_path: Path) -> None:
        assert count_records(tmp_path / "a.jsonl") is None


def feed_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
