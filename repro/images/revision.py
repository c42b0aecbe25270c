"""The revision of a model's source, as git knows it."""

from __future__ import annotations

import subprocess
from pathlib import Path

_ANSWER_WITHIN_S = 10.0


def source_revision(folder: Path) -> str:
    """The commit that a folder's files are from, with `-dirty` where they differ from it; empty where git knows none.

    A folder that lies in somebody's repository without being part of it has no revision.
    """
    if not _git(folder, "ls-files", "--", "."):
        return ""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return ""
    return f"{commit}-dirty" if _git(folder, "status", "--porcelain", "--", ".") else commit


def _git(folder: Path, *words: str) -> str:
    """What git prints; empty where there is no git, no repository, or another's that it does not trust."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False, timeout=_ANSWER_WITHIN_S
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
