"""What is known of a model without running it: `repro info`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.declared import Field, fields_of
from repro.errors import EngineUnavailableError, ReproError, WeightsError

if TYPE_CHECKING:
    from repro.config import Variant
    from repro.model import Model
    from repro.runtimes.base import ModelSpec
    from repro.settings import Settings

READY, IN_PACKAGES, NOT_FETCHED = "ready", "in the packages", "not fetched"
_ANSWER_WITHIN_S = 3.0


@dataclass(frozen=True)
class Place:
    """Whether a model is set up in one runtime."""

    runtime: str
    is_ready: bool
    identity: str
    """Digest of the image, or key of the local environment; empty where it is not set up."""
    remedy: str
    """What to do where it is not; empty where it is."""
    baked: tuple[str, ...] = ()
    """Variants whose weights lie in the image."""


@dataclass(frozen=True)
class VariantState:
    """A variant and whether its weights are here."""

    name: str
    description: str
    facts: Mapping[str, object]
    is_default: bool
    state: str
    """`ready`, `in the packages`, `not fetched`, or what is wrong with the files."""


@dataclass(frozen=True)
class ModelInfo:
    """A model as its wrapper and its container folder declare it, and what of it is here."""

    name: str
    python_class: str
    description: str
    licence: str
    paper: str
    source: str
    image: str
    folder: str
    places: tuple[Place, ...]
    variants: tuple[VariantState, ...]
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    options: tuple[Field, ...]
    parameters: tuple[Field, ...]
    hyper_params: tuple[Field, ...]
    """Of `train`; those of `options` and `parameters` are some too."""


def inspect_model(model: type[Model], settings: Settings) -> ModelInfo:
    """All that is known of a model. Starts, pulls and fetches nothing.

    Raises:
        SettingsError: its config.yaml cannot be read.
    """
    config = model.config()
    spec = model.spec()
    default = config.default_variant or (next(iter(config.variants)) if len(config.variants) == 1 else "")
    states = (_variant_state(model, variant, settings, default) for variant in config.variants.values())
    return ModelInfo(
        name=model.name,
        python_class=f"{model.__module__}.{model.__qualname__}",
        description=config.description or _first_line(model.__doc__),
        licence=config.licence or "",
        paper=config.paper or "",
        source=config.source or "",
        image=spec.image,
        folder=str(spec.folder),
        places=(local_place(spec, settings), docker_place(spec)),
        variants=tuple(states),
        inputs=tuple(fields_of(model.Inputs)),
        outputs=tuple(fields_of(model.Outputs)),
        options=tuple(fields_of(model.Options)),
        parameters=tuple(fields_of(model.Parameters)),
        hyper_params=tuple(fields_of(model.Hyperparameters)),
    )


def local_place(spec: ModelSpec, settings: Settings) -> Place:
    """Whether a model has its local environment."""
    from repro.runtimes.local import LocalRuntime

    try:
        return Place("local", True, LocalRuntime(settings).find(spec).identity, "")
    except ReproError as error:
        return Place("local", False, "", error.fix)


def docker_place(spec: ModelSpec) -> Place:
    """Whether the engine has a model's image. Nothing is pulled for it."""
    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    try:
        image = read_image(connect(timeout_s=_ANSWER_WITHIN_S), spec.image)
    except EngineUnavailableError as error:
        return Place("docker", False, "", f"{error.cause}; {error.fix}" if error.cause else error.fix)
    if image is None:
        return Place("docker", False, "", f"repro setup {spec.name} --runtime docker")
    return Place("docker", True, image.identity, "", image.baked)


def _variant_state(model: type[Model], variant: Variant, settings: Settings, default: str) -> VariantState:
    return VariantState(
        name=variant.name,
        description=variant.description,
        facts=variant.info,
        is_default=variant.name == default,
        state=weights_state(model.folder_name(), variant, settings),
    )


def weights_state(model: str, variant: Variant, settings: Settings) -> str:
    """Whether a variant's weights are here, in a few words."""
    from repro.weights.store import outstanding, partial_path, variant_dir

    if not variant.files:
        return IN_PACKAGES
    folder = variant_dir(settings.weights_dir, model, variant.name)
    try:
        flaws = outstanding(folder, variant)
    except WeightsError as error:
        return error.message
    if not flaws:
        return READY
    if any(partial_path(folder / name).exists() for name in flaws):
        return "fetched halfway"
    if len(flaws) == len(variant.files) and set(flaws.values()) == {"missing"}:
        return NOT_FETCHED
    return "; ".join(f"{name}: {flaw}" for name, flaw in flaws.items())


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
