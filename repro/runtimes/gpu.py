"""Which GPU of this machine a device index means."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

from repro.errors import DeviceError
from repro.runtimes.base import Device

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def physical_gpu(device: Device, environ: Mapping[str, str]) -> str:
    """The GPU as the driver names it. A scheduler that gives a job some GPUs says so in CUDA_VISIBLE_DEVICES.

    >>> physical_gpu(Device(0), {"CUDA_VISIBLE_DEVICES": "3,5"})
    '3'

    Raises:
        DeviceError: the index is beyond what this process may use.
    """
    visible = environ.get(_VISIBLE)
    if visible is None:
        return str(device.index)
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if device.index >= len(names):
        raise DeviceError(
            f"{device} was asked for and {_VISIBLE}={visible!r} shows {len(names)}",
            fix="name a lower index, change the variable, or use the CPU (device=-1)",
        )
    return names[device.index]


def check_gpu(device: Device) -> None:
    """Raise DeviceError where this machine has no such GPU. The driver's own tool is asked, not PyTorch."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        raise DeviceError(
            f"{device} was asked for and this machine has no NVIDIA driver (no nvidia-smi)",
            fix="install the driver, or use the CPU (device=-1)",
        )
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    if device.index >= count:
        raise DeviceError(
            f"{device} was asked for and this machine has {count}",
            cause=(listed.stderr or listed.stdout).strip()[:300] if listed.returncode else "",
            fix="name a lower index, or use the CPU (device=-1)",
        )
