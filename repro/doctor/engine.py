"""The Docker engine: does it answer, can it give GPUs, is there room, are there containers that nobody owns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from repro.doctor.finding import Finding
from repro.doctor.machine import host_gpus
from repro.doctor.storage import room
from repro.errors import DeviceError, EngineUnavailableError, ReproError
from repro.housekeeping import exchange_root
from repro.settings import Settings

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.runtimes.engine import Engine

_ANSWER_WITHIN_S = 5.0
_NEEDED_BYTES = 10 << 30
_MOUNTED_AT = PurePosixPath("/repro/out")
_PROBE = "probe"


def check_engine(settings: Settings) -> Iterator[Finding]:
    """Whether an engine answers, and how old it is."""
    from repro.runtimes.engine import connect, describe

    try:
        engine = describe(connect(timeout_s=_ANSWER_WITHIN_S))
    except EngineUnavailableError as error:
        found = f"{error.message}: {error.cause}" if error.cause else error.message
        if settings.runtime == "docker":
            yield Finding("Docker engine", "fault", f"{found}; REPRO_RUNTIME asks for it", error.fix)
        else:
            yield Finding("Docker engine", "warning", f"{found}; models run in the local runtime", error.fix)
        return
    rootless = ", rootless" if engine.rootless else ""
    yield Finding("Docker engine", "ok", f"{engine.name} {engine.version}, API {engine.api_version}{rootless}")


def check_engine_gpu(_: Settings) -> Iterator[Finding]:
    """Whether the engine gives a GPU of this machine to a container: a container is started to see."""
    answer = _engine()
    gpus, _reason = host_gpus()
    if answer is None or not gpus:
        return
    client, engine = answer
    remedy = "install the NVIDIA container toolkit (nvidia-ctk runtime configure) and restart the engine"
    image = _any_image(client)
    if image is None:
        found = f"{engine.name} {'has' if engine.has_nvidia else 'has no'} NVIDIA runtime; no image here to try it with"
        ready = engine.has_nvidia
        yield Finding("GPU in the engine", "ok" if ready else "warning", found, "" if ready else remedy)
        return
    try:
        _start_with_gpu(image)
    except DeviceError as error:
        yield Finding("GPU in the engine", "warning", f"{error.message}: {error.cause}", remedy)
    except ReproError as error:
        yield Finding("GPU in the engine", "warning", f"it could not be tried with {image}: {error.message}", error.fix)
    else:
        yield Finding("GPU in the engine", "ok", "a container gets the GPUs")


def _start_with_gpu(image: str) -> None:
    """Start a container that is given all GPUs, and end it. Raises DeviceError where the engine cannot."""
    from repro.runtimes.classic import DockerContainer

    with DockerContainer(image) as container:
        container.run_command(["true"], cuda=True)


def _any_image(client: DockerClient) -> str | None:
    """An image of repro's that the engine has."""
    from repro.runtimes.container import LABEL

    images = client.images.list(filters={"label": LABEL})
    return next((tag for image in images for tag in image.tags), None)


def check_engine_files(settings: Settings) -> Iterator[Finding]:
    """Whether what a container writes comes back through the exchange folder: a container is started to see."""
    answer = _engine()
    image = None if answer is None else _any_image(answer[0])
    if image is None:
        return
    root = exchange_root(settings)
    try:
        with tempfile.TemporaryDirectory(prefix="repro-doctor-", dir=root) as folder:
            code = _write_from_container(image, Path(folder))
            found = (Path(folder) / _PROBE).exists()
    except (OSError, ReproError) as error:
        yield Finding(
            "files of a container", "fault", f"it could not be tried with {image}: {error}", "repro ps; df -h"
        )
        return
    if found:
        yield Finding("files of a container", "ok", f"a container starts, and what it writes is in {root}")
    else:
        remedy = "set REPRO_EXCHANGE_DIR to a folder that this machine and the engine share"
        yield Finding("files of a container", "fault", f"what it writes (status {code}) is not in {root}", remedy)


def _write_from_container(image: str, folder: Path) -> int | None:
    """Let a container write a file into `folder`; its exit status."""
    from repro.runtimes.container import Container, ContainerPlan

    command = ("/bin/sh", "-c", f"echo here > {_MOUNTED_AT / _PROBE}")
    container = Container.start(ContainerPlan(image=image, command=command, writable={folder: _MOUNTED_AT}))
    try:
        for _ in container.frames():
            pass
        return container.wait().code
    finally:
        container.remove()


def check_image_builder(_: Settings) -> Iterator[Finding]:
    """Whether images can be built with BuildKit."""
    from repro.images.build import buildkit_client

    answer = _engine()
    if answer is None or answer[1].name != "Docker":
        return
    client = buildkit_client()
    if client is None:
        found = "no docker client with BuildKit on PATH: images are built without cache mounts and build secrets"
        yield Finding("image builder", "warning", found, "install docker-buildx (Debian: docker.io, or docker-buildx)")
    else:
        yield Finding("image builder", "ok", f"BuildKit ({client})")


def check_engine_disk(_: Settings) -> Iterator[Finding]:
    """Room where the engine keeps images, where that is a folder of this machine."""
    answer = _engine()
    if answer is not None and Path(answer[1].root_dir).is_dir():
        yield room(
            "disk of the engine", Path(answer[1].root_dir), _NEEDED_BYTES, "repro clean --images, or a larger disk"
        )


def check_containers(_: Settings) -> Iterator[Finding]:
    """Containers whose owner has gone."""
    from repro.housekeeping import containers, orphans

    answer = _engine()
    if answer is None:
        return
    left = orphans(answer[0])
    if left:
        names = ", ".join(worker.name for worker in left)
        yield Finding("containers", "warning", f"{len(left)} whose owner has gone: {names}", "repro clean")
    else:
        yield Finding("containers", "ok", f"{len(containers(answer[0]))} run, none without an owner")


def _engine() -> tuple[DockerClient, Engine] | None:
    """The engine, or None where none answers (told by `check_engine`)."""
    from repro.runtimes.engine import connect, describe

    try:
        client = connect(timeout_s=_ANSWER_WITHIN_S)
        return client, describe(client)
    except EngineUnavailableError:
        return None
