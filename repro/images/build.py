"""Building an image: with BuildKit through a docker client where there is one, else with the engine's own builder."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import BuildError, SettingsError
from repro.images import bases, facts
from repro.images.baking import BAKED_VARIABLE, baked_hashes, stage_baked
from repro.images.bases import Base
from repro.images.buildkit import BuildCommand, build_with_buildkit, buildkit_client
from repro.images.classic import build_with_engine, without_mounts
from repro.images.context import Context, collect
from repro.images.dockerfile import Dockerfile, parse, read_dockerfile
from repro.images.failures import build_error
from repro.images.labels import Description, all_labels, describe
from repro.images.lock import read_lock
from repro.images.made import record_made
from repro.images.pip_secrets import pip_secrets
from repro.images.revision import source_revision
from repro.images.secrets import Secret, read_secrets, refuse_secret_arguments
from repro.images.source import source_digest
from repro.images.staging import staging
from repro.images.steps import PlainLines, Report, Steps
from repro.runtimes.base import NOTHING_SPECIAL, BuildOptions
from repro.runtimes.docker import BAKED
from repro.runtimes.engine import connect
from repro.runtimes.engine import describe as describe_engine
from repro.runtimes.pip_settings import read_pip_settings

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["build_image", "buildkit_client"]

_PLATFORM = re.compile(r"[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?")
_FETCHED_INSIDE = "VARIANTS"
"""An `ARG` of this name says whose weights the Dockerfile itself fetches, to where baked ones lie."""
_FORM = "1"
"""Of what is hashed; another one makes all images anew."""


@dataclass(frozen=True)
class _Recipe:
    """All that an image is made of, but for its bases as they are here."""

    folder: Path
    image: str
    dockerfile: Dockerfile
    context: Context
    description: Description
    hashes: Mapping[str, Mapping[str, str]]
    """Of the weights that go into it."""
    options: BuildOptions
    locked: Mapping[str, str]
    is_reduced: bool = False
    """Whether it is made without the mounts of its Dockerfile, and so may be another image."""

    def inputs(self, identities: Sequence[str]) -> str:
        """SHA-256 of all that the image depends on, standing on bases with these identities."""
        parts: dict[str, object] = {
            "form": _FORM,
            "dockerfile": self.dockerfile.text,
            "context": self.context.digest(),
            "bases": list(identities),
            "build_args": dict(self.options.build_args),
            "platform": self.options.platform,
            "baked": self.hashes,
            # The hashes that are known of weights beside the image grow with every fetch, and change nothing in it.
            "labels": {name: value for name, value in self.description.labels().items() if name != facts.WEIGHTS},
        }
        if self.is_reduced:
            parts["reduced"] = True
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def reduced(self) -> _Recipe:
        """As the engine's own builder can make it. Raises BuildError."""
        return replace(self, is_reduced=without_mounts(self.dockerfile) != self.dockerfile.text)

    @property
    def has_mounts(self) -> bool:
        return any(instruction.mounts() for instruction in self.dockerfile.instructions)

    @property
    def base_names(self) -> tuple[str, ...]:
        return self.dockerfile.bases(self.options.build_args)


