"""Other processes that use repro, and what runs on their behalf: for tests that kill, interrupt or end the host."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from docker import DockerClient

ROOT = Path(__file__).parents[2]
_PREAMBLE = """
import os, signal, sys, threading, time
from pathlib import Path
from repro.parallel import ParallelModel
from repro.runtimes.classic import DockerContainer
from tests.integration.misbehaving_model import MisbehavingModel
WHERE = {"runtime": sys.argv[1], "image": sys.argv[2]}
"""
_POLL_S = 0.05


def wait_for(condition: Callable[[], object], within_s: float, what: str) -> None:
    """Wait until `condition` holds. Raises AssertionError when it does not within `within_s` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(_POLL_S)


@dataclass
class Host:
    """Runs programs that use the model that misbehaves, all their folders inside `folder`.

    A program begins with the imports of the tests' preamble, and `WHERE`: keywords for the model.
    """

    runtime: str
    image: str
    folder: Path
    engine: DockerClient | None
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a program to its end, which must be a good one."""
        done = subprocess.run(
            self._command(program), env=self._environ(), capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done

    def start(self, program: str) -> subprocess.Popen[str]:
        """Start a program; killed after the test if it still runs."""
        process = subprocess.Popen(
            self._command(program),
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.started.append(process)
        return process

    def close(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()

    def workers(self) -> list[str]:
        """What runs, or waits to run, on behalf of programs of this host."""
        found = [f"process {process.pid}" for process in self._processes()]
        if self.engine is not None:
            found += [
                f"container {container['Names'][0]} ({container['Status']})"
                for container in self.engine.api.containers(all=True, filters={"label": "repro"})
                if any(str(mount.get("Source")).startswith(str(self.folder)) for mount in container["Mounts"])
            ]
        return found

    def exchange_folders(self) -> list[Path]:
        return list(self.folder.glob("repro-exchange-*"))

    def wait_for_note(self) -> None:
        """Wait until a record with a note is computed."""
        wait_for(lambda: list(self.folder.glob("**/notes.txt")), 60, "a record is computed")

    def _processes(self) -> list[psutil.Process]:
        ours = {process.pid for process in self.started}
        found = []
        for process in psutil.process_iter(["cmdline"]):
            if process.pid not in ours and any(str(self.folder) in word for word in process.info["cmdline"] or ()):
                found.append(process)
        return found

    def _command(self, program: str) -> list[str]:
        return [sys.executable, "-c", _PREAMBLE + textwrap.dedent(program), self.runtime, self.image]

    def _environ(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "TMPDIR": str(self.folder),
            "REPRO_LOCAL_PYTHON": sys.executable,
        }
