"""Types of hyper-parameters, which `-p NAME=VALUE` gives as texts."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BeforeValidator


def read_list(value: Any) -> Any:
    """Several values as `run.py train` reads them: a list, its JSON, or one value alone.

    >>> read_list("[1, 10]"), read_list("10"), read_list(None)
    ([1, 10], ['10'], None)

    Raises:
        ValueError: a text that begins as a list and is none.
    """
    if not isinstance(value, str):
        return value
    if not value.strip().startswith("["):
        return [value]
    try:
        return json.loads(value)
    except ValueError as error:
        raise ValueError(f"it is no list: {error}") from None


ListOrText = BeforeValidator(read_list)
"""Of a field that holds a list."""
