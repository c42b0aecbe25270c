"""Batches: how records are cut, numbered and handed over, and how answers are read."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro import batches
from repro.batches import Batch, BatchWriter, read_answers
from repro.errors import OutputError, PredictionError, ProtocolError, RecordError, WorkerError
from repro.guest import exchange


def write(records: list[Any], folder: Path, first: int = 0, **options: Any) -> list[Batch]:
    return list(BatchWriter(folder, itertools.count(1), options).batches(records, first))


def lines(batch: Batch) -> list[Any]:
    return [json.loads(line) for line in batch.lines.splitlines()]


@given(sizes=st.lists(st.integers(0, 60), min_size=1, max_size=30), limit=st.integers(10, 200))
def test_records_are_cut_into_batches_without_loss_and_none_is_too_large(sizes: list[int], limit: int) -> None:
    records = [{"text": "x" * size} for size in sizes]
    before, batches.MAX_BATCH_BYTES = batches.MAX_BATCH_BYTES, limit
    try:
        found = write(records, Path("/nowhere"), first=7)
    finally:
        batches.MAX_BATCH_BYTES = before

    assert [line for batch in found for line in lines(batch)] == records
    assert [len(batch) for batch in found] == [len(lines(batch)) for batch in found]
    assert [batch.first for batch in found] == [7 + sum(map(len, found[:n])) for n in range(len(found))]
    assert all(len(batch.lines) <= limit or len(batch) == 1 for batch in found)


@given(count=st.integers(1, 20), data=st.data())
def test_a_part_of_a_batch_is_those_records(count: int, data: st.DataObject) -> None:
    text = st.text(st.characters(exclude_categories=()), max_size=3)
    records = [{"text": data.draw(text)} for _ in range(count)]
    start = data.draw(st.integers(0, count))
    stop = data.draw(st.integers(start, count))
    (batch,) = write(records, Path("/nowhere"), first=5)

    part = batch.part(start, stop)

    assert (lines(part), len(part), part.first) == (records[start:stop], stop - start, 5 + start)


def test_a_small_batch_travels_in_the_message_with_the_calls_options(tmp_path: Path) -> None:
    (batch,) = write([{"a": 1}, {"a": 2}], tmp_path, suffix="!")

    message = json.loads(batch.message(7))

    assert message == {"repro": 1, "id": 7, "call": 0, "options": {"suffix": "!"}, "records": [{"a": 1}, {"a": 2}]}
    assert list(tmp_path.iterdir()) == []


def test_all_batches_of_a_call_have_its_number_and_so_do_their_parts(tmp_path: Path) -> None:
    writer = BatchWriter(tmp_path, itertools.count(1), {}, call_number=5)

    (batch,) = writer.batches([{"n": 1}, {"n": 2}], 0)

    assert json.loads(batch.message(7))["call"] == 5
    assert json.loads(batch.part(1, 2).message(8))["call"] == 5


def test_a_large_batch_travels_in_a_file_that_is_written_once_and_removed(tmp_path: Path) -> None:
    (batch,) = write([{"a": "x" * 100_000}], tmp_path)

    first, again = json.loads(batch.message(7)), json.loads(batch.message(8))

    assert first["input"] == again["input"] == "7.jsonl"
    assert json.loads((tmp_path / "7.jsonl").read_text()) == {"a": "x" * 100_000}
    batch.remove_files()
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_a_chunk_go_when_its_last_batch_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 100)
    found = write([{"x": numpy.arange(n), "text": "y" * 60} for n in range(4)], tmp_path)
    assert len(found) == 4

    for batch in found[:-1]:
        batch.remove_files()
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
    found[-1].remove_files()

    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_handed_over_names_its_index_and_leaves_no_files(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="record 12 cannot be handed over") as caught:
        write([{"x": numpy.zeros(3)}, {"x": 1}, {"x": {1}}], tmp_path, first=10)

    assert caught.value.index == 12
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("record", [{"a": "x" * 100_000}, {"a": numpy.zeros(3)}], ids=["text", "array"])
def test_a_folder_that_cannot_be_written_is_an_output_error(tmp_path: Path, record: Any) -> None:
    with pytest.raises(OutputError, match="No such file"):
        for batch in write([record], tmp_path / "absent"):
            batch.message(1)


class TestAnswers:
    @pytest.fixture
    def batch(self, tmp_path: Path) -> Batch:
        (batch,) = write([{"a": 1}, {"a": 2}], tmp_path, first=10)
        return batch

    def test_they_come_in_the_message(self, batch: Batch, tmp_path: Path) -> None:
        assert read_answers({"results": [{"b": 1}, {"b": 2}]}, batch, tmp_path) == [{"b": 1}, {"b": 2}]

    def test_or_in_a_file_that_is_removed(self, batch: Batch, tmp_path: Path) -> None:
        exchange.write_batch([{"b": numpy.arange(3)}, {"b": 2}], str(tmp_path), "1.jsonl")

        first, second = read_answers({"output": "1.jsonl"}, batch, tmp_path)

        assert isinstance(first, dict)
        assert first["b"].tolist() == [0, 1, 2]
        assert second == {"b": 2}
        assert list(tmp_path.iterdir()) == []

    def test_a_record_that_failed_gives_its_error_with_its_index(self, batch: Batch, tmp_path: Path) -> None:
        failed = {"error": {"type": "ValueError", "message": "no", "traceback": "Traceback"}}

        first, second = read_answers({"results": [{"b": 1}, failed]}, batch, tmp_path)

        assert first == {"b": 1}
        assert isinstance(second, PredictionError)
        assert (second.index, second.error_type, second.error_message) == (11, "ValueError", "no")

    @pytest.mark.parametrize(
        "message",
        [
            {"results": [{}]},
            {"results": [{}, {}, {}]},
            {"results": [{}, 7]},
            {"results": [{}, None]},
            {"results": {"a": 1}},
            {"results": None},
            {},
            {"output": "absent.jsonl"},
            {"output": "../in/1.jsonl"},
            {"output": "/etc/passwd"},
            {"output": "\x00"},
            {"output": ""},
            {"output": "."},
            {"output": 7},
            {"output": ["1.jsonl"]},
            {"error": "text"},
            {"error": None},
            {"error": {"type": "ContractError", "message": "too few"}},
        ],
        ids=str,
    )
    def test_what_is_no_answer_is_a_protocol_error(self, batch: Batch, tmp_path: Path, message: Any) -> None:
        with pytest.raises(ProtocolError) as caught:
            read_answers(message, batch, tmp_path)

        assert caught.value.fix

    def test_a_batch_that_failed_as_a_whole_is_an_error_of_the_worker(self, batch: Batch, tmp_path: Path) -> None:
        with pytest.raises(WorkerError, match="failed on records 10 to 11: MemoryError: no room"):
            read_answers({"error": {"type": "MemoryError", "message": "no room"}}, batch, tmp_path)

    def test_answers_that_the_worker_cannot_write_are_an_output_error(self, batch: Batch, tmp_path: Path) -> None:
        with pytest.raises(OutputError, match="no room"):
            read_answers({"error": {"type": "HandOverError", "message": "no room"}}, batch, tmp_path)
