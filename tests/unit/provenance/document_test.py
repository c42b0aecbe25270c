"""docs/provenance.md has every key of a manifest, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from repro.provenance import Manifest

DOCUMENT = Path(__file__).parents[3] / "docs" / "provenance.md"


def keys(kind: Any, name: str = "") -> Iterator[str]:
    """The keys of a manifest down to those whose names are the model's, or somebody else's."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        key = f"{name}.{field.name}" if name else field.name
        (inner, *_) = [one for one in (hints[field.name], *get_args(hints[field.name])) if is_dataclass(one)] or [None]
        # What stands in `resumed` is told where it stands first.
        if inner is None or key.startswith("resumed."):
            yield key
        else:
            yield from keys(inner, key)


def test_every_key_is_documented_in_the_order_of_the_file() -> None:
    documented = re.findall(r"^\| `([\w.]+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert documented == list(keys(Manifest))
