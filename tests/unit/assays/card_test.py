"""Model cards: YAML and TOML of equal content are equal, and what is wrong with one is said."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from repro.guest.assays import CardError, Manifest, ModelCard

CARD = """\
---
# used for referencing this model
name: pls

tags: ["supervised"]

hyper_parameters:
    n_components: 2
    rate: 1e-3
    center: true
    scale: no
    aa_alphabet: ["A", "C"]
license: MIT
released: 2025-07-28
---

# Model card

hyper_parameters: of no meaning here
"""
TOML = """\
name = "pls"
tags = ["supervised"]
license = "MIT"
released = 2025-07-28

[hyper_params]
n_components = 2
rate = 0.001
center = true
scale = "no"
aa_alphabet = ["A", "C"]
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_card_says_what_its_front_matter_says(tmp_path: Path) -> None:
    card = ModelCard.from_path(written(tmp_path / "README.md", CARD))

    assert (card.name, card.tags) == ("pls", ["supervised"])
    assert card.hyper_params == {
        "n_components": 2,
        "rate": 0.001,  # as TOML and YAML 1.2 read it; PyYAML takes it for text
        "center": True,
        "scale": "no",
        "aa_alphabet": ["A", "C"],
    }
    assert list(card.extra) == ["license", "released"]


def test_a_card_and_a_manifest_of_equal_content_are_equal(tmp_path: Path) -> None:
    card = ModelCard.from_path(written(tmp_path / "README.md", CARD))
    manifest = Manifest.from_path(written(tmp_path / "manifest.toml", TOML))

    assert manifest == card
    assert manifest.digest == card.digest
    assert hash(manifest) == hash(card)
    assert type(manifest) is type(card)


@pytest.mark.parametrize(
    ("before", "after"),
    [("n_components: 2", "n_components: 3"), ("name: pls", "name: ridge"), ('["supervised"]', "[]"), ("MIT", "GPL")],
)
def test_another_card_has_another_digest(tmp_path: Path, before: str, after: str) -> None:
    card = ModelCard.from_path(written(tmp_path / "1.md", CARD))
    other = ModelCard.from_path(written(tmp_path / "2.md", CARD.replace(before, after)))

    assert other != card
    assert other.digest != card.digest


def test_hyper_params_is_the_same_as_hyper_parameters(tmp_path: Path) -> None:
    other = CARD.replace("hyper_parameters:\n", "hyper_params:\n")

    assert ModelCard.from_path(written(tmp_path / "1.md", CARD)) == ModelCard.from_path(
        written(tmp_path / "2.md", other)
    )


def test_the_oldest_manifest_has_its_name_among_the_hyper_parameters(tmp_path: Path) -> None:
    manifest = Manifest.from_path(written(tmp_path / "m.toml", '[hyper_params]\nname = "pls"\nn_components = 2\n'))

    assert manifest == ModelCard("pls", {"n_components": 2})


def test_values_may_be_taken_over_from_elsewhere_in_the_card(tmp_path: Path) -> None:
    text = "---\nname: x\nbase: &base {a: 1, b: 2}\nhyper_params:\n  <<: *base\n  b: 3\n---\n"

    assert ModelCard.from_path(written(tmp_path / "x.md", text)).hyper_params == {"a": 1, "b": 3}


def test_a_card_of_a_name_alone_is_a_card(tmp_path: Path) -> None:
    card = ModelCard.from_path(written(tmp_path / "x.md", "---\r\nname: x\r\nhyper_params:\r\n---"))

    assert card == ModelCard("x")


