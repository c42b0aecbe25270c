"""BuildKit through a docker client: cache mounts, secrets, steps side by side."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.images.secrets import Secret
from repro.images.steps import CACHED, FAILED, Steps

_LINE = re.compile(r"#(\d+) (.*)")
_INTERNAL = re.compile(r"\[(?:internal|auth)\b|exporting to |writing image|naming to |importing cache")
_SAID_BY_BUILDER = re.compile(r"sha256:[0-9a-f]{64}|transferring (?:dockerfile|context)|resolve \S+|\.\.\.$")
_ENDED = re.compile(r"(DONE|CACHED|ERROR|CANCELED)\b:? ?(.*)")
_TIMED = re.compile(r"\d+\.\d+ ?(.*)")
_FIRST_WITH_BUILDKIT, _FIRST_WITHOUT = 19, 23


@dataclass(frozen=True)
class BuildCommand:
    """One build, as any builder needs it told."""

    context: Path
    image: str
    labels: Mapping[str, str]
    build_args: Mapping[str, str]
    secrets: tuple[Secret, ...] = ()
    host_network: bool = False
    no_cache: bool = False
    platform: str | None = None


def buildkit_client() -> str | None:
    """A docker client on PATH that can build with BuildKit: with buildx, or from before that was split off."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        docker = shutil.which("docker", path=folder)
        if docker is None:
            continue
        has_buildx = subprocess.run([docker, "buildx", "version"], capture_output=True, check=False)
        if has_buildx.returncode == 0:
            return docker
        version = subprocess.run([docker, "--version"], capture_output=True, text=True, check=False)
        match = re.search(r"version (\d+)\.", version.stdout)
        if match and _FIRST_WITH_BUILDKIT <= int(match[1]) < _FIRST_WITHOUT:
            return docker
    return None


def build_with_buildkit(docker: str, command: BuildCommand, steps: Steps) -> int:
    """Run a build to its end; returns the client's exit status. An exception ends the build."""
    process = subprocess.Popen(
        _words(docker, command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "DOCKER_BUILDKIT": "1"},
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    progress = _Progress(steps)
    try:
        for line in process.stdout:
            progress.read(line.rstrip())
    except BaseException:
        process.terminate()
        raise
    finally:
        code = process.wait()
    return code


def _words(docker: str, command: BuildCommand) -> Sequence[str]:
    words = [docker, "build", "--progress", "plain", "--tag", command.image]
    for name, value in command.labels.items():
        words += ["--label", f"{name}={value}"]
    for name, value in command.build_args.items():
        words += ["--build-arg", f"{name}={value}"]
    for secret in command.secrets:
        words += ["--secret", secret.argument]
    if command.host_network:
        words += ["--network", "host"]
    if command.no_cache:
        words.append("--no-cache")
    if command.platform is not None:
        words += ["--platform", command.platform]
    return [*words, str(command.context)]


class _Progress:
    """Reads BuildKit's plain progress: `#5 [2/4] RUN make`, `#5 0.3 a line`, `#5 DONE 0.4s`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._names: dict[str, str] = {}
        self._repeats = False

    def read(self, line: str) -> None:
        if line == "------":  # after an error the step's lines stand once more between dashes
            self._repeats = not self._repeats
        if self._repeats or not line.strip("- "):
            return
        match = _LINE.fullmatch(line)
        if match is None:
            self._steps.note(line)  # what is wrong, in short
            return
        number, text = match[1], match[2].strip()
        name = self._names.get(number)
        if name is None:
            self._names[number] = text
            if not _INTERNAL.match(text):
                self._steps.begin(text)
        elif ended := _ENDED.fullmatch(text):
            self._end(name, ended[1], ended[2])
        elif text and text != name and not _SAID_BY_BUILDER.search(text) and not _INTERNAL.match(name):
            timed = _TIMED.fullmatch(text)
            self._steps.line(name, timed[1] if timed else text)

    def _end(self, name: str, state: str, reason: str) -> None:
        if state == "ERROR":
            self._steps.line(name, reason)
            self._steps.end(name, FAILED)
        elif not _INTERNAL.match(name):
            self._steps.end(name, CACHED) if state == "CACHED" else self._steps.end(name)
