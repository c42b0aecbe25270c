"""Pushing and pulling through the engine, with how far each layer is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from repro.errors import EngineUnavailableError, RegistryError
from repro.images.credentials import find_credentials
from repro.images.registry_errors import told_by_engine
from repro.images.repository import Repository

if TYPE_CHECKING:
    from docker import DockerClient

# A registry may be silent for as long as it puts a large layer into its place.
SILENCE_LIMIT_S = 3600.0

_LAYER = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True)
class LayerState:
    """How far one layer is. The engine's own words for what it does: `Pushing`, `Layer already exists`, ..."""

    layer: str
    doing: str
    done_bytes: int = 0
    total_bytes: int | None = None


class LayerWatch(Protocol):
    """Is told how the layers of an image go over."""

    def __call__(self, state: LayerState, /) -> None: ...


def unwatched(_: LayerState, /) -> None:
    """For who wants to know nothing of it."""


def push(client: DockerClient, repository: Repository, tag: str, watch: LayerWatch = unwatched) -> str:
    """Push the image that is here under that name. The tag appears in the registry last, when all layers are there.

    Returns:
        the digest of its manifest.

    Raises:
        RegistryError: it cannot be pushed; says why, and what to do.
        EngineUnavailableError: the engine went away.
    """
    digest = ""
    for message in _transfer(client, repository, "push", tag, watch):
        digest = (message.get("aux") or {}).get("Digest", digest)
    if not digest:
        raise RegistryError(f"the engine does not say what it pushed to {repository}:{tag}", fix="run it again")
    return digest


def pull(client: DockerClient, repository: Repository, reference: str, watch: LayerWatch = unwatched) -> None:
    """Pull an image by tag or digest. What comes for a digest is held against it, by the engine.

    Raises:
        RegistryError: it cannot be pulled, is not there, or is not what its digest says.
        EngineUnavailableError: the engine went away.
    """
    for _ in _transfer(client, repository, "pull", reference, watch):
        pass


def _transfer(
    client: DockerClient, repository: Repository, doing: str, reference: str, watch: LayerWatch
) -> Iterator[dict[str, Any]]:
    """What the engine tells while it pushes or pulls. Raises at the first error among it."""
    import docker.errors
    import requests

    had_credentials = find_credentials(repository.host) is not None

    def failed(told: str) -> RegistryError:
        return told_by_engine(repository, reference, told, had_credentials=had_credentials, doing=doing)

    call = client.api.push if doing == "push" else client.api.pull
    try:
        for message in call(str(repository), tag=reference, stream=True, decode=True):
            if "error" in message:
                raise failed(str((message.get("errorDetail") or {}).get("message") or message["error"]))
            if "status" in message and _LAYER.fullmatch(str(message.get("id"))):
                watch(_state(message))
            yield message
    except docker.errors.APIError as error:
        raise failed(str(error.explanation or error)) from None
    except requests.RequestException as error:
        raise EngineUnavailableError(
            f"the engine went away during the {doing}", cause=str(error), fix="repro doctor; then run it again"
        ) from None


def _state(message: dict[str, Any]) -> LayerState:
    detail = message.get("progressDetail") or {}
    total = detail.get("total")
    return LayerState(
        layer=str(message["id"]),
        doing=str(message["status"]),
        done_bytes=int(detail.get("current") or 0),
        total_bytes=int(total) if total and total > 0 else None,
    )
