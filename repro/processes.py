"""Telling whether a process that owns something still lives, although numbers of processes are used again."""

from __future__ import annotations

import os
from pathlib import Path


def process_start(pid: int) -> str | None:
    """When a process started, in the kernel's ticks; None where it has gone or the system has no /proc."""
    return _stat(pid, 19)


def parent_pid(pid: int) -> int | None:
    """The process that started another, or the one that took it over; None where it has gone or there is no /proc."""
    parent = _stat(pid, 1)
    return None if parent is None else int(parent)


def _stat(pid: int, field: int) -> str | None:
    """A field of the kernel's line on a process, counted from behind its name, which may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[field]
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
    if _stat(pid, 0) == "Z":  # it has ended, and nobody has waited for it
        return False
    now = process_start(pid)
    return not started or now is None or now == started
