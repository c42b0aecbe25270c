"""Small checks of this machine, each with a name, a finding and a remedy: what `repro doctor` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from repro.doctor.engine import (
    check_containers,
    check_engine,
    check_engine_disk,
    check_engine_files,
    check_engine_gpu,
    check_image_builder,
)
from repro.doctor.finding import Finding, Status
from repro.doctor.leftovers import check_leftovers
from repro.doctor.machine import check_gpu, check_python, check_uv
from repro.doctor.storage import check_disk, check_environments, check_folders, check_weights
from repro.settings import Settings

Check = Callable[[Settings], Iterable[Finding]]

CHECKS: tuple[Check, ...] = (
    check_python,
    check_uv,
    check_gpu,
    check_engine,
    check_engine_gpu,
    check_engine_files,
    check_image_builder,
    check_engine_disk,
    check_folders,
    check_disk,
    check_environments,
    check_weights,
    check_containers,
    check_leftovers,
)

__all__ = ["CHECKS", "Check", "Finding", "Status", "examine"]


def examine(settings: Settings, checks: Iterable[Check] = CHECKS) -> Iterator[Finding]:
    """Findings as they come; a check that has nothing to say of this machine gives none."""
    for check in checks:
        yield from check(settings)
