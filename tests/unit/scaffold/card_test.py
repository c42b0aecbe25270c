"""The card of a new model is models/Template.md with what is known filled in."""

from __future__ import annotations

from repro.scaffold import NewModel
from repro.scaffold.card import fill_card
from repro.scaffold.facts import card_rows
from repro.scaffold.readme import with_model
from tests.documents import ROOT

TEMPLATE = (ROOT / "models" / "Template.md").read_text(encoding="utf-8")


def headings(card: str) -> list[str]:
    return [line for line in card.splitlines() if line.startswith("## ")]


def test_what_is_not_known_stays_as_the_template_has_it() -> None:
    assert fill_card(TEMPLATE, [], {}, {}) == TEMPLATE


def test_words_are_filled_in_as_words_alone() -> None:
    card = fill_card("# NAME\n\nNAMES and NAME.\n", [], {"NAME": r"a\1"}, {})

    assert card == "# a\\1\n\nNAMES and a\\1.\n"


def test_a_row_of_the_table_has_one_cell_whatever_is_in_it() -> None:
    card = fill_card(TEMPLATE, [], {}, card_rows(NewModel("x", paper="https://a.org/?a|b", licence="MIT")))

    assert r"| Paper | https://a.org/?a\|b |" in card
    assert "| Licence | MIT |" in card
    assert "| Original code | address, version |" in card


def test_a_part_brings_description_sections_and_front_matter() -> None:
    part = "---\nname: x\n---\n\nCounts.\n\n## Options\n\nNone.\n\n## Training\n\nBy hand.\n"

    card = fill_card(TEMPLATE, [part], {"NAME": "x"}, {})

    assert card.startswith("---\nname: x\n---\n\n# x\n\nCounts.\n\n| | |\n")
    assert "## Options\n\nNone.\n" in card
    names = headings(TEMPLATE)
    assert headings(card) == [
        *names[: names.index("## How it was checked")],
        "## Training",
        "## How it was checked",
        names[-1],
    ]


def test_the_list_of_the_readme_gets_a_row_in_its_place() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    listed = with_model(readme, "ebony", "counts", "none")

    lines = listed.splitlines()
    at = lines.index("| `ebony` | counts | none |")
    assert lines[at - 1].startswith("| `antiberty` |")
    assert lines[at + 1].startswith("| `esm` |")
    assert listed.replace("| `ebony` | counts | none |\n", "") == readme


def test_a_readme_without_that_list_stays_as_it_is() -> None:
    assert with_model("# Mine\n\n## Models\n\nNone.\n", "x", "counts", "none") == "# Mine\n\n## Models\n\nNone.\n"
