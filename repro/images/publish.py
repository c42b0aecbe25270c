"""Publishing a model's image: one version is one content, in every registry and for ever."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import NotSetUpError, OutputError, RegistryError, SettingsError
from repro.images.facts import ImageFacts, read_image
from repro.images.lock import LOCK_FILE, ImageLock, Published, read_lock, write_lock
from repro.images.registry import Manifest, RegistryClient
from repro.images.repository import Repository, tag_of
from repro.images.transfer import SILENCE_LIMIT_S, LayerWatch, push, unwatched

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.model import Model

_DIRTY = "-dirty"


@dataclass(frozen=True)
class Permissions:
    """What is refused unless it is allowed."""

    dirty: bool = False
    """An image whose source differed from its commit, or was in none: nobody could build it again."""
    unknown_licence: bool = False
    """Weights in the image whose licence config.yaml does not say: it may forbid to pass them on."""


@dataclass(frozen=True)
class Plan:
    """What is to be published, held against what is there already. Nothing has been done yet."""

    model: type[Model]
    facts: ImageFacts
    repository: Repository
    version: str
    there: Manifest | None
    """What the registry has under this version: the same content, or nothing."""
    recorded: Published | None
    """What `image.lock` has of this version."""

    @property
    def is_published(self) -> bool:
        """Whether the registry has it already."""
        return self.there is not None

    @property
    def name(self) -> str:
        """The image's name in the registry."""
        return f"{self.repository}:{self.version}"


@dataclass(frozen=True)
class Publication:
    """An image that is published."""

    plan: Plan
    manifest: Manifest
    lock_file: Path | None
    """Where its digest is recorded; None where that could not be."""

    @property
    def published(self) -> Published:
        return Published(str(self.plan.repository), self.manifest.digest)


def plan_publication(model: type[Model], registry: str, allowed: Permissions | None = None) -> Plan:
    """Look at what would be published, and at what the registry has. Changes nothing.

    Args:
        model: whose image; the one that is set up here.
        registry: `HOST/NAMESPACE`.
        allowed: what shall not be refused.

    Raises:
        NotSetUpError: there is no image yet; names the command that makes it.
        RegistryError: the version exists with another content; the image must not be published as it is; or the
            registry cannot be reached, or wants a login.
        SettingsError: the registry's name is none, or the model's image has no version.
    """
    repository = Repository.of_model(registry, model.folder_name())
    version = tag_of(model.default_image)
    if not version:
        raise SettingsError(f"the image {model.default_image!r} has no version", fix="write it like name:1.0")
    client = _engine()
    facts = read_image(client, model.default_image)
    if facts is None:
        raise NotSetUpError(
            f"the image {model.default_image} is not on this machine",
            fix=f"repro setup {model.folder_name()} --runtime docker",
        )
    _check_image(model, facts, version, allowed or Permissions())
    there = RegistryClient.as_engine(client, repository).manifest(version)
    recorded = read_lock(model.container_folder()).published.get(version)
    plan = Plan(model, facts, repository, version, there, recorded)
    _check_content(plan)
    return plan


def publish(plan: Plan, watch: LayerWatch = unwatched) -> Publication:
    """Push the image unless it is there, and record its digest. Doing it again completes what was cut.

    Raises:
        RegistryError: it could not be pushed, or the registry has another content now. Nothing was recorded then.
        EngineUnavailableError: the engine went away.
    """
    client = _engine()
    manifest = plan.there
    if manifest is None:
        with _tagged(client, plan):
            push(client, plan.repository, plan.version, watch)
            manifest = _as_registry_has_it(client, plan)
    publication = Publication(plan, manifest, None)
    return replace(publication, lock_file=_record(plan, publication.published))


def is_same_content(facts: ImageFacts, manifest: Manifest) -> bool:
    """Whether a manifest stands for an image that is here: by its configuration, or by a digest the engine knows."""
    known = {facts.identity, *(digest.partition("@")[2] for digest in facts.digests)}
    return manifest.digest in known or manifest.config_digest == facts.identity


def _engine() -> DockerClient:
    from repro.runtimes.engine import connect

    return connect(timeout_s=SILENCE_LIMIT_S)


