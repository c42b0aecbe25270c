"""Which GPU of this machine a device index means."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from repro.errors import DeviceError
from repro.runtimes.base import Device

ON_CPU = "use the CPU (--device -1, in Python device=-1)"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = Path("/proc/driver/nvidia")


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
            fix=f"name a lower index, change the variable, or {ON_CPU}",
        )
    return names[device.index]


def has_driver() -> bool:
    """Whether an NVIDIA driver is on this machine."""
    return shutil.which("nvidia-smi") is not None or _DRIVER.exists()


def check_gpu(device: Device) -> None:
    """Raise DeviceError where this machine has no such GPU. The driver's own tool is asked, not PyTorch."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        raise DeviceError(
            f"{device} was asked for and this machine has no NVIDIA driver (no nvidia-smi)",
            fix=f"install the driver where there is an NVIDIA GPU, or {ON_CPU}",
        )
    listed = subprocess.run([tool, "-L"], capture_output=True, text=True, check=False)
    count = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    if device.index >= count:
        raise DeviceError(
            f"{device} was asked for and this machine has {count}",
            cause=(listed.stderr or listed.stdout).strip()[:300] if listed.returncode else "",
            fix=f"name a lower index, or {ON_CPU}",
        )
