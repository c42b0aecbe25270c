"""Whether somebody works on something: who does holds its lock, and the kernel lets go of a lock with its process.

Nothing is written to find out: a lock may lie in a folder that is not ours.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from repro.exchange_folder import is_lock_free


def is_free(lock: Path) -> bool:
    """Whether nobody holds a lock file; one that is not there is held by nobody."""
    try:
        return is_lock_free(lock, of_anybody=True)
    except FileNotFoundError:
        return True
    except OSError:  # a link, or not to be opened
        return False


def was_left(folder: Path, lock: Path) -> bool:
    """Whether a folder is what a process of this user left when it was killed: the lock that it held is there, free."""
    try:
        found = folder.lstat()
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and is_lock_free(lock)
    except OSError:  # no lock, or removed meanwhile
        return False
