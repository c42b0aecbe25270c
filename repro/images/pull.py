"""Getting a model's published image: by its digest, so that it is what was published."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import RegistryError
from repro.images.facts import ImageFacts, read_image
from repro.images.lock import LOCK_FILE, Published, read_lock
from repro.images.made import record_made
from repro.images.registry import RegistryClient
from repro.images.registry_errors import other_content
from repro.images.repository import Repository, checked_digest, tag_of
from repro.images.transfer import LayerWatch, pull, unwatched
from repro.registry import catalogue

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.runtimes.base import ModelSpec


@dataclass(frozen=True)
class Wanted:
    """An image that is to be pulled."""

    model: str
    image: str
    """The name that it gets here."""
    repository: Repository
    digest: str | None
    """What its manifest must be; None where nobody has said it."""
    said_by: str = ""
    """Who says the digest."""

    @property
    def version(self) -> str:
        return tag_of(self.image) or "latest"


@dataclass(frozen=True)
class Pulled:
    """A published image that is on this machine under the model's own name."""

    wanted: Wanted
    facts: ImageFacts
    digest: str
    was_there: bool


def what_to_pull(spec: ModelSpec, registry: str | None = None, digest: str | None = None) -> Wanted:
    """Where a model's image is published, and as what: as its `image.lock` says, unless one says otherwise.

    Args:
        spec: the model, with the image's name.
        registry: `HOST/NAMESPACE`; by default where the lock says, or else where the image's name says.
        digest: what it must be; by default what the lock says.

    Raises:
        SettingsError: the registry's name or the digest cannot be one, or the lock cannot be read.
    """
    recorded = _recorded(spec)
    if registry is not None:
        repository = Repository.of_model(registry, spec.name)
    else:
        repository = Repository.of_image(recorded.repository if recorded else spec.image)
    stated = digest or spec.image.partition("@")[2]
    if stated:
        return Wanted(spec.name, spec.image, repository, checked_digest(stated), "--digest" if digest else spec.image)
    return Wanted(spec.name, spec.image, repository, recorded.digest if recorded else None, LOCK_FILE)


def pull_image(client: DockerClient, wanted: Wanted, watch: LayerWatch = unwatched) -> Pulled:
    """Pull an image, hold it against its digest, and only then give it the model's name.

    Raises:
        RegistryError: it cannot be had, or is not what the digest says. Then no name has changed.
        EngineUnavailableError: the engine went away.
    """
    there = _there(client, wanted)
    if there is None:
        reference = wanted.digest or wanted.version
        try:
            pull(client, wanted.repository, reference, watch)
        except RegistryError as error:
            raise _other_content(client, wanted) or error from None
    facts = there or _pulled(client, wanted)
    if facts.model not in ("", wanted.model):
        if there is None:
            client.images.remove(facts.name)
        raise RegistryError(
            f"{facts.name} is an image of the model {facts.model}, not of {wanted.model}",
            fix="check the registry and the digest; nothing was given the model's name",
        )
    if "@" not in wanted.image:  # a name with a digest is had by pulling it
        client.images.get(facts.identity).tag(wanted.image.removesuffix(f":{wanted.version}"), wanted.version)
        record_made(client, wanted.image)
    return Pulled(wanted, facts, wanted.digest or _digest_of(facts, wanted.repository), there is not None)


def _there(client: DockerClient, wanted: Wanted) -> ImageFacts | None:
    """The image, where the engine has it by its digest already."""
    return read_image(client, f"{wanted.repository}@{wanted.digest}") if wanted.digest else None


def _other_content(client: DockerClient, wanted: Wanted) -> RegistryError | None:
    """Where a registry lacks the digest that is wanted, the error that says what it has in its place."""
    if wanted.digest is None:
        return None
    try:
        registry = RegistryClient.as_engine(client, wanted.repository)
        there = None if registry.manifest(wanted.digest) else registry.manifest(wanted.version)
    except RegistryError:  # the first error says the same, of the engine's own attempt
        return None
    if there is None:
        return None
    name = f"{wanted.repository}:{wanted.version}"
    return other_content(
        f"{name} is {there.digest}, and not {wanted.digest}, as {wanted.said_by} says",
        name,
        there.digest,
        cause="the digest is that of another image, or somebody has overwritten the version",
        fix="check the digest; if it is right, do not use that image, and tell who published it",
    )


def _pulled(client: DockerClient, wanted: Wanted) -> ImageFacts:
    """What has just come."""
    name = f"{wanted.repository}@{wanted.digest}" if wanted.digest else f"{wanted.repository}:{wanted.version}"
    facts = read_image(client, name)
    if facts is None:
        raise RegistryError(f"the engine has pulled {name} and does not know it", fix="run it again")
    return facts


def _recorded(spec: ModelSpec) -> Published | None:
    """What `image.lock` has of the image. It speaks of the model's own image, not of another that a user names."""
    source = catalogue.sources.get(spec.name)
    module = sys.modules.get(source.module) if source is not None else None
    if getattr(module, "DEFAULT_IMAGE", spec.image) != spec.image:
        return None
    return read_lock(Path(spec.folder)).published.get(tag_of(spec.image))


def _digest_of(facts: ImageFacts, repository: Repository) -> str:
    """The digest that the image has in a repository. Docker Hub's repositories stand there without their host."""
    known = (digest.split("@") for digest in facts.digests)
    return next((digest for name, digest in known if Repository.of_image(name) == repository), "")
