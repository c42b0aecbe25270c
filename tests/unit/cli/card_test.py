"""`repro card validate`: every fault of a card is named, in either form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Repro

MODELS = Path(__file__).parents[3] / "models"
SOUND = "---\nname: mine\nhyper_params: {rate: 1e-3}\ntags: [supervised]\nlicence: MIT\n---\n\n# Mine\n"


@pytest.fixture
def folder() -> Path:
    Path("mine").mkdir()
    return Path("mine")


@pytest.mark.parametrize("model", ["pls", "ridge"])
def test_the_cards_of_our_own_models_are_sound(repro: Repro, model: str) -> None:
    done = repro("card", "validate", MODELS / model)

    assert done.code == 0, done.out
    assert f"name          {model}" in done.out


def test_a_sound_card_is_told_to_a_program(repro: Repro, folder: Path) -> None:
    (folder / "README.md").write_text(SOUND)

    told = json.loads(repro("card", "validate", folder, "--json").out)

    assert told["sound"] is True
    assert told["card"] == {
        "name": "mine",
        "hyper_params": {"rate": 0.001},
        "tags": ["supervised"],
        "extra": {"licence": "MIT"},
    }


def test_all_faults_are_named_and_not_only_the_first(repro: Repro, folder: Path) -> None:
    (folder / "README.md").write_text("---\ntags: supervised\nhyper_params: [1, 2]\n---\n")

    done = repro("card", "validate", folder)

    assert done.code == 3
    for said in ("`name` is not there", "`tags` is 'supervised'", "`hyper_params` is [1, 2]"):
        assert done.out.count(said) == 1
    assert "mine: 3 findings" in done.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Mine\n", "has no front matter"),
        ("---\nname: mine\n", "its front matter has no end"),
        ("---\nname: [\n---\n", "README.md, line "),
        ("---\nname: ../mine\n---\n", "cannot be a model's name"),
        ("---\nname: mine\nhyper_params: {a: 1}\nhyper_parameters: {a: 2}\n---\n", "and they differ"),
    ],
)
def test_a_fault_is_told_in_words(repro: Repro, folder: Path, text: str, said: str) -> None:
    (folder / "README.md").write_text(text)

    done = repro("card", "validate", folder)

    assert done.code == 3
    assert said in done.out
    assert "Traceback" not in done.err


def test_the_older_form_may_stand_beside_where_it_says_the_same(repro: Repro, folder: Path) -> None:
    (folder / "README.md").write_text(SOUND)
    (folder / "manifest.toml").write_text('name = "mine"\n[hyper_parameters]\nrate = 0.001\n')
    assert repro("card", "validate", folder).code == 0

    (folder / "manifest.toml").write_text('name = "mine"\n[hyper_parameters]\nrate = 0.01\n')
    done = repro("card", "validate", folder)
    assert done.code == 3
    assert "differ in `hyper_params`: {'rate': 0.001} and {'rate': 0.01}" in done.out


def test_the_older_form_alone_is_a_card(repro: Repro, folder: Path) -> None:
    (folder / "manifest.toml").write_text('[hyper_params]\nname = "mine"\n')

    assert repro("card", "validate", folder).code == 0


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("mine", "has neither README.md nor manifest.toml"),
        ("mien", "there is no folder or file mien\n  do: did you mean mine?"),
        ("other", "there is no folder or file other\n  do: name the folder of a model"),
    ],
)
def test_a_folder_without_a_card_is_told(repro: Repro, folder: Path, named: str, said: str) -> None:
    done = repro("card", "validate", named)

    assert done.code == 3
    assert said in done.out
