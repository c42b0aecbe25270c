"""What nobody needs any more, or can be made again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from repro.exchange_folder import abandoned, remove_tree
from repro.housekeeping.workers import environments_in_use, local_orphans, orphans
from repro.processes import process_start
from repro.weights.store import PARTIAL_SUFFIX

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.settings import Settings

Kind = Literal["container", "worker", "exchange folder", "half-made environment", "environment", "partial download"]
_ENVIRONMENTS = "environments"
_HALF_MADE = ".making-"


@dataclass(frozen=True)
class Leftover:
    """Something that nobody needs any more, or that can be made again."""

    kind: Kind
    name: str
    size_bytes: int
    remove: Callable[[], None]
    """Raises OSError."""


def leftovers(settings: Settings, client: DockerClient | None) -> list[Leftover]:
    """What processes that were killed have left, and nobody owns: of no use to anyone."""
    found = [] if client is None else list(_orphans(client))
    return [*found, *_local_orphans(), *_exchange_folders(settings), *_half_made_environments(settings)]


def environments(settings: Settings) -> list[Leftover]:
    """The local environments that no worker runs in: `repro setup` makes them again."""
    in_use = set(environments_in_use())
    folders = [path for path in sorted((settings.cache_dir / _ENVIRONMENTS).glob("[!.]*")) if path.is_dir()]
    unused = [path for path in folders if in_use.isdisjoint((path, path.resolve()))]
    return [
        Leftover("environment", str(path), _size_bytes(path), partial(_remove_environment, path)) for path in unused
    ]


def _remove_environment(path: Path) -> None:
    """Remove an environment so that it is never taken for a whole one while, or after, half of it is gone."""
    shutil.rmtree(path.rename(path.with_name(f".{path.name}{_HALF_MADE}removed")))


def partial_downloads(settings: Settings) -> list[Leftover]:
    """Weights that were fetched halfway: `repro setup` would go on with them."""
    found = sorted(settings.weights_dir.rglob(f"*{PARTIAL_SUFFIX}")) if settings.weights_dir.is_dir() else []
    return [_download(path) for path in found]


def _orphans(client: DockerClient) -> Iterator[Leftover]:
    for worker in orphans(client):
        yield Leftover("container", worker.name, 0, _remove_container(client, worker.identity))


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
        yield Leftover("worker", worker.name, 0, partial(_end_group, worker.pid, process_start(worker.pid)))


def _end_group(pid: int, started: str | None) -> None:
    if started is not None and process_start(pid) == started:  # not another one that has the number since
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # each worker leads a group of its own


def exchange_root(settings: Settings) -> Path:
    """Where sessions make their exchange folders."""
    return settings.exchange_root or Path(tempfile.gettempdir())


def _exchange_folders(settings: Settings) -> list[Leftover]:
    found = abandoned(exchange_root(settings))
    return [Leftover("exchange folder", str(path), _size_bytes(path), partial(remove_tree, path)) for path in found]


def _half_made_environments(settings: Settings) -> list[Leftover]:
    found = sorted((settings.cache_dir / _ENVIRONMENTS).glob(f".*{_HALF_MADE}*"))
    return [_folder("half-made environment", path) for path in found if _nobody_makes(path)]


def _nobody_makes(half_made: Path) -> bool:
    """Whether the lock of the environment that was being made is free: who makes one holds it."""
    from filelock import FileLock, Timeout

    lock = FileLock(half_made.with_name(f"{half_made.name.partition(_HALF_MADE)[0]}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _folder(kind: Kind, path: Path) -> Leftover:
    return Leftover(kind, str(path), _size_bytes(path), lambda: shutil.rmtree(path, ignore_errors=False))


def _download(path: Path) -> Leftover:
    def remove() -> None:
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.json").unlink(missing_ok=True)

    return Leftover("partial download", str(path), path.stat().st_size, remove)


def _size_bytes(folder: Path) -> int:
    """What removing a folder would free: hard links that others share (as uv makes) are not counted."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                found = Path(parent, name).lstat()
            except OSError:  # removed meanwhile
                continue
            total += found.st_size if found.st_nlink == 1 else 0
    return total
