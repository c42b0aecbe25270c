"""What processes that were killed have left, and nobody owns: of no use to anyone."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from repro.exchange_folder import abandoned, is_temporary_name, remove_tree
from repro.housekeeping.environments import half_made_environments
from repro.housekeeping.leftover import Leftover
from repro.housekeeping.sizes import Freed, size_bytes
from repro.housekeeping.weights import folders_in, half_made_weights
from repro.housekeeping.workers import local_orphans, orphans
from repro.processes import process_start

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.settings import Settings

_NO_OWNER = "the process that made it has gone"


def leftovers(settings: Settings, client: DockerClient | None) -> list[Leftover]:
    """Containers, workers and folders that have lost their owner."""
    found = [] if client is None else list(_orphans(client))
    folders = [*_exchange_folders(settings), *_build_folders(settings)]
    half_made = [*half_made_environments(settings), *half_made_weights(settings)]
    return [*found, *_local_orphans(), *folders, *half_made]


def _orphans(client: DockerClient) -> Iterator[Leftover]:
    for worker in orphans(client):
        remove = _remove_container(client, worker.identity)
        yield Leftover("container", worker.name, 0, _NO_OWNER, remove, worker.model, worker.identity)


def _remove_container(client: DockerClient, identity: str) -> Callable[[], None]:
    def remove() -> None:
        import docker.errors

        try:
            client.api.remove_container(identity, force=True)
        except docker.errors.NotFound:
            pass  # it ended by itself meanwhile
        except docker.errors.APIError as error:
            if error.status_code != 409:  # its removal is under way
                raise OSError(f"the engine does not remove it: {error.explanation}") from error

    return remove


def _local_orphans() -> Iterator[Leftover]:
    for worker in local_orphans():
        end = partial(_end_group, worker.pid, process_start(worker.pid))
        yield Leftover("worker", worker.name, 0, "its session has gone", end, worker.model)


def _end_group(pid: int, started: str | None) -> None:
    if started is not None and process_start(pid) == started:  # not another one that has the number since
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # each worker leads a group of its own


def exchange_root(settings: Settings) -> Path:
    """Where sessions make their exchange folders."""
    return settings.exchange_root or Path(tempfile.gettempdir())


def _exchange_folders(settings: Settings) -> Iterator[Leftover]:
    for path in abandoned(exchange_root(settings)):
        yield Leftover("exchange folder", str(path), size_bytes(path), _NO_OWNER, partial(_remove_folder, path))


def _build_folders(settings: Settings) -> Iterator[Leftover]:
    """Copies of a build's context, and of pip's settings for it, passwords among them.

    They lie in the temporary folder, or beside the weights that were to go into the image.
    """
    from repro.images.staging import STAGING_PREFIX, abandoned_stagings

    freed = Freed()  # weights in them are links, which free nothing
    for parent in (Path(tempfile.gettempdir()), *folders_in(settings.weights_dir)):
        for path in abandoned_stagings(parent):
            if is_temporary_name(path.name, STAGING_PREFIX):
                remove = partial(_remove_folder, path, "lock")
                yield Leftover("build folder", str(path), freed.with_also(path), _NO_OWNER, remove)


def _remove_folder(path: Path, *lock: str) -> None:
    remove_tree(path, *lock)
    if os.path.lexists(path):
        raise OSError(errno.EPERM, "not all that is in it can be removed")
