"""Tables in Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

_CODE = re.compile(r"(`[^`]*`)")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are Markdown.

    >>> print(table(["name", "type"], [["`a`", "x | y"], ["`b|c`", ""]]))
    | name | type |
    |---|---|
    | `a` | x \\| y |
    | <code>b&#124;c</code> |  |
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(_line(cells) for cells in lines).replace("| --- |", "|---|").replace(" --- |", "---|")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: str) -> str:
    """One cell. Renderers of Markdown do not agree on how a bar is written within code: there it is HTML."""
    parts = (_bars_in_code(part) if part.startswith("`") else part.replace("|", "\\|") for part in _CODE.split(cell))
    return "".join(parts).replace("\n", "<br>")


def _bars_in_code(part: str) -> str:
    return f"<code>{html.escape(part.strip('`')).replace('|', '&#124;')}</code>" if "|" in part else part


def prose(text: str) -> str:
    """Plain text as Markdown: what is no code stays as it is written.

    >>> prose("`a*b` and <a*b>")
    '`a*b` and &lt;a\\\\*b>'
    """
    return "".join(
        part if part.startswith("`") else part.replace("<", "&lt;").replace("*", "\\*") for part in _CODE.split(text)
    )


def code(text: object) -> str:
    """A value as code; nothing for an empty one."""
    return f"`{text}`" if str(text) else ""