def test_numbers_are_those_of_toml(tmp_path: Path) -> None:
    values = "a: 010\nb: 1:30\nc: .5\nd: -2E+4\ne: 0x1F\nf: .inf\ng: 1_000\nh: ~\ni: off\nj: 5\n"
    text = "---\nname: x\nhyper_params:\n" + "".join(f"  {line}\n" for line in values.splitlines()) + "---\n"
    found = ModelCard.from_path(written(tmp_path / "x.md", text)).hyper_params

    assert found == {
        "a": 10,
        "b": "1:30",
        "c": 0.5,
        "d": -20000.0,
        "e": 31,
        "f": float("inf"),
        "g": "1_000",
        "h": None,
        "i": "off",
        "j": 5,
    }
    assert isinstance(found["j"], int)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# pls\n", "has no front matter: its first line is not ---"),
        ("", "has no front matter"),
        ("---\nname: pls\n", "its front matter has no end"),
        ("---\n---\n", "is no table of names and values"),
        ("---\n- name\n---\n", "is no table of names and values"),
        ("---\ntags: []\n---\n", "`name` is not there"),
        ("---\nname: 3\n---\n", "`name` is 3"),
        ("---\nname: ''\n---\n", "`name` is ''"),
        ("---\nname: a/b\n---\n", "'a/b' cannot be a model's name"),
        ("---\nname: x\ntags: supervised\n---\n", "`tags` is 'supervised'"),
        ("---\nname: x\nhyper_params: [1]\n---\n", "`hyper_params` is [1]"),
        ("---\nname: x\nhyper_params: {1: 2}\n---\n", "`hyper_params` is {1: 2}"),
        ("---\nname: x\nhyper_params: {a: 1}\nhyper_parameters: {a: 2}\n---\n", "and they differ"),
        ("---\nname: x\nname: y\n---\n", "line 3: 'name' is given twice"),
        ("---\nname: x\nhyper_params:\n  a: 1\n b: 2\n---\n", "line 5"),
        ("---\nname: " + "[" * 20_000 + "\n---\n", "nested too deeply"),
        ("---\nname: !!python/object/apply:os.getcwd []\n---\n", "could not determine a constructor"),
    ],
)
def test_what_is_wrong_with_a_card_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "README.md", text)

    with pytest.raises(CardError) as error:
        ModelCard.from_path(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(("text", "said"), [("name = pls", "is no TOML"), ("", "`name` is not there")])
def test_what_is_wrong_with_a_manifest_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(CardError, match=said):
        Manifest.from_path(written(tmp_path / "x.toml", text))


def test_a_card_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="there is no model card"):
        ModelCard.from_path(tmp_path / "README.md")
    with pytest.raises(CardError, match="is a folder, not a model card") as caught:
        ModelCard.from_path(tmp_path)
    assert caught.value.fix == f"name the file: {tmp_path}/README.md"
    (tmp_path / "x.md").write_bytes(b"---\nname: \xff\n---\n")
    with pytest.raises(CardError, match="not UTF-8"):
        ModelCard.from_path(tmp_path / "x.md")


def test_a_path_may_be_text(tmp_path: Path) -> None:
    assert ModelCard.from_path(os.fspath(written(tmp_path / "x.toml", TOML))).name == "pls"


def test_dates_are_text_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nname: x\nhyper_params: {day: 2020-01-02}\nmade: 2021-03-04\n1: b\na: c\n---\n"
    )
    (tmp_path / "x.toml").write_text(
        'name = "x"\nmade = 2021-03-04\n1 = "b"\na = "c"\n[hyper_params]\nday = 2020-01-02\n'
    )
    card = ModelCard.from_path(tmp_path / "README.md")

    assert (card.hyper_params, card.extra["made"]) == ({"day": "2020-01-02"}, "2021-03-04")
    assert card == Manifest.from_path(tmp_path / "x.toml")
    assert json.dumps([card.hyper_params, card.extra])
    assert len(card.digest) == 64


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a: &a [*a]", "nested too deeply, or holds itself"),
        ("a: 2020-13-45", "month must be in 1..12"),
        (f"a: {'9' * 5000}", "Exceeds the limit"),
        ("a: !!set {b, c}", "neither text nor a number"),
        (
            "\n".join(["a: &a [1]", *(f"{b}: &{b} [{f'*{a},' * 9}]" for a, b in zip("abcdef", "bcdefg", strict=True))]),
            "more than 100000",
        ),
    ],
)
def test_a_card_made_to_break_its_reader_is_refused(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "README.md").write_text(f"---\nname: x\n{line}\n---\n")

    with pytest.raises(CardError) as caught:
        ModelCard.from_path(tmp_path / "README.md")
    assert said in str(caught.value)


def test_a_name_that_no_file_should_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text('---\nname: "x\\ny"\n---\n')

    with pytest.raises(CardError, match="cannot be a model's name"):
        ModelCard.from_path(tmp_path / "README.md")
