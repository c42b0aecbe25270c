"""Whether somebody works on something: who does holds its lock, and the kernel lets go of a lock with its process."""

from __future__ import annotations

from pathlib import Path


def is_free(lock: Path) -> bool:
    """Whether nobody holds a lock file."""
    from filelock import FileLock, Timeout

    if not lock.exists():
        return True
    held = FileLock(lock)
    try:
        held.acquire(timeout=0)
    except Timeout:
        return False
    held.release()
    return True
