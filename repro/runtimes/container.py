"""One container, from creation to removal: the only place where repro starts one.

Never docker-py's `containers.run`: it loses output on failure, and its waits and logs have known faults. Here a
container is created, attached to, started, read to its end and removed, whatever happens in between.
"""

from __future__ import annotations

import contextlib
import getpass
import math
import os
import platform
import secrets
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from repro._version import __version__
from repro.errors import DeviceError, Evidence, NotSetUpError, WorkerStartError
from repro.guest.facts import THREAD_VARIABLES
from repro.processes import process_start
from repro.runtimes.base import Device, Exit, Limits
from repro.runtimes.creation_guard import guarded
from repro.runtimes.engine import Engine, connect, describe, engine_address
from repro.runtimes.gpu import ON_CPU, has_driver, physical_gpu
from repro.runtimes.log import LogTail

if TYPE_CHECKING:
    import docker

LABEL = "repro"
STDOUT, STDERR = 1, 2
HOME = "/home/repro"
_KILLED = 137
_EXIT_EVENT_TIMEOUT_S = 5
_REMOVAL_TIMEOUT_S = 10
_REMOVAL_POLL_S = 0.01


@dataclass(frozen=True)
class ContainerPlan:
    """What to run and what it may touch. The defaults are the safe ones."""

    image: str
    command: tuple[str, ...]
    read_only: Mapping[Path, PurePosixPath] = field(default_factory=dict)
    writable: Mapping[Path, PurePosixPath] = field(default_factory=dict)
    device: Device = Device()
    all_gpus: bool = False
    network: bool = False
    limits: Limits = Limits()
    labels: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"repro-{secrets.token_hex(6)}")


class Container:
    """A container, made by `start`. Removed by the engine when it ends, and by `remove` in any case."""

    def __init__(self, client: docker.DockerClient, plan: ContainerPlan, identity: str, stream: socket.socket) -> None:
        self._client = client
        self.plan = plan
        self.identity = identity
        self._stream = stream
        self._send_lock = threading.Lock()
        self.ended = threading.Event()
        _connected.add(self)

    @classmethod
    def start(cls, plan: ContainerPlan) -> Container:
        """Create, attach, start.

        Raises:
            EngineUnavailableError: no engine answers.
            NotSetUpError: the engine does not have the image.
            DeviceError: the engine cannot give the GPU.
            WorkerStartError: the engine refuses for another reason.
        """
        import docker.errors

        client = connect()
        engine = describe(client)
        with guarded(engine_address(), plan.name):
            identity = _create(client, plan, engine)
            try:
                container = cls(client, plan, identity, _attach(client, identity))
                client.api.start(identity)
            except BaseException as error:
                _remove(client, identity)
                if isinstance(error, docker.errors.APIError):
                    raise _start_error(plan, error) from None
                raise
            return container

    def send(self, data: bytes) -> None:
        """Write to the container's stdin. Raises OSError when the connection is gone."""
        with self._send_lock:
            self._stream.sendall(data)

    def close_stdin(self) -> None:
        with contextlib.suppress(OSError):  # it has ended by itself, which is what closing stdin is for
            self._stream.shutdown(socket.SHUT_WR)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """What the container writes, as (STDOUT or STDERR, bytes), until it ends."""
        try:
            with self._stream.makefile("rb") as stream:
                while len(header := stream.read(8)) == 8:
                    kind, length = struct.unpack(">BxxxL", header)
                    yield kind, stream.read(length)
        except OSError:  # the engine went away: to the reader that is the end
            pass
        finally:
            self._hang_up()  # the engine would take no more of what a thread is just sending, and let it wait
            self.ended.set()

    def wait(self) -> Exit:
        """How the container ended, as the engine's events tell it (the container itself is removed by then)."""
        self.ended.wait()
        return _exit_from_events(self.identity)

    def remove(self) -> None:
        """Kill it if it runs, and return when it is gone."""
        try:
            _remove(self._client, self.identity)
        finally:
            self._hang_up()  # wakes a thread that reads
            self.ended.set()

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):  # done already
            self._stream.shutdown(socket.SHUT_RDWR)

    def release_in_child(self) -> None:
        """In a forked child: close its copy of the connection. (A shutdown would end the parent's too.)"""
        descriptor = self._stream.detach()
        if descriptor >= 0:
            os.close(descriptor)

    def evidence(self, log: LogTail, ended: Exit | None = None) -> Evidence:
        code, oom = (ended.code, ended.oom_killed) if ended else (None, None)
        return Evidence("docker", self.plan.image, None, code, oom or None, log.lines())


