"""What this machine has for cells that run at a time, and which of them may start."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from repro.benchmarks.spec import ANY_GPU

AT_A_TIME = 4
"""So many cells that say nothing of themselves run at a time: each is counted as such a part of the machine."""

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMORY_INFO = Path("/proc/meminfo")


@dataclass(frozen=True)
class Machine:
    """What there is to share."""

    memory_bytes: int
    cpus: float
    devices: tuple[int, ...] = ()

    @classmethod
    def here(cls) -> Machine:
        """This one, as far as this process may use it. GPUs are used where they are named, and so are not looked for.

        >>> Machine.here().cpus >= 1
        True
        """
        return cls(_memory_bytes(), float(_cpus()))


@dataclass(frozen=True)
class Needs:
    """What one cell takes for as long as it runs."""

    memory_bytes: int | None = None
    """None: nobody said it; counted as a part of what there is."""
    cpus: float | None = None
    device: int = -1
    """Index of a GPU, -1 for the CPU, ANY_GPU for one of those that are free."""


@dataclass(frozen=True)
class Share:
    """What a running cell holds."""

    memory_bytes: int
    cpus: float
    device: int


class Pool:
    """The machine, shared out.

    A cell that needs more memory or cores than there are runs alone: to refuse it would not make the machine larger.

    >>> pool = Pool(Machine(8 << 30, 2))
    >>> one = pool.take(Needs(memory_bytes=6 << 30))
    >>> pool.take(Needs(memory_bytes=6 << 30)) is None
    True
    """

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._held: list[Share] = []

    def take(self, needs: Needs) -> Share | None:
        """What the cell may hold from now on; None where it has to wait."""
        device = self._device(needs.device)
        if device is None:
            return None
        share = Share(
            memory_bytes=self._machine.memory_bytes // AT_A_TIME if needs.memory_bytes is None else needs.memory_bytes,
            cpus=max(1.0, self._machine.cpus / AT_A_TIME) if needs.cpus is None else needs.cpus,
            device=device,
        )
        if self._held and not self._fits(share):
            return None
        self._held.append(share)
        return share

    def give_back(self, share: Share) -> None:
        """The cell has ended."""
        self._held.remove(share)

    def threads(self, needs: Needs, at_once: int) -> int:
        """How many threads a cell computes with, where so many cells run at once: its part of the cores.

        With more, cells would wait for each other.

        >>> pool = Pool(Machine(8 << 30, 16))
        >>> [pool.threads(Needs(), cells) for cells in (1, 2, 8)], pool.threads(Needs(cpus=6), 8)
        ([16, 8, 4], 6)
        """
        if needs.cpus is not None:
            return max(1, math.floor(needs.cpus))
        return max(1, math.floor(self._machine.cpus / min(at_once, AT_A_TIME)))

    def _fits(self, share: Share) -> bool:
        memory_bytes = sum(one.memory_bytes for one in self._held) + share.memory_bytes
        cpus = math.fsum(one.cpus for one in self._held) + share.cpus
        return memory_bytes <= self._machine.memory_bytes and cpus <= self._machine.cpus

    def _device(self, wanted: int) -> int | None:
        if wanted == -1:
            return -1
        busy = {one.device for one in self._held}
        wanted_ones: Iterable[int] = self._machine.devices if wanted == ANY_GPU else (wanted,)
        return next((device for device in wanted_ones if device not in busy), None)


def _memory_bytes() -> int:
    """What programs may still take: without swap, within the limit of a container that this runs in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([total, *_available_bytes(), *_limits_bytes()])


def _available_bytes() -> Iterable[int]:
    try:
        lines = _MEMORY_INFO.read_text().splitlines()
    except OSError:  # not Linux
        return []
    return [int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")]


def _limits_bytes() -> Iterable[int]:
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text().strip()
        except OSError:  # the other version of control groups, or none
            continue
        if text.isdigit():
            yield int(text)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
