"""What killed processes have left on the disk."""

from __future__ import annotations

from collections.abc import Iterator

from repro.doctor.finding import Finding
from repro.settings import Settings


def check_leftovers(settings: Settings) -> Iterator[Finding]:
    """Exchange folders and half-made environments that nobody owns."""
    from repro.housekeeping import leftovers

    left = leftovers(settings, client=None)
    if left:
        size_bytes = sum(one.size_bytes for one in left)
        found = f"{len(left)} folders of killed processes, {size_bytes / 1e6:,.1f} MB: {left[0].name}"
        yield Finding("leftovers", "warning", found + (", ..." if len(left) > 1 else ""), "repro clean")
    else:
        yield Finding("leftovers", "ok", "none")