_connected: weakref.WeakSet[Container] = weakref.WeakSet()


def run_to_end(plan: ContainerPlan, log: LogTail) -> tuple[Exit, Evidence]:
    """Run a container whose output goes to `log` until it ends, and remove it. Raises what `Container.start` raises."""
    container = Container.start(plan)
    try:
        for _, data in container.frames():
            log.feed(data)
        log.close()
        ended = container.wait()
    finally:
        container.remove()
    return ended, container.evidence(log, ended)


def _release_all_in_child() -> None:
    for container in list(_connected):
        container.release_in_child()


os.register_at_fork(after_in_child=_release_all_in_child)


def owner_labels() -> dict[str, str]:
    """Labels that name who started a container, so that it can be found, and told from an orphan."""
    return {
        LABEL: __version__,
        "repro.owner": _user(),
        "repro.host": platform.node(),
        "repro.pid": str(os.getpid()),
        "repro.pid-started": process_start(os.getpid()) or "",
    }


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        return str(os.getuid())


def _create(client: docker.DockerClient, plan: ContainerPlan, engine: Engine) -> str:
    import docker.errors

    api = client.api
    try:
        created = api.create_container(
            plan.image,
            entrypoint=[plan.command[0]],  # overrides the image's own, which knows nothing of our arguments
            command=list(plan.command[1:]),
            name=plan.name,
            user=_user_inside(engine),
            environment=_environment(plan),
            labels={**owner_labels(), **plan.labels},
            stdin_open=True,  # with it docker-py sets StdinOnce: our end of stdin is the container's
            network_disabled=not plan.network,
            host_config=api.create_host_config(**_host_options(plan, engine)),
        )
    except docker.errors.ImageNotFound:
        model = plan.labels.get("repro.model", "MODEL")
        raise NotSetUpError(
            f"the engine has no image {plan.image}", fix=f"repro setup {model} --runtime docker"
        ) from None
    except docker.errors.APIError as error:
        raise _start_error(plan, error) from None
    return str(created["Id"])


def _host_options(plan: ContainerPlan, engine: Engine) -> dict[str, Any]:
    from docker.types import LogConfig, Mount

    limits = plan.limits
    mounts = [Mount(str(inside), str(path), "bind", read_only=True) for path, inside in plan.read_only.items()]
    mounts += [Mount(str(inside), str(path), "bind") for path, inside in plan.writable.items()]
    options: dict[str, Any] = {
        "auto_remove": True,  # also when this process is killed and cannot remove it
        "cap_drop": ["ALL"],
        "init": True,
        "ipc_mode": "private",
        "log_config": LogConfig(type="none"),  # we read the output ourselves; a copy on disk would grow for ever
        "mounts": mounts,
        "network_mode": None if plan.network else "none",
        "pids_limit": limits.pids,
        "read_only": True,
        "security_opt": ["no-new-privileges:true"],
        "shm_size": limits.shm_bytes,
        # exec: PyTorch compiles into these folders and loads what it compiled.
        "tmpfs": dict.fromkeys(("/tmp", HOME), "rw,nosuid,nodev,exec,mode=1777"),  # noqa: S108 (in the container)
    }
    if limits.memory_bytes is not None:
        options |= {"mem_limit": limits.memory_bytes, "memswap_limit": limits.memory_bytes}
    if limits.cpus is not None:
        options["nano_cpus"] = int(limits.cpus * 1e9)
    options |= _gpu_options(plan, engine)
    if engine.rootless and engine.name == "Podman":
        options["userns_mode"] = "keep-id"
    return options


def _gpu_options(plan: ContainerPlan, engine: Engine) -> dict[str, Any]:
    from docker.types import DeviceRequest

    if not (plan.all_gpus or plan.device.is_gpu):
        return {}
    gpu = "all" if plan.all_gpus else physical_gpu(plan.device, os.environ)
    if engine.name == "Podman":  # it takes device requests without a word and gives no device; it knows CDI names
        return {"devices": [f"nvidia.com/gpu={gpu}"]}
    if plan.all_gpus:
        return {"device_requests": [DeviceRequest(count=-1, capabilities=[["gpu"]])]}
    return {"device_requests": [DeviceRequest(device_ids=[gpu], capabilities=[["gpu"]])]}


