"""Which names a model can have, and what is said of those that it cannot."""

from __future__ import annotations

import keyword

import pytest

from repro.errors import SettingsError
from repro.scaffold.names import LONGEST, check_name, class_name, near_name

TAKEN = {"esm", "tutorial"}


@pytest.mark.parametrize("name", ["gupta2020", "x", "my_model", "prot_t5_xl", "a" * LONGEST, "tutorial_2"])
def test_lower_case_identifiers_can_be_taken(name: str) -> None:
    check_name(name, TAKEN)


@pytest.mark.parametrize(
    ("name", "why", "near"),
    [
        ("my-model", "only lower-case letters", "my_model"),
        ("MyModel", "only lower-case letters", "my_model"),
        ("ProtT5", "only lower-case letters", "prott5"),
        ("2020gupta", "a letter first", "gupta2020"),
        ("a__b", "single _", "a_b"),
        ("_private", "a letter first", "private"),
        ("modèle", "only lower-case letters", "mod_le"),
        ("", "only lower-case letters", "my_model"),
        ("../evil", "only lower-case letters", "evil"),
        ("a.b", "only lower-case letters", "a_b"),
        ("class", "a word of Python's own", "class_model"),
        ("match", "a word of Python's own", "match_model"),
        ("json", "Python has something", "json_model"),
        ("print", "Python has something", "print_model"),
        ("repro", "repro has something", "repro_model"),
        ("session", "repro has something", "session_model"),
        ("bases", "repro has something", "bases_model"),
        ("src", "repro has something", "src_model"),
        ("tests", "repro has something", "tests_model"),
        ("con", "Windows has a device", "con_model"),
        ("aux", "Windows has a device", "aux_model"),
        ("nul", "Windows has a device", "nul_model"),
        ("com1", "Windows has a device", "com1_model"),
        ("numpy", "models import a package of that name", "numpy_model"),
        ("torch", "models import a package of that name", "torch_model"),
        ("pydantic", "models import a package of that name", "pydantic_model"),
        ("esm", "a model of that name", "esm_model"),
        ("ESM", "only lower-case letters", "esm_model"),
        ("a" * (LONGEST + 1), f"{LONGEST} are the most", "a" * LONGEST),
    ],
)
def test_a_name_that_cannot_be_taken_is_told_with_one_that_can(name: str, why: str, near: str) -> None:
    with pytest.raises(SettingsError) as told:
        check_name(name, TAKEN)

    assert why in told.value.message
    assert told.value.fix == f"for example: repro new {near}"
    check_name(near, TAKEN)


def test_a_near_name_is_not_one_that_is_taken_too() -> None:
    assert near_name("ESM", {"esm", "esm_model", "esm_2"}) == "esm_3"


@pytest.mark.parametrize(
    ("name", "cls"),
    [("gupta2020", "Gupta2020"), ("my_model", "MyModel"), ("true", "TrueModel"), ("warning", "WarningModel")],
)
def test_classes_are_called_like_the_model_and_like_nothing_else(name: str, cls: str) -> None:
    assert class_name(name) == cls
    assert not keyword.iskeyword(cls)
