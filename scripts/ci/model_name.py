"""Prints a model's name, if it is the name of a model of this repository: what came from outside is checked here once.

scripts/ci/model_name.py tutorial
"""

from __future__ import annotations

import re
import sys

from repro.registry import catalogue

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def checked(name: str) -> str | None:
    """The name, or None where no model of this repository has it."""
    source = catalogue.sources.get(name) if _NAME.fullmatch(name) else None
    return name if source is not None and source.package == "repro" else None


def main(words: list[str]) -> int:
    name = checked(words[0]) if len(words) == 1 else None
    if name is None:
        ours = sorted(source.name for source in catalogue.sources.values() if source.package == "repro")
        print(f"no model of this repository has that name; there are: {', '.join(ours)}", file=sys.stderr)
        return 2
    print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
