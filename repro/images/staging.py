"""The private folder in which a build context is put together. What a killed process left, the next one removes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

_PREFIX = ".repro-build-"  # hidden: a folder of the weights store is no variant
_LOCK = "lock"


@contextlib.contextmanager
def staging(beside: Path | None = None) -> Iterator[Path]:
    """A folder for one build, on the file system of `beside` where that can be written (large files are linked)."""
    parent = Path(tempfile.gettempdir())
    if beside is not None and os.access(beside, os.W_OK):
        parent = beside
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    try:
        with (folder / _LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it, however this process ends
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            with (folder / _LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # in use, another user's, or just being made
            continue
