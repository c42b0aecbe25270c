"""The interpreters that the guest has to run on."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import repro.guest

GUEST = Path(repro.guest.__file__).parent


def _oldest() -> str | None:
    candidates = [*Path("~/.pyenv/versions").expanduser().glob("3.7.*/bin/python3.7"), shutil.which("python3.7")]
    for candidate in candidates:
        # pyenv's stand-in on PATH is there for versions that are not, too.
        if candidate and subprocess.run([candidate, "--version"], capture_output=True, check=False).returncode == 0:
            return str(candidate)
    return None


OLDEST = _oldest()

INTERPRETERS = [
    pytest.param([sys.executable], id="this one"),
    pytest.param([sys.executable, "-S"], id="without any package"),
    pytest.param(
        [OLDEST or "python3.7"],
        id="Python 3.7",
        marks=pytest.mark.skipif(OLDEST is None, reason="there is no python3.7 on this machine"),
    ),
]
"""Commands: this interpreter, with numpy and orjson; without them; and the oldest one."""


def guest_beside(folder: Path) -> None:
    """Make the guest importable as `repro_guest` for what runs in `folder`."""
    (folder / "repro_guest").symlink_to(GUEST)
