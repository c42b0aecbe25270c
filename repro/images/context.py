"""The build context of a model's image: what its Dockerfile needs, and no more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import repro.guest

GUEST = "repro_guest"
_NEVER = {"tests", "__pycache__", ".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store"}


def stage_context(folder: Path, target: Path) -> None:
    """Copy a model's folder to `target`, without tests, caches and git, with the guest beside it as `repro_guest`.

    Equal content gives equal files and times, so that the builder's cache is hit.
    """
    shutil.copytree(folder, target, ignore=_ignored, dirs_exist_ok=True)
    shutil.copytree(Path(repro.guest.__file__).parent, target / GUEST, ignore=_ignored)
    for path in target.rglob("*"):
        # The container runs as any user, who must be able to read what was copied from this one's files.
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _ignored(folder: str, names: Iterable[str]) -> set[str]:
    return {name for name in names if name in _NEVER or name.endswith(".pyc")}
