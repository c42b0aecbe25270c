"""Telling whether a process that owns something still lives, although numbers of processes are used again."""

from __future__ import annotations

import os
from pathlib import Path


def process_start(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None where it has gone or the system has no /proc."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return None


def is_alive(pid: int, started: str) -> bool:
    """Whether the process `pid` that started at `started` (empty: not known) lives.

    >>> is_alive(os.getpid(), process_start(os.getpid()) or "")
    True
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, as another user
        pass
    now = process_start(pid)
    return not started or now is None or now == started
