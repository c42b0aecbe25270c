"""The private folder in which a build context is put together. What a killed process left, the next one removes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

STAGING_PREFIX = ".repro-build-"  # hidden: a folder of the weights store is no variant
"""How the name of each such folder begins."""
_LOCK = "lock"


@contextlib.contextmanager
def staging(beside: Path | None = None) -> Iterator[Path]:
    """A folder for one build, on the file system of `beside` where that can be written (large files are linked)."""
    parent = Path(tempfile.gettempdir())
    if beside is not None and os.access(beside, os.W_OK):
        parent = beside
    for abandoned in abandoned_stagings(parent):
        shutil.rmtree(abandoned, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=STAGING_PREFIX, dir=parent))
    try:
        unnamed = folder / f".{_LOCK}"
        with unnamed.open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it, however this process ends
            unnamed.rename(folder / _LOCK)  # held from its first moment: nobody finds it free
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def abandoned_stagings(folder: Path) -> list[Path]:
    """Those of this user's staging folders in `folder` whose process has gone: each has a lock that nobody holds.

    They may hold this machine's pip configuration, with its passwords. Links are not followed.
    """
    return [path for path in sorted(folder.glob(f"{STAGING_PREFIX}*")) if _is_abandoned(path)]


def _is_abandoned(folder: Path) -> bool:
    try:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        lock = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # just being made, or removed meanwhile
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # in use
        return False
    finally:
        os.close(lock)
    return True
