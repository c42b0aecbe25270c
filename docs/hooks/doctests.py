"""Examples in docstrings stand there as they would be typed; here they become code blocks of the site."""

from __future__ import annotations

import re
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^(?P<indent> *)>>> .*(?:\n(?!\s*$).*)*", re.MULTILINE)
_DIRECTIVE = re.compile(r"\s*# doctest: \+\w+$", re.MULTILINE)


class Doctests(griffe.Extension):
    """Fences each example, and takes out what is said to doctest alone."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = _EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    indent = example["indent"]
    return f"{indent}```pycon\n{_DIRECTIVE.sub('', example[0])}\n{indent}```"
