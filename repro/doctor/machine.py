"""The machine itself: interpreter, uv, GPUs."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator

from repro.doctor.finding import Finding
from repro.errors import BuildError
from repro.settings import Settings

_OLDEST_PYTHON = (3, 10)
_ANSWER_WITHIN_S = 20


def check_python(_: Settings) -> Iterator[Finding]:
    """The interpreter that runs repro."""
    found = f"Python {platform.python_version()} ({sys.executable}), {platform.system()} {platform.machine()}"
    if sys.version_info < _OLDEST_PYTHON:
        yield Finding("Python", "fault", found, "install Python 3.10 or later")
    else:
        yield Finding("Python", "ok", found)


def check_uv(_: Settings) -> Iterator[Finding]:
    """uv, which makes local environments."""
    from repro.runtimes.environments import uv_executable

    try:
        uv = uv_executable()
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, timeout=_ANSWER_WITHIN_S, check=True)
    except BuildError as error:
        yield Finding("uv", "fault", error.message, error.fix)
    except (OSError, subprocess.SubprocessError) as error:
        yield Finding("uv", "fault", f"it does not run: {error}", "pip install --force-reinstall uv")
    else:
        yield Finding("uv", "ok", f"{answer.stdout.strip()} ({uv})")


def check_gpu(_: Settings) -> Iterator[Finding]:
    """The GPUs that the NVIDIA driver of this machine sees."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        yield Finding("GPU", "ok", "no NVIDIA driver (no nvidia-smi): models run on the CPU")
        return
    gpus, reason = host_gpus()
    if reason:
        yield Finding(
            "GPU", "warning", f"nvidia-smi fails: {reason}", "reinstall the NVIDIA driver, or load its module"
        )
    elif not gpus:
        yield Finding("GPU", "warning", "there is an NVIDIA driver and no GPU", "see whether `lspci` lists one")
    else:
        yield Finding("GPU", "ok", "; ".join(f"{index}: {name}" for index, name in enumerate(gpus)))


def host_gpus() -> tuple[list[str], str]:
    """Names of the GPUs, with driver and memory, in the order of their index; and why they cannot be told."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return [], "no nvidia-smi"
    query = "--query-gpu=name,memory.total,driver_version"
    try:
        answer = subprocess.run(
            [tool, query, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=_ANSWER_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [], str(error)
    if answer.returncode != 0:
        return [], (answer.stdout + answer.stderr).strip().splitlines()[0][
            :200
        ] if answer.stdout + answer.stderr else "?"
    return [_gpu(line) for line in answer.stdout.splitlines() if line.strip()], ""


def _gpu(line: str) -> str:
    name, memory, driver = (part.strip() for part in line.split(",", 2))
    return f"{name}, {memory}, driver {driver}"
