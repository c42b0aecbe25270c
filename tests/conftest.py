"""What tests share: a Docker engine where one answers, and the check that they leave nothing behind in it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from docker import DockerClient

BASE_IMAGE = "python:3.11-slim-bookworm"
ANSWER_WITHIN_S = 10
HOW_TO_START = "start one with `make engine`"


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


def _required() -> bool:
    return os.environ.get("REPRO_REQUIRE_ENGINE") == "1"


def _skip_or_fail(reason: str) -> None:
    if _required():
        pytest.fail(f"{reason}, and REPRO_REQUIRE_ENGINE=1", pytrace=False)
    pytest.skip(reason)


def _describe_engine() -> str:
    client = _engine()
    if client is None:
        return f"no Docker engine answers: {HOW_TO_START}"
    version = client.version()
    return f"Docker engine {version['Version']} (API {version['ApiVersion']}) answers"


def pytest_report_header() -> str:
    return _describe_engine()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _engine() is None:
        terminalreporter.write_line(f"Tests that need an engine did not run. {_describe_engine()}", yellow=True)


@pytest.fixture(scope="session")
def engine() -> DockerClient:
    """A client of a Docker engine that answers; the test is skipped where none does (fails with REPRO_REQUIRE_ENGINE=1)."""
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