def _environment(plan: ContainerPlan) -> dict[str, str]:
    environment = {"HOME": HOME, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **_threads(plan.limits)}
    if not (plan.all_gpus or plan.device.is_gpu):
        # Where the engine's default runtime is NVIDIA's, a container that asks for no GPU would see all of them.
        environment |= {"NVIDIA_VISIBLE_DEVICES": "void", "CUDA_VISIBLE_DEVICES": ""}
    return environment


def _threads(limits: Limits) -> dict[str, str]:
    """How many threads compute: as this process is told, or as many as the limit has cores.

    Libraries count the cores of the machine, and threads without a core of their own wait for each other.
    """
    told = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    if told or limits.cpus is None:
        return told
    return dict.fromkeys(THREAD_VARIABLES, str(math.ceil(limits.cpus)))


def _user_inside(engine: Engine) -> str:
    if engine.rootless and engine.name == "Docker":
        return "0:0"  # a rootless engine maps this to the user who runs it
    return f"{os.getuid()}:{os.getgid()}"


def _attach(client: docker.DockerClient, identity: str) -> socket.socket:
    wrapper = client.api.attach_socket(identity, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    stream: socket.socket = getattr(wrapper, "_sock", wrapper)
    stream.settimeout(None)
    # The wrapper and its HTTP response would close the socket when they are collected; keep one of our own.
    try:
        own = stream.dup()
    except NotImplementedError:  # TLS: there is only the one
        stream._keep = wrapper  # type: ignore[attr-defined]
        return stream
    wrapper.close()
    stream.close()  # now, not when it is collected: in a forked child it would keep the container's stdin open
    return own


def _start_error(plan: ContainerPlan, error: Exception) -> Exception:
    text = str(getattr(error, "explanation", None) or error)
    if "device driver" in text or "nvidia" in text.lower():
        return device_error("a GPU" if plan.all_gpus else str(plan.device), text[:500])
    return WorkerStartError(
        f"the engine refused to start a container of {plan.image}: {text[:500]}",
        fix="repro doctor",
        evidence=Evidence(runtime="docker", image=plan.image),
    )


def device_error(wanted: str, said: str) -> DeviceError:
    """An engine says the same where the toolkit is missing and where no GPU is; the driver tells, where it is near."""
    if engine_address().startswith("unix://") and not has_driver():  # an engine elsewhere has GPUs of its own
        return DeviceError(
            f"the engine cannot give {wanted} to a container: this machine has no NVIDIA GPU, or no driver for it",
            cause=said,
            fix=f"{ON_CPU}; where there is an NVIDIA GPU, install its driver and the NVIDIA container toolkit",
        )
    return DeviceError(
        f"the engine cannot give {wanted} to a container",
        cause=said,
        fix=f"install the NVIDIA container toolkit and restart the engine, or {ON_CPU}",
    )


def _remove(client: docker.DockerClient, identity: str) -> None:
    """Remove by force and return when it is gone. One that is gone already, or whose engine is, is fine."""
    import docker.errors
    import requests

    deadline = time.monotonic() + _REMOVAL_TIMEOUT_S
    try:
        with contextlib.suppress(docker.errors.NotFound):
            while True:
                try:
                    client.api.remove_container(identity, force=True)
                except docker.errors.NotFound:
                    raise
                except docker.errors.APIError:  # it is ending, or being removed, at this moment
                    if time.monotonic() > deadline:
                        raise
                client.api.inspect_container(identity)
                time.sleep(_REMOVAL_POLL_S)
    except requests.ConnectionError:
        pass  # an engine that stops takes its containers with it, and ours also end with our side of stdin


def _exit_from_events(identity: str) -> Exit:
    """Ask the engine's event log how a container ended: it outlives the container."""
    import requests

    from repro.errors import EngineUnavailableError

    oom = False
    try:
        client = connect(timeout_s=_EXIT_EVENT_TIMEOUT_S)
        events = client.api.events(since=1, filters={"container": [identity]}, decode=True)
        for event in events:
            action = event.get("Action", event.get("status", ""))
            oom = oom or action == "oom"
            if action in ("die", "died"):
                attributes = event.get("Actor", {}).get("Attributes", {})
                code = attributes.get("exitCode", attributes.get("containerExitCode"))
                return _exit(None if code is None else int(code), oom)
    except (requests.RequestException, EngineUnavailableError, OSError):
        pass  # the engine went away, or forgot: not knowable
    return Exit(None, oom)


def _exit(status: int | None, oom: bool) -> Exit:
    if status is not None and status > 128:
        return Exit(128 - status, oom)  # a signal, told as Python tells one
    return Exit(status, oom)