def _check_image(model: type[Model], facts: ImageFacts, version: str, allowed: Permissions) -> None:
    """Refuse an image that is not what its name says, or that others could not use. Raises RegistryError."""
    name = model.folder_name()
    if facts.model not in ("", name) or facts.version not in ("", version):
        raise RegistryError(
            f"{facts.name} says that it is {facts.model} {facts.version}, not {name} {version}",
            fix=f"repro setup {name} --runtime docker",
        )
    if facts.revision.endswith(_DIRTY) and not allowed.dirty:
        raise RegistryError(
            f"{facts.name} was built from files that differ from the commit {facts.revision.removesuffix(_DIRTY)[:12]}",
            cause="nobody else could build it again",
            fix=f"commit them, then `repro setup {name} --runtime docker --no-cache`; or --allow-dirty",
        )
    if not facts.revision and not allowed.dirty:
        raise RegistryError(
            f"{facts.name} was built from files that are in no commit",
            cause="nobody else could build it again",
            fix=f"commit them, then `repro setup {name} --runtime docker --no-cache`; or --allow-dirty",
        )
    unknown = _without_licence(model, facts)
    if unknown and not allowed.unknown_licence:
        raise RegistryError(
            f"{facts.name} holds weights whose licence is not known: {', '.join(unknown)}",
            cause="it may forbid to pass them on",
            fix="say it in config.yaml (`licence:`); or --allow-unknown-licence",
        )


def _without_licence(model: type[Model], facts: ImageFacts) -> list[str]:
    variants = model.config().variants
    return [
        f"{name}/{file.name}"
        for name in facts.baked
        if name in variants
        for file in variants[name].files
        if not file.licence
    ]


def _check_content(plan: Plan) -> None:
    """Refuse to give a version that exists a second content. Raises RegistryError."""
    if plan.there is not None and not is_same_content(plan.facts, plan.there):
        raise _exists(plan, f"{plan.name} exists with another content ({plan.there.digest})")
    if plan.recorded is None:
        return
    digests = {plan.there.digest} if plan.there is not None else set()
    if plan.there is None or plan.recorded.repository != str(plan.repository):
        # Registries need not pack layers alike: what the engine knows as the digest of this content will do, too.
        digests |= {digest.partition("@")[2] for digest in plan.facts.digests}
    if plan.recorded.digest not in digests:
        place = f"{LOCK_FILE} says that {plan.version} was published at {plan.recorded.repository}"
        raise _exists(plan, f"{place} with another content ({plan.recorded.digest})")


def _exists(plan: Plan, what: str) -> RegistryError:
    name = plan.model.folder_name()
    return RegistryError(
        f"{what} than the image {plan.facts.name} here",
        cause="a version that somebody may use is never changed",
        fix=f"raise VERSION in the wrapper of {name}, then `repro setup {name} --runtime docker`; "
        f"or `repro pull {name}` to have the published one here",
    )


@contextlib.contextmanager
def _tagged(client: DockerClient, plan: Plan) -> Iterator[None]:
    """The image under its name in the registry. It keeps it when all went well: the engine keeps the digest with it."""
    import docker.errors

    before = read_image(client, plan.name)
    client.images.get(plan.facts.identity).tag(str(plan.repository), plan.version)
    try:
        yield
    except BaseException:
        with contextlib.suppress(docker.errors.DockerException):  # what went wrong before is what is to be told
            if before is None:
                client.images.remove(plan.name, noprune=True)
            else:
                client.images.get(before.identity).tag(str(plan.repository), plan.version)
        raise


def _as_registry_has_it(client: DockerClient, plan: Plan) -> Manifest:
    """What the registry has now under the version. Raises RegistryError where it is not what was pushed."""
    manifest = RegistryClient.as_engine(client, plan.repository).manifest(plan.version)
    facts = read_image(client, plan.facts.identity)
    if manifest is None or facts is None or not is_same_content(facts, manifest):
        has = "nothing" if manifest is None else manifest.digest
        raise RegistryError(
            f"{plan.name} was pushed, and the registry has {has} under that name",
            cause="somebody else pushes the same version at the same time",
            fix="find out who, raise VERSION, and publish again",
        )
    return manifest


def _record(plan: Plan, published: Published) -> Path | None:
    """Write into `image.lock` what was published; None where the model's folder is not to be written."""
    folder = plan.model.container_folder()
    path = folder / LOCK_FILE
    if plan.recorded is not None:
        return path  # the same content, where it was published first
    if not os.access(folder, os.W_OK):
        return None
    lock = read_lock(folder)
    try:
        write_lock(folder, ImageLock(lock.base, {**lock.published, plan.version: published}))
    except OSError as error:
        raise OutputError(
            f"{plan.name} is published as {published.digest}, and {path} cannot be written: {error.strerror}",
            fix="make it writable, and run it again: what is published is not pushed twice",
        ) from None
    return path
