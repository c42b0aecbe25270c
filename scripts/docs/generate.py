"""Writes the pages of the reference that are committed: `make docs` does it, `make lint` fails where one is stale.

What is made how:

- the command line and the settings are written here, and committed: a change of either is then seen in a review, and
  both can be read without building the site
- the page of each model is made while the site is built (docs/hooks/models.py): it appears with the model, and there is
  nothing that could be forgotten
- classes, functions and the tree of errors are rendered from their docstrings while the site is built (mkdocstrings)

    python -m scripts.docs.generate [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from scripts.docs import command_line, settings_page

ROOT = Path(__file__).parents[2]
PAGES = {
    "docs/reference/cli.md": command_line.render,
    "docs/reference/settings.md": settings_page.render,
}
_NOTE = "<!-- Written by scripts/docs/generate.py: change the code that it is taken from, and run `make docs`. -->\n\n"


def stale_pages(root: Path = ROOT) -> dict[str, str]:
    """The pages that are not what the code says, with what they have to be."""
    wanted = {name: _NOTE + render() for name, render in PAGES.items()}
    return {name: text for name, text in wanted.items() if _read(root / name) != text}


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` only say so."""
    stale = stale_pages()
    for name, text in stale.items():
        if arguments == ["--check"]:
            print(f"{name} is stale: run `make docs`, and commit it", file=sys.stderr)
        else:
            (ROOT / name).write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    return 1 if stale and arguments == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
