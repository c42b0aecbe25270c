"""Helpers for the tests of models."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from repro.errors import SettingsError


def get_testing_device_parameters(gpu_only: bool = False, environ: Mapping[str, str] | None = None) -> list[tuple[int]]:
    """The devices to run a model's tests on, for `parameterized.expand`: those of TEST_DEVICES, or else the CPU.

    Args:
        gpu_only: leave the CPU out, for a model that cannot run on it.
        environ: where TEST_DEVICES is read from; the process's environment by default.

    >>> get_testing_device_parameters(environ={"TEST_DEVICES": "-1 0,1"})
    [(-1,), (0,), (1,)]

    Raises:
        SettingsError: TEST_DEVICES is not a list of whole numbers from -1.
    """
    text = (os.environ if environ is None else environ).get("TEST_DEVICES", "")
    words = [word for word in re.split(r"[,\s]+", text) if word] or ["-1"]
    try:
        devices = [int(word) for word in words]
    except ValueError:
        devices = [-2]
    if min(devices) < -1:
        raise SettingsError(f"TEST_DEVICES={text!r} is no list of devices", fix='for example: TEST_DEVICES="-1 0"')
    return [(device,) for device in devices if device >= 0 or not gpu_only]
