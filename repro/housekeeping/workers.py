"""Which workers run on this machine, and whose they are."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import EngineUnavailableError
from repro.exchange_folder import PREFIX, is_owned
from repro.processes import is_alive, parent_pid, process_start

if TYPE_CHECKING:
    from docker import DockerClient

_ANSWER_WITHIN_S = 5.0
_WEIGHTS_OPTION = "--weights-dir"
_WORK = frozenset(["serve", "train"])
"""What run.py is told to do."""


@dataclass(frozen=True)
class RunningWorker:
    """A worker, and the process that owns it."""

    runtime: str
    name: str
    """Of the container, or the number of the process."""
    model: str
    session: str
    owner_pid: int
    owner_user: str
    owner_is_alive: bool | None
    """None where it cannot be told: the owner is on another machine that shares the engine."""
    started: str
    """Time in ISO 8601; empty where it is not known."""
    identity: str = ""
    """Of the container, for the engine."""
    pid: int = 0
    """Of the worker's own process, with the local runtime."""


def engine_client() -> DockerClient | None:
    """A client of the engine, or None where none answers."""
    from repro.runtimes.engine import connect

    try:
        return connect(timeout_s=_ANSWER_WITHIN_S)
    except EngineUnavailableError:
        return None


def running_workers(client: DockerClient | None) -> list[RunningWorker]:
    """All workers: those in containers of the engine, whoever's they are, and those of the local runtime (on Linux)."""
    return [*([] if client is None else containers(client)), *local_workers()]


def containers(client: DockerClient) -> list[RunningWorker]:
    """The containers that repro has started, by the labels that it gives them."""
    from repro.runtimes.container import LABEL

    # An image has the first label too, and gives it to a container that somebody runs by hand.
    found = client.api.containers(all=True, filters={"label": [LABEL, "repro.pid"]})
    return [_container_worker(container) for container in found]


def _container_worker(container: dict[str, object]) -> RunningWorker:
    labels = container["Labels"]
    names = container["Names"]
    created = container["Created"]
    assert isinstance(labels, dict)
    assert isinstance(names, list)
    assert isinstance(created, int)
    pid = int(labels.get("repro.pid", 0))
    here = labels.get("repro.host") == platform.node()
    return RunningWorker(
        runtime="docker",
        name=str(names[0]).lstrip("/"),
        model=labels.get("repro.model", ""),
        session=labels.get("repro.session", ""),
        owner_pid=pid,
        owner_user=labels.get("repro.owner", ""),
        owner_is_alive=is_alive(pid, labels.get("repro.pid-started", "")) if here and pid else None,
        started=_iso(created),
        identity=str(container["Id"]),
    )


def local_workers() -> list[RunningWorker]:
    """Workers of the local runtime, found by how they were called. Empty where there is no /proc."""
    called = {int(folder.name): command for folder in _processes() if (command := _worker_command(folder))}
    workers = []
    for pid, command in called.items():
        parent = parent_pid(pid)
        if parent is not None and called.get(parent) != command:  # a process that a worker forked is not another one
            workers.append(_local_worker(pid, parent, command))
    return workers


def _processes() -> Iterator[Path]:
    yield from Path("/proc").glob("[0-9]*")


def _worker_command(process: Path) -> tuple[str, ...]:
    """The command line of a worker, which serves or trains; empty for any other process, and one in a container."""
    try:
        words = tuple((process / "cmdline").read_bytes().decode("utf-8", "replace").split("\0"))
    except OSError:
        return ()
    works = not _WORK.isdisjoint(words) and any(PREFIX in word for word in words) and _script(words) is not None
    return words if works else ()


def _script(command: tuple[str, ...]) -> Path | None:
    """The model's `run.py` in a command line."""
    return next((path for path in map(Path, command) if path.stem == "run" and path.is_absolute()), None)


def _local_worker(pid: int, parent: int, command: tuple[str, ...]) -> RunningWorker:
    script = _script(command)
    assert script is not None
    return RunningWorker(
        runtime="local",
        name=f"process {pid}",
        model=script.parent.parent.name,
        session="",
        owner_pid=parent,
        owner_user=_owner(pid),
        pid=pid,
        owner_is_alive=_has_owner(command),
        started=_started(pid),
    )


def _has_owner(command: tuple[str, ...]) -> bool:
    """Whether the session lives in whose exchange folder a worker is to read."""
    folder = Path(next(word for word in command if PREFIX in word))
    return is_owned(next(path for path in (folder, *folder.parents) if path.name.startswith(PREFIX)))


def _owner(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}").owner()
    except (OSError, KeyError):  # it has ended, or its user has no name
        return ""


def _started(pid: int) -> str:
    ticks = process_start(pid)
    boot = next(
        (line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime")), ""
    )
    return _iso(int(boot) + int(ticks) // os.sysconf("SC_CLK_TCK")) if ticks and boot else ""


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, tz=timezone.utc).isoformat()


def orphans(client: DockerClient) -> list[RunningWorker]:
    """Containers whose owner on this machine has gone."""
    return [worker for worker in containers(client) if worker.owner_is_alive is False]


def local_orphans() -> list[RunningWorker]:
    """This user's local workers whose session has gone: only one that neither answers nor reads can live on so."""
    return [one for one in local_workers() if one.owner_is_alive is False and one.owner_user == getpass.getuser()]


def environments_in_use() -> Iterator[Path]:
    """The environments that processes on this machine run in."""
    for process in _processes():
        try:
            program = (process / "cmdline").read_bytes().partition(b"\0")[0].decode("utf-8", "replace")
        except OSError:  # it has ended
            continue
        if program.startswith("/"):
            yield Path(os.path.normpath(program)).parent.parent


def weights_in_use(client: DockerClient | None) -> Iterator[Path]:
    """The folders of weights that workers on this machine read."""
    if client is not None:
        for container in client.api.containers(all=True):
            yield from (Path(mount["Source"]) for mount in container.get("Mounts") or () if mount.get("Source"))
    for process in _processes():
        words = iter(_worker_command(process))
        if _WEIGHTS_OPTION in words:  # which leaves the iterator behind that word
            yield Path(next(words, ""))
