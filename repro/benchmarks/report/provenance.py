"""What `cell.json` says of a cell, as lines that a reader of the page can unfold."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from repro.errors import InputFileError

_TOLD_ELSEWHERE = ("scores", "error", "status", "layout", "metrics")
_MOST_LINES = 60
_LONGEST = 300


def read_provenance(file: Path) -> list[tuple[str, str]]:
    """Names and values, nested ones with dots between their names; nothing where there is no such file.

    Raises:
        InputFileError: the file is no JSON object.
    """
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise InputFileError(
            f"{file} cannot be read: {error}", fix="remove the folder it is in, and run again"
        ) from None
    if not isinstance(document, dict):
        raise InputFileError(f"{file} is no JSON object", fix="remove the folder it is in, and run again")
    told = {name: value for name, value in document.items() if name not in _TOLD_ELSEWHERE}
    return [(name, text[:_LONGEST]) for name, text in _flat("", told)][:_MOST_LINES]


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list) and any(isinstance(inner, (dict, list)) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(f"{name}.{number}", inner)
    elif isinstance(value, list):
        if value:
            yield name, ", ".join(map(str, value))
    elif value not in (None, ""):
        yield name, str(value)
