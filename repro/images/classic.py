"""The engine's own builder, through its API: for engines without BuildKit, and where no docker client has it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from repro.images.buildkit import BuildCommand
from repro.images.steps import CACHED, FAILED, Steps

if TYPE_CHECKING:
    from docker import DockerClient

_MOUNT = re.compile(r"--mount=\S+[ \t]*")
_STEP = re.compile(r"(Step \d+/\d+|STEP \d+(?:/\d+)?) ?: (.*)")
_USING_CACHE = re.compile(r"\s*-+> Using cache.*")
_SAID_BY_BUILDER = re.compile(
    r"\s*-+> (?:Running in )?[0-9a-f]{12,}|Removing intermediate container|Successfully (?:built|tagged)|COMMIT "
)


def without_mounts(dockerfile: Path) -> None:
    """Take the mounts out of a Dockerfile: Docker's classic builder knows none.

    They hold caches and pip's configuration, which a build can do without.
    """
    dockerfile.write_text(_MOUNT.sub("", dockerfile.read_text(encoding="utf-8")), encoding="utf-8")


def build_with_engine(client: DockerClient, command: BuildCommand, steps: Steps) -> bool:
    """Run a build to its end; returns whether it succeeded."""
    import docker.errors

    progress = _Progress(steps)
    try:
        stream = client.api.build(
            path=str(command.context),
            tag=command.image,
            rm=True,
            forcerm=True,
            decode=True,
            labels=dict(command.labels),
            buildargs=dict(command.build_args),
            nocache=command.no_cache,
            platform=command.platform,
            network_mode="host" if command.host_network else None,
        )
        for message in stream:
            for line in str(message.get("stream") or "").splitlines():
                progress.read(line.rstrip())
            if "error" in message:
                progress.fail(str(message["error"]).strip())
                return False
    except docker.errors.APIError as error:
        progress.fail(str(error.explanation or error))
        return False
    progress.end()
    return True


class _Progress:
    """Reads the builder's lines: `Step 2/4 : RUN make`, what the step prints, ` ---> 1f3a…`."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._step: str | None = None
        self._state = ""

    def read(self, line: str) -> None:
        match = _STEP.fullmatch(line)
        if match is not None:
            self.end()
            number = match[1].split()[1]
            self._step, self._state = f"[{number}] {match[2]}", ""
            self._steps.begin(self._step)
        elif _USING_CACHE.fullmatch(line):
            self._state = CACHED
        elif line.strip() and not _SAID_BY_BUILDER.match(line) and self._step is not None:
            self._steps.line(self._step, line)

    def end(self) -> None:
        """The step that ran has ended well."""
        if self._step is not None:
            self._steps.end(self._step, self._state) if self._state else self._steps.end(self._step)
        self._step = None

    def fail(self, reason: str) -> None:
        """The step that ran, or the build before its first step, has failed."""
        if self._step is None:
            self._steps.note(reason)
            return
        self._steps.line(self._step, reason)
        self._steps.end(self._step, FAILED)