def build_image(
    folder: Path,
    image: str,
    report: Report,
    options: BuildOptions = NOTHING_SPECIAL,
    *,
    name: str = "",
    schema: str = "",
    bases_dir: Path | None = None,
) -> None:
    """Build `image` from a model's folder; say that it is up to date where nothing has changed since it was built.

    Args:
        folder: holds the Dockerfile.
        image: name:version to give it.
        report: gets the build's progress, a line at a time.
        options: what is wanted otherwise.
        name: the model's name, that of the folder by default.
        schema: what the model takes and gives, for a label.
        bases_dir: folders of base images that are made here; those of the repository by default.

    Raises:
        BuildError: no Dockerfile, a base image that cannot be had, or a step that failed: holds its last lines.
        SettingsError: an option that cannot be taken.
        WeightsError: weights that are to be baked are not what they should be.
        EngineUnavailableError: no engine answers.
    """
    secrets = _checked(options)
    recipe = _read_recipe(folder, image, options, name or folder.name, schema)
    client = connect()
    for own in _own_bases(recipe, bases_dir):
        _build_own_base(own, report, options, bases_dir)
    if not options.no_cache and _is_up_to_date(client, recipe):
        report(f"{image} is up to date")
        return
    builder = _builder(client, secrets)
    if builder.is_classic:
        recipe = recipe.reduced()
    watch = options.watch or PlainLines(report)
    steps = Steps(watch, [value for secret in secrets for value in secret.values()])
    found = [bases.get(client, base, recipe.locked.get(base), options.platform, steps) for base in recipe.base_names]
    for note in bases.notes(base for base in found if bases.own_base(base.name, _bases_dir(bases_dir)) is None):
        watch.note(note)
    _refuse_unknown_triggers(client, recipe, found)
    _build(client, builder, recipe, found, secrets, steps)
    record_made(client, image)
    report(f"built {image}")


def _checked(options: BuildOptions) -> list[Secret]:
    """The secrets, where the options can be taken. Raises SettingsError."""
    refuse_secret_arguments(options.build_args)
    if options.platform is not None and not _PLATFORM.fullmatch(options.platform):
        raise SettingsError(f"{options.platform!r} is no platform", fix="write it like linux/amd64 or linux/arm64")
    return read_secrets(options.secrets, os.environ)


def _read_recipe(folder: Path, image: str, options: BuildOptions, name: str, schema: str) -> _Recipe:
    dockerfile = read_dockerfile(folder)
    unknown = dockerfile.unknown_args(options.build_args)
    if unknown:
        declared = ", ".join(dockerfile.declared_args()) or "none"
        raise SettingsError(f"{folder / 'Dockerfile'} declares no ARG {unknown[0]}", fix=f"it declares: {declared}")
    hashes = baked_hashes(options.baked)
    inside = options.build_args.get(_FETCHED_INSIDE, "") if _FETCHED_INSIDE in dockerfile.declared_args() else ""
    return _Recipe(
        folder=folder,
        image=image,
        dockerfile=dockerfile,
        context=collect(folder, dockerfile.sources(options.build_args)),
        description=describe(folder, image, name, schema, hashes, inside.split(), options.weights),
        hashes=hashes,
        options=options,
        locked=read_lock(folder).base,
    )


def _bases_dir(given: Path | None) -> Path:
    from repro import MODELS_ROOT

    return given if given is not None else Path(MODELS_ROOT) / "bases"


def _own_bases(recipe: _Recipe, bases_dir: Path | None) -> list[tuple[Path, str]]:
    """Folders and names of the bases that are made here."""
    found = ((bases.own_base(name, _bases_dir(bases_dir)), name) for name in recipe.base_names)
    return [(folder, name) for folder, name in found if folder is not None]


def _build_own_base(own: tuple[Path, str], report: Report, options: BuildOptions, bases_dir: Path | None) -> None:
    """Make a base where it is missing or out of date. What is wanted otherwise of a model is not wanted of its base."""
    folder, image = own
    wanted = BuildOptions(platform=options.platform, watch=options.watch)
    build_image(folder, image, report, wanted, bases_dir=bases_dir)


def _is_up_to_date(client: DockerClient, recipe: _Recipe) -> bool:
    """Whether the image says of itself that it was made of just this. Nothing is pulled or built to find out."""
    image = facts.read_image(client, recipe.image)
    if image is None or not image.inputs_sha256:
        return False
    known = [bases.identities(client, name, recipe.locked.get(name)) for name in recipe.base_names]
    possible = list(itertools.product(*known))
    if any(recipe.inputs(identities) == image.inputs_sha256 for identities in possible):
        return True
    without = replace(recipe, is_reduced=True)
    was_reduced = any(without.inputs(identities) == image.inputs_sha256 for identities in possible)
    # What was made without mounts is made anew once there is a builder that has them.
    return was_reduced and recipe.has_mounts and _builder(client).is_classic


