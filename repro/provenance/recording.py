"""What stands in a manifest, as it is found out: of the model before anything starts, of the worker, of the machine."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from repro.errors import EngineUnavailableError
from repro.provenance.maker import Maker
from repro.provenance.manifest import EnvironmentFacts, HostFacts, MadeBy, ModelFacts, WorkerFacts
from repro.provenance.privacy import as_told, without_secrets

if TYPE_CHECKING:
    from pydantic import BaseModel

    from repro.images.facts import ImageFacts
    from repro.model import Model

_OWN_DISTRIBUTION = "repro-models"
_INTERPRETER = "interpreter:"


def describe_made_by(model: Model, maker: Maker) -> MadeBy:
    """All that the rows of a model depend on, before its worker starts."""
    from repro import __version__

    image = _image(maker)
    return MadeBy(
        repro=__version__,
        model=_model(model, maker),
        environment=_environment(maker, image),
        weights=_weights(maker, image),
        options=_chosen(maker, model.Parameters, among=False),
        parameters=_chosen(maker, model.Parameters, among=True),
        batch_size=maker.batch_size,
        device=getattr(model, "device", -1),  # a classic model has an __init__ of its own
    )


def describe_worker(pong: Mapping[str, Any]) -> WorkerFacts | None:
    """What a worker said of itself, as far as it is what a worker should say; None where it said nothing."""
    if not pong:
        return None
    said = as_told(pong)
    libraries = _mapping(said, "libraries").items()
    return WorkerFacts(
        **{name: str(said.get(name) or "") for name in ("device", "device_name", "python", "implementation")},
        platform=str(said.get("platform") or ""),
        threads={name: count for name, count in _mapping(said, "threads").items() if type(count) is int},
        libraries={name: facts for name, facts in libraries if isinstance(facts, dict)},
        packages={name: str(version) for name, version in _mapping(said, "packages").items()},
        options=without_secrets(_mapping(said, "options")),
    )


def describe_host() -> HostFacts:
    """This machine, without its name."""
    from repro.guest.facts import cpu_name

    return HostFacts(platform.platform(), cpu_name(), os.cpu_count() or 0, platform.python_version())


def _mapping(said: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = said.get(key)
    return value if isinstance(value, dict) else {}


def _model(model: Model, maker: Maker) -> ModelFacts:
    from repro import __version__
    from repro.registry import catalogue

    source = catalogue.sources.get(model.folder_name())
    package, version = "", ""
    if source is not None and source.package == "repro":
        package, version = _OWN_DISTRIBUTION, __version__
    elif source is not None:
        package, version = source.package, _version_of(source.package)
    return ModelFacts(maker.model, str(model._metadata("VERSION", "")), package, version, maker.variant)


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _image(maker: Maker) -> ImageFacts | None:
    if maker.runtime != "docker":
        return None
    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    try:
        return read_image(connect(), maker.environment)
    except EngineUnavailableError:  # of a classic model nothing was asked of the engine yet: its run will tell
        return None


def _environment(maker: Maker, image: ImageFacts | None) -> EnvironmentFacts:
    if image is None:
        return EnvironmentFacts(maker.runtime, maker.image, _shown_identity(maker.environment))
    return EnvironmentFacts(
        runtime=maker.runtime,
        image=maker.image,
        identity=image.identity,
        registry_digests=image.digests,
        inputs_sha256=image.inputs_sha256,
        revision=image.revision,
        base=image.base_name,
        base_digest=image.base_digest,
    )


def _shown_identity(identity: str) -> str:
    """The identity of an environment; of an interpreter that is named by its path, a key in place of the path."""
    if not identity.startswith(_INTERPRETER):
        return identity
    path, _, source = identity.removeprefix(_INTERPRETER).rpartition("+")
    return f"{_INTERPRETER}{hashlib.sha256(os.fsencode(path)).hexdigest()[:16]}+{source}"


def _weights(maker: Maker, image: ImageFacts | None) -> dict[str, str]:
    """Those that were mounted, or else those that were baked into the image."""
    if not maker.weights and image is not None and maker.variant is not None and maker.variant in image.baked:
        return dict(image.weights.get(maker.variant, {}))
    return dict(maker.weights)


def _chosen(maker: Maker, declared: type[BaseModel] | None, *, among: bool) -> dict[str, Any]:
    """The options that are, or are not, `among` the declared ones. The variant is told with the model."""
    names = set(declared.model_fields) if declared is not None else set()
    options = {name: value for name, value in maker.options.items() if (name in names) is among}
    if not among and maker.variant is not None:
        options.pop("variant", None)
    return cast("dict[str, Any]", without_secrets(options))
