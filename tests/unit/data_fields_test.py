"""Between the columns of a file and the keys of a model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from repro.data.fields import check_unique_ids, join_error, join_result, map_keys, parse_mapping, split_record
from repro.errors import InputError, InputFileError, SettingsError


def test_two_columns_can_swap_their_names() -> None:
    mapped = map_keys([{"a": 1, "b": 2, "c": 3}], {"a": "b", "b": "a"})
    assert list(next(mapped).items()) == [("b", 1), ("a", 2), ("c", 3)]


def test_column_that_is_not_there_names_the_record_and_what_is_there() -> None:
    with pytest.raises(InputError, match="record 1 has no column 'heavy'") as caught:
        list(map_keys([{"heavy": "EVQL"}, {"light": "DIQM"}], {"sequence": "heavy"}))
    assert "'light'" in caught.value.fix


def test_key_that_is_taken_already_is_not_overwritten() -> None:
    with pytest.raises(InputError, match="record 0 has 'sequence' beside 'heavy'") as caught:
        list(map_keys([{"sequence": "MKT", "heavy": "EVQL"}], {"sequence": "heavy"}))
    assert "--map other_sequence=sequence" in caught.value.fix


def test_column_mapped_to_its_own_name_stays() -> None:
    assert list(map_keys([{"sequence": "MKT"}], {"sequence": "sequence"})) == [{"sequence": "MKT"}]


def test_records_are_mapped_as_they_are_asked_for() -> None:
    def endless() -> Iterator[dict[str, object]]:
        while True:
            yield {"heavy": "EVQL"}

    assert next(map_keys(endless(), {"sequence": "heavy"})) == {"sequence": "EVQL"}


@pytest.mark.parametrize("pairs", [["sequence"], ["=heavy"], ["sequence="], ["a=x", "a=y"], ["a=x", "b=x"]])
def test_mapping_that_cannot_be_meant(pairs: list[str]) -> None:
    with pytest.raises(SettingsError, match="--map"):
        parse_mapping(pairs)


@pytest.mark.parametrize("name", ["error", "error_type", "error_message"])
def test_column_named_as_what_says_that_a_record_failed_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"'{name}'") as caught:
        split_record({"sequence": "MKT", name: "x"}, {"sequence"})
    assert f"--map input_{name}={name}" in caught.value.fix


def test_key_of_the_model_may_be_called_error() -> None:
    assert split_record({"error": 0.1}, {"error"}) == ({"error": 0.1}, {})


def test_split_and_joined_the_order_is_carried_columns_then_answer() -> None:
    record, carried = split_record({"id": "a", "sequence": "MKT", "group": 1}, {"sequence"})
    assert record == {"sequence": "MKT"}
    assert list(join_result(carried, {"score": 0.5}).items()) == [("id", "a"), ("group", 1), ("score", 0.5)]
    assert join_error(carried, "ValueError", "no") == {
        "id": "a",
        "group": 1,
        "error": {"type": "ValueError", "message": "no"},
    }


def test_carried_column_and_answer_of_one_name_are_told() -> None:
    with pytest.raises(InputError, match="a column 'score', and so has the model's answer"):
        join_result({"score": "high"}, {"score": 0.5})


def test_records_of_one_id_are_told_by_both_positions_where_ids_have_to_be_unique() -> None:
    records = check_unique_ids([{"id": "a"}, {"id": "b"}, {"id": "a"}])
    assert [next(records), next(records)] == [{"id": "a"}, {"id": "b"}]
    with pytest.raises(InputFileError, match=r"records 0 and 2 \(from 0\) have the same id: 'a'"):
        next(records)


def test_records_without_an_id_are_not_compared() -> None:
    assert len(list(check_unique_ids([{}, {}, {"id": [1]}, {"id": [2]}]))) == 4
