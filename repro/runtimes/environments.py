"""Isolated Python environments, one a model: made by uv from the model's requirements, found by their key."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from repro.errors import BuildError, Evidence
from repro.runtimes.base import ModelSpec
from repro.runtimes.pip_settings import read_pip_settings
from repro.settings import Settings

_RECORD = "repro.json"
_SHOWN_LINES = 20


@dataclass(frozen=True)
class WantedEnvironment:
    """The environment that a model needs: made or not."""

    model: str
    requirements: Path
    constraints: Path
    """The versions of all packages, where they are locked."""
    interpreter: str
    """What uv is asked for: a path or a version."""
    key: str
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def is_ready(self) -> bool:
        # The folder gets its name only when it is complete; the interpreter it leans on may have gone since.
        return (self.folder / _RECORD).is_file() and self.python.exists()


def wanted(spec: ModelSpec, settings: Settings) -> WantedEnvironment:
    """The environment for a model, keyed by the content of its requirements.txt and .lock, and by the interpreter."""
    requirements, constraints = spec.folder / "requirements.txt", spec.folder / "requirements.lock"
    content = [path.read_bytes() if path.is_file() else b"" for path in (requirements, constraints)]
    interpreter = spec.python or sys.executable
    identity = spec.python or f"{sys.version} {sys.base_prefix}"
    key = hashlib.sha256(b"\0".join([*content, identity.encode()])).hexdigest()[:16]
    folder = settings.cache_dir / "environments" / f"{spec.name}-{key}"
    return WantedEnvironment(spec.name, requirements, constraints, interpreter, key, folder)


def make(environment: WantedEnvironment, report: Callable[[str], None], *, anew: bool = False) -> None:
    """Make an environment, or do nothing where it is there. Two processes at once: one makes it, the other waits.

    Args:
        environment: which one.
        report: gets uv's lines.
        anew: make it also where it is there, without uv's cache.

    Raises:
        BuildError: uv failed; holds its last lines.
    """
    from filelock import FileLock

    if environment.is_ready and not anew:
        report(f"the local environment of {environment.model} is up to date ({environment.folder})")
        return
    parent = environment.folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(parent / f".{environment.folder.name}.lock")
    except OSError as error:
        raise BuildError(
            f"the cache folder {parent} cannot be written: {error.strerror}", fix="set REPRO_CACHE_DIR to one that can"
        ) from None
    with lock:
        _make_locked(environment, report, anew)


def _make_locked(environment: WantedEnvironment, report: Callable[[str], None], anew: bool) -> None:
    if environment.is_ready and not anew:
        report(f"the local environment of {environment.model} was made by another process")
        return
    parent = environment.folder.parent
    for left in parent.glob(f".{environment.folder.name}.making-*"):
        shutil.rmtree(left, ignore_errors=True)  # by a process that was killed: the lock is ours now
    unfinished = Path(tempfile.mkdtemp(prefix=f".{environment.folder.name}.making-", dir=parent))
    try:
        report(f"making a local environment for {environment.model} with uv")
        _uv(["venv", "--quiet", "--relocatable", "--python", environment.interpreter, str(unfinished)], report)
        if environment.requirements.is_file():
            _uv(_installation(environment, unfinished / "bin" / "python", anew), report)
        record = {"model": environment.model, "key": environment.key, "python": sys.version.split()[0]}
        (unfinished / _RECORD).write_text(json.dumps(record) + "\n")
        shutil.rmtree(environment.folder, ignore_errors=True)  # one whose interpreter has gone, or that is not wanted
        unfinished.rename(environment.folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    report(f"made {environment.folder}")


def _installation(environment: WantedEnvironment, python: Path, anew: bool) -> list[str]:
    arguments = ["pip", "install", "--python", str(python), "-r", str(environment.requirements)]
    if environment.constraints.is_file():
        arguments += ["--constraint", str(environment.constraints)]
    return [*arguments, "--refresh"] if anew else arguments


def _uv(arguments: list[str], report: Callable[[str], None]) -> None:
    """Run uv with pip's configuration. Its lines go to `report`; the last ones into the error."""
    environ = {**os.environ, **read_pip_settings(os.environ).uv_environment()}
    environ.pop("VIRTUAL_ENV", None)
    process = subprocess.Popen(
        [uv_executable(), *arguments],
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        env=environ,
        encoding="utf-8",
        errors="replace",
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            report(line.rstrip())
    finally:
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.kill()
        code = process.wait()
    if code != 0:
        raise BuildError(
            f"uv {arguments[0]} failed: {lines[-1] if lines else f'status {code}'}",
            fix="read the lines below; packages come from where `pip config list` says",
            evidence=Evidence(runtime="local", exit_code=code, log_tail=tuple(lines[-_SHOWN_LINES:])),
        )


def uv_executable() -> str:
    """The uv that was installed with repro, or the one on PATH."""
    try:
        from uv import find_uv_bin

        return str(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if found is None:
        raise BuildError("uv is not installed", fix="pip install uv")
    return found
