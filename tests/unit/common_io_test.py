"""JSONL as the tutorial's wrappers read and write it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from repro.common.io import read_jsonl_file, write_to_jsonl
from repro.errors import InputFileError

VALUES: list[Any] = [
    {},
    {"text": 'é € 😀 \u2028 " \\ \n \r\n \t \x00'},
    {"whole": [0, -1, 2**53 + 1, 2**64 - 1, 2**64, -(10**40)]},
    {"real": [0.1, 1e-300, -0.0, 1.7976931348623157e308]},
    {"nested": [[], [[None, True, False]], {"": {"": ""}}]},
    {"surrogate": "\ud800"},
    "text",
    7,
    None,
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    write_to_jsonl(VALUES, tmp_path / "file.jsonl")

    assert read_jsonl_file(tmp_path / "file.jsonl") == VALUES


def test_numbers_that_are_not_finite_stay_what_they_are(tmp_path: Path) -> None:
    write_to_jsonl([{"x": [math.nan, math.inf, -math.inf]}], tmp_path / "file.jsonl")

    ((nan, infinity, minus),) = [row["x"] for row in read_jsonl_file(tmp_path / "file.jsonl")]

    assert math.isnan(nan)
    assert (infinity, minus) == (math.inf, -math.inf)


def test_each_value_is_one_line(tmp_path: Path) -> None:
    write_to_jsonl(VALUES, tmp_path / "file.jsonl")

    assert (tmp_path / "file.jsonl").read_bytes().count(b"\n") == len(VALUES)


def test_an_empty_file_has_no_values(tmp_path: Path) -> None:
    (tmp_path / "file.jsonl").write_bytes(b"")

    assert read_jsonl_file(tmp_path / "file.jsonl") == []


@pytest.mark.parametrize("content", [b'{"a":1}\r\n{"a":2}\r\n', b'\xef\xbb\xbf{"a":1}\n{"a":2}\n', b'{"a":1}\n{"a":2}'])
def test_line_ends_of_windows_a_byte_order_mark_and_a_missing_last_line_end_are_taken(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "file.jsonl").write_bytes(content)

    assert read_jsonl_file(tmp_path / "file.jsonl") == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a":1}\n{"a"', "line 2 is no JSON"),
        (b"garbage\n", "line 1 is no JSON"),
        (b'{"a":1} {"a":2}\n', "line 1 is no JSON"),
        (b'{"a":"\xff"}\n', "is not UTF-8"),
    ],
)
def test_what_is_no_jsonl_is_told_with_file_and_line(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "file.jsonl").write_bytes(content)

    with pytest.raises(InputFileError, match=said) as caught:
        read_jsonl_file(tmp_path / "file.jsonl")

    assert "file.jsonl" in caught.value.message


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="cannot be read: No such file"):
        read_jsonl_file(tmp_path / "absent.jsonl")
