"""The image that had a name before another one got it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from repro.images.facts import ImageFacts

if TYPE_CHECKING:
    from docker import DockerClient

_log = logging.getLogger("repro")
_IN_USE = 409


def remove_replaced(client: DockerClient, old: ImageFacts | None, name: str) -> None:
    """Remove the image that `name` meant before, if a build of repro made it and nothing has or uses it any more."""
    import docker.errors

    if old is None or not (old.repro and old.inputs_sha256):
        return
    try:
        if client.images.get(name).id == old.identity:
            return
        left = client.images.get(old.identity)
        if left.tags or left.attrs.get("RepoDigests"):
            return
        client.images.remove(old.identity)
    except docker.errors.ImageNotFound:
        return  # somebody else has removed it meanwhile
    except docker.errors.APIError as error:
        if error.status_code != _IN_USE:
            _log.warning("the image that %s was before is left behind: %s", name, error.explanation)
