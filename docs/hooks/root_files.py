"""The first page is the README, and the changelog is CHANGELOG.md, so that there is one text of each to keep true."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {"index.md": "README.md", "changelog.md": "CHANGELOG.md"}
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://|#|mailto:)([^)]+)\)")


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Replace the text of a page by that of the file that it stands for."""
    name = PAGES.get(page.file.src_uri)
    if name is None:
        return markdown
    return _LINK.sub(_as_seen_from_docs, (ROOT / name).read_text(encoding="utf-8"))


def _as_seen_from_docs(link: re.Match[str]) -> str:
    """A link into docs/ loses that part, one to a file that has a page leads there, any other becomes its text."""
    text, target = link.groups()
    page = {name: page for page, name in PAGES.items()}.get(target)
    if target.startswith("docs/"):
        return f"[{text}]({target.removeprefix('docs/')})"
    return f"[{text}]({page})" if page else text
