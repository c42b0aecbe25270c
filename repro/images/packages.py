"""The packages that an image holds, asked of the image itself in a container that may do nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from repro.errors import CommandError, Evidence, WorkerStartError
from repro.images import inventory
from repro.runtimes.container import STDOUT, Container, ContainerPlan
from repro.runtimes.log import LogTail

_MAX_ANSWER_BYTES = 64 << 20
_WITHOUT = "mend the image, or publish without: --no-sbom"


@dataclass(frozen=True)
class PythonPackage:
    name: str
    version: str
    licence: str = ""
    """As the package states it; empty where it states none."""


@dataclass(frozen=True)
class DebianPackage:
    name: str
    version: str
    architecture: str = ""
    source: str = ""
    """The source package, where it has another name."""


@dataclass(frozen=True)
class Packages:
    """What is installed in an image."""

    python_version: str
    python: tuple[PythonPackage, ...]
    debian: tuple[DebianPackage, ...]
    system: str = ""
    """`debian`, `ubuntu`, ...: the ID of its os-release."""
    system_version: str = ""


def read_packages(image: str, interpreter: str = "python") -> Packages:
    """The packages in an image on this machine.

    Args:
        image: its name or digest.
        interpreter: the Python whose packages are meant: the one that runs `run.py` there.

    Raises:
        CommandError: the image has no such interpreter, or what it answers cannot be read.
        EngineUnavailableError: no engine answers.
    """
    source = Path(inventory.__file__).read_text(encoding="utf-8")
    labels = {"repro.image": image}
    plan = ContainerPlan(image=image, command=(interpreter, "-c", source), labels=labels)
    try:
        container = Container.start(plan)
    except WorkerStartError as error:
        raise _unreadable(image, error.message) from None
    try:
        return _parsed(image, _answer(container))
    finally:
        container.remove()


def _answer(container: Container) -> bytes:
    """What the container prints until it ends."""
    log = LogTail()
    answer = bytearray()
    for stream, data in container.frames():
        if stream != STDOUT:
            log.feed(data)
        elif len(answer) + len(data) <= _MAX_ANSWER_BYTES:
            answer += data
    ended = container.wait()
    if ended.code not in (0, None):
        raise _unreadable(container.plan.image, f"status {ended.code}", container.evidence(log, ended))
    return bytes(answer)


def _parsed(image: str, answer: bytes) -> Packages:
    """The answer of the image. What an image says may be anything."""
    try:
        told: dict[str, Any] = json.loads(answer)
        return Packages(
            python_version=str(told["python"]),
            python=tuple(PythonPackage(**_texts(package)) for package in told["python_packages"]),
            debian=tuple(DebianPackage(**_texts(package)) for package in told["debian_packages"]),
            system=str(told["system"]["id"]),
            system_version=str(told["system"]["version"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(image, f"{type(error).__name__}: {error}") from None


def _texts(package: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in package.items()}


def _unreadable(image: str, cause: str, evidence: Evidence | None = None) -> CommandError:
    return CommandError(
        f"the packages in the image {image} cannot be listed", cause=cause, fix=_WITHOUT, evidence=evidence
    )
