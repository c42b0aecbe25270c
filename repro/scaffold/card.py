"""The model card of a new model: `models/Template.md`, with what is known of the model filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_TITLE = ""
_HEADING = re.compile(r"^## (.+)\n", re.MULTILINE)
_FRONT_MATTER = re.compile(r"---\n.*?\n---\n+", re.DOTALL)
_BEFORE = "How it was checked"
"""Sections that the template does not have come before this one."""


def fill_card(template: str, parts: Sequence[str], words: Mapping[str, str], rows: Mapping[str, str]) -> str:
    r"""A model card.

    Args:
        template: the card that all models share.
        parts: cards in part: a section of theirs takes the place of the template's. What stands before the first
            heading is the description; YAML front matter goes to the top. Later ones go before earlier ones.
        words: what stands for NAME, MODEL and the like.
        rows: the second cells of the first table, by the first one.

    >>> print(fill_card("# NAME\n\nWhat it does.\n\n## Use\n", ["Reverses text."], {"NAME": "x"}, {}))
    # x
    <BLANKLINE>
    Reverses text.
    <BLANKLINE>
    ## Use
    <BLANKLINE>
    """
    for word, value in words.items():
        template = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", lambda _, value=value: value, template)  # type: ignore[misc]
    for label, value in rows.items():
        row = re.compile(rf"^\| {re.escape(label)} \|.*$", re.MULTILINE)
        template = row.sub(lambda _, label=label, value=value: f"| {label} | {value} |", template)  # type: ignore[misc]
    sections = _sections(template)
    front = ""
    for part in parts:
        found = _FRONT_MATTER.match(part)
        front = found[0].rstrip() + "\n\n" if found else front
        for heading, body in _sections(_FRONT_MATTER.sub("", part, count=1)).items():
            if heading == _TITLE:
                body = _described(sections[_TITLE], body) if body.strip() else sections[_TITLE]
            sections = _with(sections, heading, body)
    return front + "\n\n".join(_shown(heading, body) for heading, body in sections.items()) + "\n"


def _shown(heading: str, body: str) -> str:
    return body.strip() if heading == _TITLE else f"## {heading}\n\n{body.strip()}".strip()


def _sections(text: str) -> dict[str, str]:
    """The text under each heading of the second level; what comes before the first one under an empty name."""
    title, *rest = _HEADING.split(text)
    return {_TITLE: title, **dict(zip(rest[::2], rest[1::2], strict=True))}


def _described(title: str, description: str) -> str:
    """The beginning of a card with another description between its title and its table."""
    heading, _, rest = title.strip().partition("\n\n")
    _, _, table = rest.partition("\n\n")
    return "\n\n".join(filter(None, [heading, description.strip(), table]))


def _with(sections: Mapping[str, str], heading: str, body: str) -> dict[str, str]:
    if heading in sections:
        return {**sections, heading: body}
    there = list(sections.items())
    at = next((number for number, (name, _) in enumerate(there) if name == _BEFORE), len(there))
    return dict([*there[:at], (heading, body), *there[at:]])
