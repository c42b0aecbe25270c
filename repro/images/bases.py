"""The images that a Dockerfile starts from: pinned to the locked digest where it can be had, else named as they are."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import BuildError, EngineUnavailableError
from repro.images.steps import FAILED, Steps

if TYPE_CHECKING:
    from docker import DockerClient

_PROBE_S = 3.0
_HTTPS = 443
_DOCKER_HUB = "registry-1.docker.io"
_NAME_AND_DIGEST = re.compile(r"(?P<name>.+?)@(?P<digest>sha256:[0-9a-f]{64})")


@dataclass(frozen=True)
class Base:
    """An image that a Dockerfile starts from, as it is here."""

    name: str
    """As the Dockerfile names it."""
    pinned: str
    """As the builder is told it: with its digest, where that is the locked one."""
    identity: str
    """Digest of its manifest where that is known, else of its configuration."""
    note: str = ""
    """What a user should know of it; empty where it is the locked one."""


def own_base(name: str, bases_dir: Path) -> Path | None:
    """The folder of a base image that is made here, by its image's name; None for any other image."""
    from repro.located_yaml import read_yaml

    for config in sorted(bases_dir.glob("*/config.yaml")):
        if read_yaml(config, config.read_text(encoding="utf-8")).text("image") == name:
            return config.parent
    return None


def here(client: DockerClient, name: str, locked: str | None) -> Base | None:
    """A base as the engine has it, without asking any registry; None where it has none of that name."""
    digest = _digest_in(name) or locked
    if digest is not None and _image(client, f"{_repository(name)}@{digest}") is not None:
        return Base(name, _pinned(name, digest), digest)
    image = _image(client, name)
    if image is None:
        return None
    return Base(name, name, str(image.id), _note(name, locked, str(image.id)))


def identities(client: DockerClient, name: str, locked: str | None) -> tuple[str, ...]:
    """What an image that is up to date may stand on: the locked digest, or what the engine has under the name."""
    found = here(client, name, locked)
    known = [_digest_in(name) or locked, found.identity if found else None]
    return tuple(dict.fromkeys(identity for identity in known if identity is not None))


def get(client: DockerClient, name: str, locked: str | None, platform: str | None, steps: Steps) -> Base:
    """A base to build from: what the engine has where it is the locked one, else pulled, else what the engine has.

    Raises:
        BuildError: the engine has none of that name and none can be pulled; or it is for another platform.
    """
    found = here(client, name, locked)
    fits = found is not None and _is_for(client, found.pinned, platform)
    if found is not None and fits and not found.note:
        return found
    wanted = _pinned(name, locked) if locked else name
    # With something to build from, a registry that does not answer should cost no minutes.
    if found is not None and fits and (locked is None or not _answers(_registry(name))):
        return found
    why = _pull(client, wanted, platform, steps)
    if why is None:
        pulled = here(client, name, locked)
        if pulled is not None:
            return pulled
    if found is not None and fits:
        return found
    raise _cannot_be_had(client, name, wanted, platform, why or "", found)


def triggers(client: DockerClient, base: Base) -> list[str]:
    """What a base has a build do that starts from it: its ONBUILD instructions."""
    image = _image(client, base.pinned)
    return list((image.attrs.get("Config") or {}).get("OnBuild") or ()) if image is not None else []


def _pull(client: DockerClient, wanted: str, platform: str | None, steps: Steps) -> str | None:
    """Pull an image; returns why it could not be done."""
    import docker.errors
    import requests

    match = _NAME_AND_DIGEST.fullmatch(wanted)
    repository, tag = (_repository(wanted), match["digest"]) if match else _name_and_tag(wanted)
    step = f"pull {wanted}"
    steps.begin(step)
    try:
        for message in client.api.pull(repository, tag=tag, stream=True, decode=True, platform=platform):
            if "error" in message:
                steps.end(step, FAILED)
                return str(message["error"])
            if "progress" not in message and message.get("status"):
                steps.line(step, str(message["status"]))
    except docker.errors.APIError as error:
        steps.end(step, FAILED)
        return str(error.explanation or error)
    except requests.ConnectionError as error:
        raise EngineUnavailableError("the engine went away during a pull", cause=str(error)) from None
    steps.end(step)
    return None


def _cannot_be_had(
    client: DockerClient, name: str, wanted: str, platform: str | None, why: str, found: Base | None
) -> BuildError:
    if found is not None:
        image = client.images.get(found.pinned)
        there = f"{image.attrs.get('Os')}/{image.attrs.get('Architecture')}"
        return BuildError(
            f"the base image {name} on this machine is for {there}, and none can be pulled for {platform}",
            cause=why,
            fix="leave --platform out, or connect to the registry that has it",
        )
    return BuildError(
        f"the base image {wanted} is not on this machine and cannot be pulled",
        cause=why,
        fix=f"check the network and the name: `docker pull {wanted}` (`make engine` makes the models' usual base)",
    )


def _note(name: str, locked: str | None, identity: str) -> str:
    if locked is None:
        return f"the base {name} is not locked; built from {identity[:19]} (`repro lock` pins it)"
    return f"the base {name} here is not the locked one ({locked[:19]}); built from {identity[:19]}"


def _is_for(client: DockerClient, name: str, platform: str | None) -> bool:
    if platform is None:
        return True
    attrs = client.images.get(name).attrs
    here = [attrs.get("Os"), attrs.get("Architecture"), attrs.get("Variant")]
    return all(wanted == there for wanted, there in zip(platform.split("/"), here, strict=False))


def _image(client: DockerClient, name: str) -> Any:
    import docker.errors

    try:
        return client.images.get(name)
    except docker.errors.ImageNotFound:
        return None


def _pinned(name: str, digest: str) -> str:
    return name if _digest_in(name) else f"{name}@{digest}"


def _digest_in(name: str) -> str | None:
    match = _NAME_AND_DIGEST.fullmatch(name)
    return match["digest"] if match else None


def _name_and_tag(name: str) -> tuple[str, str]:
    head, _, last = name.partition("@")[0].rpartition("/")
    last, _, tag = last.partition(":")
    return (f"{head}/{last}" if head else last), tag or "latest"


def _repository(name: str) -> str:
    return _name_and_tag(name)[0]


def _registry(name: str) -> tuple[str, int]:
    """Host and port of the registry that has an image."""
    first, slash, _ = name.partition("/")
    if not slash or not (first == "localhost" or any(sign in first for sign in ".:")) or first == "docker.io":
        return _DOCKER_HUB, _HTTPS
    host, _, port = first.partition(":")
    return host, int(port) if port.isdigit() else _HTTPS


def _answers(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=_PROBE_S).close()
    except OSError:
        return False
    return True


def notes(bases: Iterable[Base]) -> list[str]:
    """What is to be said of the bases of a build."""
    return [base.note for base in bases if base.note]
