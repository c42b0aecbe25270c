"""The Docker engine: finding it, connecting to it, and saying why it does not answer."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repro.errors import EngineUnavailableError

if TYPE_CHECKING:
    import docker

MINIMUM_API = (1, 41)
_START = "start an engine: `make engine` in a checkout, `sudo systemctl start docker`, or Docker Desktop"


@dataclass(frozen=True)
class Engine:
    """What an engine says of itself."""

    name: str
    """`Docker` or `Podman`."""
    version: str
    api_version: str
    rootless: bool
    has_nvidia: bool
    """Whether it has a runtime for NVIDIA GPUs (the engine may reach GPUs through CDI without one)."""
    root_dir: str
    """Where it keeps images."""


def connect(timeout_s: float = 60.0) -> docker.DockerClient:
    """A client of the engine that DOCKER_HOST, or else the current docker context, names.

    Raises:
        EngineUnavailableError: it does not answer, or is too old; says why and how to start one.
    """
    import docker
    import docker.errors
    import requests

    address = engine_address()
    try:
        client = docker.DockerClient(base_url=address, version="auto", timeout=int(timeout_s), tls=_tls())
    except (docker.errors.DockerException, requests.RequestException, OSError, ValueError) as error:
        raise _unavailable(address, error) from None
    if tuple(int(part) for part in client.api.api_version.split(".")) < MINIMUM_API:
        wanted = ".".join(map(str, MINIMUM_API))
        raise EngineUnavailableError(
            f"the engine at {address} speaks API {client.api.api_version}; {wanted} is needed",
            fix="update it to Docker 20.10 or later, or Podman 4 or later",
        )
    return client


def describe(client: docker.DockerClient) -> Engine:
    """Name, version and abilities of the engine behind a client. Raises EngineUnavailableError."""
    import docker.errors
    import requests

    try:
        version: dict[str, Any] = client.version()
        info: dict[str, Any] = client.info()
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise _unavailable(engine_address(), error) from None
    components = " ".join(str(part.get("Name")) for part in version.get("Components") or [])
    return Engine(
        name="Podman" if "Podman" in components else "Docker",
        version=str(version.get("Version")),
        api_version=str(client.api.api_version),
        rootless=any("rootless" in option for option in info.get("SecurityOptions") or []),
        has_nvidia="nvidia" in (info.get("Runtimes") or {}),
        root_dir=str(info.get("DockerRootDir")),
    )


def engine_address() -> str:
    """Where the engine is: what DOCKER_HOST, or else the current docker context, says."""
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        context = ContextAPI.get_current_context()
    except (DockerException, ValueError, OSError):  # an unreadable docker configuration is no reason to stop
        context = None
    host = getattr(context, "Host", None)
    return host if isinstance(host, str) and host else "unix:///var/run/docker.sock"


def _tls() -> Any:
    if not os.environ.get("DOCKER_TLS_VERIFY"):
        return False
    from docker.utils import kwargs_from_env

    return kwargs_from_env().get("tls", False)


def _unavailable(address: str, error: Exception) -> EngineUnavailableError:
    text = str(error)
    if "Permission denied" in text or isinstance(error, PermissionError):
        cause = "this user may not use the engine's socket"
        fix = "add the user to the group docker (`sudo usermod -aG docker $USER`, then log in again)"
    elif "No such file" in text or "FileNotFoundError" in text:
        cause, fix = "its socket is not there: no engine runs, or none is installed", _START
    elif "refused" in text:
        cause, fix = "its socket is there and nothing listens: the engine was stopped", _START
    else:
        cause, fix = text.strip().splitlines()[-1][:300] if text.strip() else type(error).__name__, _START
    return EngineUnavailableError(f"no Docker engine answers at {address}", cause=cause, fix=fix)
