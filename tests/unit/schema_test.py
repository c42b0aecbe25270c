"""Records and options are held against what a model declares: the message names the index and the key."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

from repro.errors import RecordError, SettingsError
from repro.schema import RecordSchema, check_options


class Inputs(BaseModel):
    sequence: str = Field(min_length=1)
    position: int | None = None


class Validated(BaseModel):
    sequence: str

    @field_validator("sequence")
    @classmethod
    def is_upper(cls, value: str) -> str:
        if not value.isupper():
            raise ValueError("must be upper case")
        return value


class Options(BaseModel):
    precision: Literal["fp32", "bf16"] = "fp32"


class Parameters(BaseModel):
    layer: int = Field(-1, ge=-1, description="which one")


GOOD = {"sequence": "MKT"}


@pytest.mark.parametrize(
    ("record", "key", "said"),
    [
        ({}, "sequence", "the key 'sequence' is missing"),
        ({"sequence": "MKT", "id": "a"}, "id", "the key 'id' is not known"),
        ({"sequence": 5}, "sequence", "string, not 5"),
        ({"sequence": b"MKT"}, "sequence", "string"),
        ({"sequence": ""}, "sequence", "at least 1 character"),
        ({"sequence": "MKT", "position": "3"}, "position", "integer"),
        ({"sequence": "MKT", "position": True}, "position", "integer"),
        ("MKT", None, "dict"),
        (None, None, "dict"),
    ],
)
def test_a_record_that_does_not_fit_is_named_by_index_and_key(record: Any, key: str | None, said: str) -> None:
    with pytest.raises(RecordError) as caught:
        RecordSchema(Inputs).check([GOOD, GOOD, record], first=100)

    assert caught.value.index == 102
    assert caught.value.key == key
    assert "record 102" in caught.value.message
    assert said in caught.value.message
    keys_are_right = isinstance(record, dict) and "sequence" in record and "id" not in record
    way_out = "correct it, or leave the record out", "give each record these keys: sequence, position"
    assert caught.value.fix == way_out[not keys_are_right]


def test_the_first_of_several_is_told() -> None:
    with pytest.raises(RecordError) as caught:
        RecordSchema(Inputs).check([{"sequence": 1}, {}], first=0)
    assert caught.value.index == 0


def test_what_fits_passes_unchanged() -> None:
    records = [GOOD, {"sequence": "A", "position": None}]

    RecordSchema(Inputs).check(records, first=0)

    assert records == [{"sequence": "MKT"}, {"sequence": "A", "position": None}]


def test_a_models_own_validators_are_asked() -> None:
    with pytest.raises(RecordError, match=r"record 1: the key 'sequence': .*must be upper case"):
        RecordSchema(Validated).check([GOOD, {"sequence": "mkt"}], first=0)
    with pytest.raises(RecordError, match="'id' is not known"):
        RecordSchema(Validated).check([{"sequence": "MKT", "id": 1}], first=0)


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(RecordError) as caught:
        RecordSchema(Inputs).check([{"sequence": list(range(1000))}], first=0)
    assert len(caught.value.message) < 200


def test_options_are_sorted_into_the_classes_that_declare_them() -> None:
    assert check_options("m", (Options, Parameters, None), {"layer": 3}) == [{"precision": "fp32"}, {"layer": 3}, {}]


@pytest.mark.parametrize(
    ("given", "said", "fix"),
    [
        ({"layr": 3}, "m has no option 'layr'", "did you mean 'layer'?"),
        ({"zzz": 3}, "m has no option 'zzz'", "known: layer, precision"),
        ({"layer": -2}, "the option 'layer'", "layer is: which one; all: repro info m"),
        ({"precision": "fp16"}, "the option 'precision'", "repro info m"),
    ],
)
def test_an_option_that_does_not_fit_is_told(given: dict[str, Any], said: str, fix: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_options("m", (Options, Parameters), given)
    assert said in caught.value.message
    assert caught.value.fix == fix