@dataclass(frozen=True)
class _Builder:
    """What builds here."""

    docker: str | None
    """The docker client that has BuildKit; without one, the engine builds by itself."""
    is_classic: bool
    """Whether it is Docker's own builder, which knows no mounts."""


def _builder(client: DockerClient, secrets: Sequence[Secret] = ()) -> _Builder:
    """Raises SettingsError where it is one that cannot take secrets."""
    is_docker = describe_engine(client).name == "Docker"
    docker = buildkit_client() if is_docker else None
    if docker is None and secrets:
        raise SettingsError(
            "the engine's own builder has no secrets",
            fix="install a docker client with buildx, which builds with BuildKit",
        )
    return _Builder(docker, is_docker and docker is None)


def _refuse_unknown_triggers(client: DockerClient, recipe: _Recipe, found: Sequence[Base]) -> None:
    """What a base copies by its ONBUILD has to be named in the Dockerfile too, as only that travels."""
    there = {file.name for file in recipe.context.files}
    for base in found:
        triggers = bases.triggers(client, base)
        sources = parse("\n".join(["FROM scratch", *triggers])).sources()
        if sources and not {file.name for file in collect(recipe.folder, sources).files} <= there:
            raise BuildError(
                f"the base {base.name} has the trigger ONBUILD {triggers[0]}, and only files that the Dockerfile "
                "itself names travel to the builder",
                fix=f"start from an image without ONBUILD, or name what it takes in {recipe.folder / 'Dockerfile'}: "
                f"COPY {' '.join(sources)} ./",
            )


def _build(
    client: DockerClient,
    builder: _Builder,
    recipe: _Recipe,
    found: Sequence[Base],
    secrets: list[Secret],
    steps: Steps,
) -> None:
    options = recipe.options
    stands_on = recipe.dockerfile.stands_on(options.build_args)
    beside = next(iter(options.baked.values())).parent if options.baked else None
    with staging(beside) as folder, pip_secrets(read_pip_settings(os.environ), folder) as pip:
        steps.hide(pip.hidden)
        context = folder / "context"
        _stage(recipe, found, context)
        inputs = recipe.inputs([base.identity for base in found])
        below = [base for base in found if base.name in stands_on]
        command = BuildCommand(
            context=context,
            image=recipe.image,
            labels=all_labels(
                recipe.description, inputs, source_digest(recipe.folder), source_revision(recipe.folder), below
            ),
            build_args=options.build_args,
            secrets=(*pip.secrets, *secrets),
            host_network=pip.needs_host_network,
            no_cache=options.no_cache,
            platform=options.platform,
        )
        code: int | None = None
        if builder.docker is not None:
            code = build_with_buildkit(builder.docker, command, steps)
            succeeded = code == 0
        else:
            succeeded = build_with_engine(client, replace(command, secrets=()), steps)
    if not succeeded:
        raise build_error(recipe.image, recipe.dockerfile, steps, code)


def _stage(recipe: _Recipe, found: Sequence[Base], context: Path) -> None:
    """Put together what travels to the builder: the files, and the Dockerfile with pinned bases and baked weights."""
    context.mkdir()
    recipe.context.stage(context)
    pinned = {base.name: base.pinned for base in found if base.pinned != base.name}
    text = recipe.dockerfile.with_bases(pinned, recipe.options.build_args)
    if recipe.is_reduced:
        text = without_mounts(parse(text))
    text += stage_baked(recipe.options.baked, recipe.hashes, context)
    if recipe.description.baked and not recipe.options.baked:
        text += f"ENV {BAKED_VARIABLE}={BAKED}\n"
    (context / "Dockerfile").write_bytes(text.encode())
    if "Dockerfile" not in [file.name for file in recipe.context.files]:
        (context / ".dockerignore").write_text("Dockerfile\n.dockerignore\n", encoding="utf-8")  # for `COPY . .`
