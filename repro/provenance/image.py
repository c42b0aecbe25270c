"""The image of a manifest, which its name may not mean any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from repro.errors import SettingsError
from repro.provenance.manifest import EnvironmentFacts

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.images.facts import ImageFacts

_SHOWN = len("sha256:") + 12


def find_image(environment: EnvironmentFacts, note: Callable[[str], None]) -> str:
    """What to start to have the image of then: its name, its digest where the name has moved on, or, where the engine
    has it no more, its name again.

    Args:
        environment: of the manifest; one of a local environment has no image, and the name will do.
        note: told where it is not simply the name.

    Raises:
        EngineUnavailableError: no engine answers.
        SettingsError: no image can have that name.
    """
    from repro.runtimes.engine import connect

    if environment.runtime != "docker" or not environment.image:
        return environment.image
    client = connect()
    named = _read(client, environment.image)
    if named is not None and named.identity == environment.identity:
        return environment.image
    moved = f"is {named.identity[:_SHOWN]} now" if named is not None else "is not here any more"
    if _read(client, environment.identity) is not None:
        note(f"{environment.image} {moved}; the image of then, {environment.identity[:_SHOWN]}, still is here and runs")
        return environment.identity
    pull = f"; docker pull {environment.registry_digests[0]} would bring it" if environment.registry_digests else ""
    note(f"the image of then, {environment.identity[:_SHOWN]}, is not here; {environment.image} {moved}{pull}")
    return environment.image


def _read(client: DockerClient, name: str) -> ImageFacts | None:
    import docker.errors

    from repro.images.facts import read_image

    try:
        return read_image(client, name)
    except docker.errors.APIError as error:
        if error.status_code != 400:
            raise
        raise SettingsError(
            f"no image can be called {name!r}, as the manifest says",
            cause="it was edited",
            fix="take the manifest as repro wrote it",
        ) from None
