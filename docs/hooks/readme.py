"""The documentation's first page is the README, so that there is one text to keep true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

README = Path(__file__).parents[2] / "README.md"
LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#|mailto:)([^)]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace the text of index.md by the README's."""
    if page.file.src_uri != "index.md":
        return markdown
    return LINK.sub(_as_seen_from_docs, README.read_text(encoding="utf-8"))


def _as_seen_from_docs(link: re.Match[str]) -> str:
    """A link into docs/ loses that part; a link to another file of the repository becomes its text."""
    text, target = link.groups()
    return f"[{text}]({target.removeprefix('docs/')})" if target.startswith("docs/") else text
