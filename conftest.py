"""What all tests share: a Docker engine where one answers, and the check that nothing is left behind in it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from docker import DockerClient

BASE_IMAGE = "python:3.11-slim-bookworm"
ANSWER_WITHIN_S = 10
CONTAINERS_END_WITHIN_S = 10
HOW_TO_START = "start one with `make engine`"

# Doctests are looked for in every module; these run inside containers alone.
collect_ignore_glob = ["*/src/*", "models/*/scripts/*"]


@cache
def _engine() -> DockerClient | None:
    """A client of the engine, or None where no engine answers. Asked once a run."""
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=ANSWER_WITHIN_S)
        client.ping()
    except DockerException:
        return None
    client.api.timeout = 60
    return client


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("REPRO_REQUIRE_ENGINE") == "1":
        pytest.fail(f"{reason}, and REPRO_REQUIRE_ENGINE=1", pytrace=False)
    pytest.skip(reason)


def _describe_engine() -> str:
    client = _engine()
    if client is None:
        return f"no Docker engine answers: {HOW_TO_START}"
    version = client.version()
    return f"Docker engine {version['Version']} (API {version['ApiVersion']}) answers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """See that each test is of the file that it is listed under: of modules that have one name Python knows one."""
    for item in items:
        module = getattr(item, "module", None)
        if module is not None and module.__file__ is not None and not item.path.samefile(module.__file__):
            raise pytest.UsageError(f"{item.nodeid} would run the tests of {module.__file__}")


def pytest_report_header() -> str:
    return _describe_engine()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each reason to skip, however many tests it holds for."""
    reasons = Counter(report.longrepr[2] for report in terminalreporter.stats.get("skipped", ()))
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} skipped: {reason.removeprefix('Skipped: ')}", yellow=True)


@pytest.fixture(scope="session")
def engine() -> DockerClient:
    """A client of an engine that answers; where none does the test is skipped (with REPRO_REQUIRE_ENGINE=1: fails)."""
    client = _engine()
    if client is None:
        _skip_or_fail(f"no Docker engine answers: {HOW_TO_START}")
    assert client is not None
    return client


@pytest.fixture(scope="session")
def base_image(engine: DockerClient) -> str:
    """The name of the models' base image, present in the engine."""
    from docker.errors import ImageNotFound

    try:
        engine.images.get(BASE_IMAGE)
    except ImageNotFound:
        _skip_or_fail(f"the engine has no {BASE_IMAGE}: make it with `make engine`")
    return BASE_IMAGE


@pytest.fixture(scope="session", autouse=True)
def _no_container_is_left_behind() -> Iterator[None]:
    """Fails when, after the last test, a container of this run is still there."""
    client = _engine()
    if client is None:
        yield
        return
    before = set(_containers(client))
    yield
    deadline = time.monotonic() + CONTAINERS_END_WITHIN_S
    while (left := _left_behind(client, before)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left, f"containers that the tests left behind: {', '.join(left)}"


def _left_behind(client: DockerClient, before: set[str]) -> list[str]:
    """New containers that belong to this process, to a child of it, or to a process that is gone."""
    children = {process.pid for process in psutil.Process().children(recursive=True)}
    ours = {os.getpid(), *children}
    return [
        description
        for identity, (pid, description) in _containers(client).items()
        if identity not in before and (pid in ours or not psutil.pid_exists(pid))
    ]


def _containers(client: DockerClient) -> dict[str, tuple[int, str]]:
    found = client.api.containers(all=True, filters={"label": "repro.pid"})  # images have `repro` too
    return {
        container["Id"]: (
            int(container["Labels"].get("repro.pid", 0)),
            f"{container['Names'][0]} ({container['Image']}, {container['Status']})",
        )
        for container in found
    }
