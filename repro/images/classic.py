"""The engine's own builder, through its API: for engines without BuildKit, and where no docker client has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from repro.errors import BuildError
from repro.images.buildkit import BuildCommand
from repro.images.dockerfile import Dockerfile
from repro.images.dockerfile_syntax import Instruction, read_mount, split_lines
from repro.images.steps import CACHED, FAILED, Steps

if TYPE_CHECKING:
    from docker import DockerClient

_GET_BUILDKIT = "install a docker client with buildx, which builds with BuildKit"
_STEP = re.compile(r"(Step \d+/\d+|STEP \d+(?:/\d+)?) ?: (.*)")
_USING_CACHE = re.compile(r"\s*-+> Using cache.*")
_SAID_BY_BUILDER = re.compile(
    r"\s*-+> (?:Running in )?[0-9a-f]{12,}|Removing intermediate container|Successfully (?:built|tagged)|COMMIT "
)


def without_mounts(dockerfile: Dockerfile) -> str:
    """The text of a Dockerfile without its mounts: Docker's classic builder knows none.

    Caches go, and secrets that are not required, as pip's configuration: a build can do without.

    Raises:
        BuildError: it has what a build cannot do without: another mount, a required secret, a here-document.
    """
    lines = split_lines(dockerfile.text)
    for instruction in dockerfile.instructions:
        if instruction.heredocs:
            raise _needs_buildkit(instruction, "a here-document")
        for flag in instruction.mount_flags if instruction.keyword == "RUN" else ():
            if not _can_be_left_out(flag):
                raise _needs_buildkit(instruction, flag)
            dockerfile.replace_flag(lines, instruction, flag, "")
    return "\n".join(lines) + "\n"


def _can_be_left_out(flag: str) -> bool:
    mount = read_mount(flag)
    if mount.type == "cache":
        return "from" not in mount.keys
    return mount.type == "secret" and not mount.is_required


def _needs_buildkit(instruction: Instruction, what: str) -> BuildError:
    return BuildError(
        f"line {instruction.line} of the Dockerfile has {what}, and the engine's own builder knows no such thing",
        fix=_GET_BUILDKIT,
    )


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
            for line in str(message.get("stream") or "").split("\n"):
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
