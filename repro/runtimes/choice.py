"""Which runtime is used: the one that is named, else docker where an engine answers, else local."""

from __future__ import annotations

import logging

from repro.errors import RuntimeUnavailableError, SettingsError
from repro.runtimes.base import Runtime
from repro.settings import RUNTIMES, Settings

_log = logging.getLogger("repro")


def runtime_named(name: str, settings: Settings) -> Runtime:
    """The runtime of that name. Raises SettingsError."""
    if name == "docker":
        from repro.runtimes.docker import DockerRuntime

        return DockerRuntime()
    if name == "local":
        from repro.runtimes.local import LocalRuntime

        return LocalRuntime(settings)
    raise SettingsError(f"runtime {name!r} is not known", fix=f"one of: {', '.join(RUNTIMES)}")


def choose_runtime(name: str | None, settings: Settings) -> Runtime:
    """The runtime `name`, or that of the settings, or the best one that can be used here; the log says which.

    Raises:
        RuntimeUnavailableError: the one that is named cannot be used here; says why and what to do.
    """
    name = name or settings.runtime
    if name is not None:
        runtime = runtime_named(name, settings)
        reason = runtime.why_unavailable()
        if reason is not None:
            also = ', or run without isolation (--runtime local, in Python runtime="local")' if name == "docker" else ""
            raise RuntimeUnavailableError(f"the runtime {name} cannot be used: {reason}", fix=f"repro doctor{also}")
        return runtime
    docker = runtime_named("docker", settings)
    reason = docker.why_unavailable()
    if reason is None:
        _log.info("runtime: docker")
        return docker
    _log.info("runtime: local (%s)", reason)
    from repro.runtimes.local import LocalRuntime

    return LocalRuntime(settings, instead_of_docker=reason)
