"""The image of a manifest, which its name may not mean any more."""

from __future__ import annotations

from collections.abc import Callable

from repro.provenance.manifest import EnvironmentFacts

_SHOWN = len("sha256:") + 12


def find_image(environment: EnvironmentFacts, note: Callable[[str], None]) -> str:
    """What to start to have the image of then: its name, its digest where the name has moved on, or, where the engine
    has it no more, its name again.

    Args:
        environment: of the manifest; one of a local environment has no image, and the name will do.
        note: told where it is not simply the name.

    Raises:
        EngineUnavailableError: no engine answers.
    """
    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    if environment.runtime != "docker" or not environment.image:
        return environment.image
    client = connect()
    named = read_image(client, environment.image)
    if named is not None and named.identity == environment.identity:
        return environment.image
    moved = f"is {named.identity[:_SHOWN]} now" if named is not None else "is not here any more"
    if read_image(client, environment.identity) is not None:
        note(f"{environment.image} {moved}; the image of then, {environment.identity[:_SHOWN]}, still is here and runs")
        return environment.identity
    pull = f"; docker pull {environment.registry_digests[0]} would bring it" if environment.registry_digests else ""
    note(f"the image of then, {environment.identity[:_SHOWN]}, is not here; {environment.image} {moved}{pull}")
    return environment.image
