"""DockerContainer: the classic way to use a container, for a `run.py` of any kind and one command a call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from repro.errors import CommandError, OutOfMemoryError
from repro.exchange_folder import ExchangeFolder
from repro.runtimes.base import Limits
from repro.runtimes.container import ContainerPlan, run_to_end
from repro.runtimes.log import LogTail
from repro.settings import load_settings

_log = logging.getLogger("repro")


# A command that reads no stdin does not notice that its host has gone. This does: the container's stdin ends with it.
END_WITH_HOST = 'exec 3<&0 </dev/null; (cat <&3 >/dev/null; kill -9 -1) & exec 3<&-; exec "$@"'


class DockerContainer:
    """A folder that a container shares with this machine, and commands that run there.

    Args:
        image: name and version of an image that is on this machine.
        limits: what the container may use.

    >>> with DockerContainer("python:3.11-slim-bookworm") as backend:  # doctest: +SKIP
    ...     backend.run_command(f"echo hello > {backend.container_dir}/out.txt", network_disabled=True)
    ...     Path(backend.host_dir, "out.txt").read_text()
    'hello\\n'
    """

    container_dir = "/repro/data"

    def __init__(self, image: str, limits: Limits = Limits()) -> None:
        self.image = image
        self._limits = limits
        self.host_dir = ""
        self._folder: ExchangeFolder | None = None

    def __enter__(self) -> DockerContainer:
        self._folder = ExchangeFolder(load_settings().exchange_root)
        self.host_dir = str(self._folder.output_dir)
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.remove()

    def run_command(
        self, command: str | Sequence[str], cuda: bool = False, network_disabled: bool = True, silent: bool = True
    ) -> None:
        """Run a command in a new container and wait for it to end.

        Args:
            command: text for the container's shell (join several with " && "), or a list of words without a shell.
            cuda: whether the container sees the GPUs.
            network_disabled: whether it has no network; pass False for a model that fetches something.
            silent: whether what it prints is only kept for errors, and not logged as it comes.

        Raises:
            CommandError: the exit status is not 0; holds it and the last lines.
            OutOfMemoryError: it was killed for want of memory.
            NotSetUpError, EngineUnavailableError, DeviceError, WorkerStartError: it could not start.
        """
        words = ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
        plan = ContainerPlan(
            image=self.image,
            command=("/bin/sh", "-c", END_WITH_HOST, "sh", *words),
            writable={Path(self.host_dir): PurePosixPath(self.container_dir)},
            all_gpus=cuda,
            network=not network_disabled,
            limits=self._limits,
        )
        log = LogTail(report=None if silent else partial(_log.info, "%s"))
        ended, evidence = run_to_end(plan, log)
        if ended.oom_killed:
            raise OutOfMemoryError("the command was killed for want of memory", evidence=evidence)
        if ended.code != 0:
            raise CommandError(
                f"the command ended with status {ended.code}: {str(command)[:200]}",
                fix="the last log lines say why",
                evidence=evidence,
            )
