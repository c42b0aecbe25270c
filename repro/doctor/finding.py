"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    status: Status
    """`warning`: something cannot be used, and all else works; `fault`: repro does not work as it should."""
    finding: str
    remedy: str = ""
    """What to do, best a command; empty where all is well."""
