"""The revision of a model's source: a commit, or the version of an installed package."""

from __future__ import annotations

import subprocess
from importlib.metadata import packages_distributions, version
from pathlib import Path

_INSTALLED_IN = ("site-packages", "dist-packages")
_ANSWER_WITHIN_S = 10.0


def source_revision(folder: Path) -> str:
    """The commit that a folder's files are from, with `-dirty` where they differ from it.

    Of a folder that no commit has: `PACKAGE==VERSION` of the installed package that it came with, or else nothing. One
    that lies in somebody's repository without being part of it has no revision of that.
    """
    if not _git(folder, "ls-files", "--", "."):
        return installed_package(folder)
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return ""
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--", ".") else commit


def installed_package(folder: Path) -> str:
    """`PACKAGE==VERSION` of the installed package that a folder is a part of; empty where it is part of none.

    A package that is installed as a link to its source (`pip install -e`) is worked on: it does not count.
    """
    parts = folder.absolute().parts
    place = next((at for at, part in enumerate(parts) if part in _INSTALLED_IN), None)
    if place is None or place + 1 >= len(parts):
        return ""
    names = packages_distributions().get(parts[place + 1], ())
    return f"{names[0]}=={version(names[0])}" if names else ""


def _git(folder: Path, *words: str) -> str:
    """What git prints; empty where there is no git, no repository, or another's that it does not trust."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=_ANSWER_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
