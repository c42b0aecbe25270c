"""All that is wrong with a model's card. Reading it stops at the first fault; this looks on for the others."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from repro.guest.assays import CardError, ModelCard
from repro.guest.assays.card import HYPER_PARAMS, _card, _text
from repro.guest.assays.front_matter import load_front_matter
from repro.guest.assays.toml_text import load_toml

CARD, MANIFEST = "README.md", "manifest.toml"
_GROUPS = (("tags",), HYPER_PARAMS)


def card_findings(place: Path) -> tuple[ModelCard | None, list[CardError]]:
    """The card, or None where it cannot be read, and all that is wrong; nothing where it is sound.

    Args:
        place: the folder of a model, with README.md or the older manifest.toml, or with both; or such a file.
    """
    if not place.exists():
        return None, [_missing(place)]
    if not place.is_dir():
        return _of_file(place)
    files = [place / name for name in (CARD, MANIFEST) if (place / name).is_file()]
    if not files:
        return None, [
            CardError(f"{place} has neither {CARD} nor {MANIFEST}", f"write {place / CARD}, or name another folder")
        ]
    read = [(file, *_of_file(file)) for file in files]
    found = [error for _, _, errors in read for error in errors]
    cards = [card for _, card, _ in read if card is not None]
    if len(cards) == 2:
        found += _differences(cards[0], cards[1], place)
    return (cards[0] if cards and not found else None), found


def _missing(place: Path) -> CardError:
    beside = [one.name for one in place.parent.iterdir()] if place.parent.is_dir() else []
    near = difflib.get_close_matches(place.name, beside, n=1)
    fix = f"did you mean {place.parent / near[0]}?" if near else "name the folder of a model, models/MODEL, or its card"
    return CardError(f"there is no folder or file {place}", fix)


def _of_file(path: Path) -> tuple[ModelCard | None, list[CardError]]:
    try:
        content = _content(str(path))
    except CardError as error:
        return None, [error]
    # Each part by itself, with the others left out: so that one fault does not hide another.
    nested = any("name" in one for one in map(content.get, HYPER_PARAMS) if isinstance(one, dict))
    name = {"name": content["name"]} if "name" in content else {"name": "card"} if nested else {}
    parts = [name, *({"name": "card", **{key: content[key] for key in keys if key in content}} for keys in _GROUPS)]
    errors = [fault for part in parts for fault in _faults(part, str(path))] or _faults(content, str(path))
    return (None if errors else _card(ModelCard, content, str(path))), errors


def _content(path: str) -> dict[str, Any]:
    text = _text(path)
    found: dict[str, Any]
    found = load_toml(text, CardError, path) if path.endswith(".toml") else load_front_matter(text, path)
    return found


def _faults(content: dict[str, Any], path: str) -> list[CardError]:
    """The first fault, if there is one."""
    try:
        _card(ModelCard, content, path)
    except CardError as error:
        return [error]
    return []


def _differences(card: ModelCard, manifest: ModelCard, place: Path) -> list[CardError]:
    return [
        CardError(
            f"{place / CARD} and {place / MANIFEST} differ in `{key}`: {ours!r} and {theirs!r}", "keep one of the files"
        )
        for key in ("name", "hyper_params")
        if (ours := getattr(card, key)) != (theirs := getattr(manifest, key))
    ]
