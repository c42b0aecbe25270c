"""What this process may use of the machine: a container sees all its cores and memory, and gets what its group has."""

import math
import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_UNLIMITED = 1 << 60  # version 1 has no word for it, but a number close to 2^63


def cpu_count(root=_ROOT, own=_OWN):
    """Threads that can run at once: cores that this process may use, and no more than its group's CPU quota.

    More threads than the quota pays for are stopped in the middle of a parallel loop, and all others wait for them.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quotas = [_quota_v2(folder / "cpu.max") for folder in _folders(root, own, "")]
    quotas += [_quota_v1(folder) for folder in _folders(root, own, "cpu")]
    return max(1, min([cores, *(math.ceil(quota) for quota in quotas if quota is not None)]))


def memory_left_bytes(root=_ROOT, own=_OWN, meminfo=Path("/proc/meminfo")):
    """Bytes that can still be taken before the machine or the group has none; None where neither says it.

    What the kernel can drop at once (cached files, such as the mapped weights) counts as free.
    """
    left = [_available(meminfo)]
    names = {"": ("memory.max", "memory.current", "inactive_file")}
    names["memory"] = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    for controller, (limit, usage, cached) in names.items():
        left += [_left(folder, limit, usage, cached) for folder in _folders(root, own, controller)]
    return min((value for value in left if value is not None), default=None)


def _folders(root, own, controller):
    """The process's group and those above it, whose limits hold too. Controller "": version 2."""
    try:
        lines = own.read_text().splitlines()
    except OSError:  # no Linux
        return []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            # In a container the path may be that of the host, and what is mounted here the container's own group.
            base = next((place for place in (root / controllers, root / controller) if place.is_dir()), root)
            parts = Path(path.lstrip("/"))
            return [base / part for part in (parts, *parts.parents) if (base / part).is_dir()]
    return []


def _quota_v2(file):
    words = _read(file).split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0] != "max" else None


def _quota_v1(folder):
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _left(folder, limit, usage, cached):
    most, used = _read(folder / limit), _read(folder / usage)
    if not (most and used) or most == "max" or int(most) >= _UNLIMITED:
        return None
    stat = dict(line.split() for line in _read(folder / "memory.stat").splitlines())
    return max(0, int(most) - int(used) + int(stat.get(cached, 0)))


def _available(meminfo):
    for line in _read(meminfo).splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _read(file):
    """The text of a file of the kernel's, without its end of line; empty where there is none."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""
