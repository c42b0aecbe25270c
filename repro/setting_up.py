"""What `repro setup MODEL` does: an image or an environment, and the pretrained weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from repro.registry import Registry, catalogue
from repro.runtimes.base import NOTHING_SPECIAL, BuildOptions

if TYPE_CHECKING:
    from repro.config import Variant
    from repro.model import Model
    from repro.runtimes.base import Environment, Runtime
    from repro.settings import Settings
    from repro.weights import Progress

S = TypeVar("S", bound=type["SetupSubcommand"])

_registry: Registry[type[SetupSubcommand]] = Registry("setup command")


@dataclass(frozen=True)
class SetupRequest:
    """What is to be set up, where, and who is told about it."""

    model: type[Model]
    runtime: Runtime
    settings: Settings
    report: Callable[[str], None]
    variants: Sequence[str] = ()
    """Whose weights are fetched; empty: the default one's."""
    progress: Progress | None = None
    options: BuildOptions = NOTHING_SPECIAL
    """What is wanted otherwise of the image or environment."""
    bake: bool = False
    """Whether the weights go into the image."""


class SetupSubcommand:
    """Sets a model up. A model with needs of its own registers a subclass under its folder's name."""

    @staticmethod
    def register(name: str) -> Callable[[S], S]:
        """A class decorator: the class sets the model `name` up."""
        return _registry.register(name)

    @staticmethod
    def of(model: type[Model]) -> SetupSubcommand:
        """What sets a model up: what it registered, or what every model gets."""
        registered = _registry.get(model.folder_name())
        if registered is not None:
            return registered()
        return BuildDockerImageSubcommand(str(model.container_folder()), model.default_image)

    def run(self, request: SetupRequest) -> Environment:
        """Set the model up; doing it again changes nothing.

        Raises:
            SetupError: it could not be done; says what to do.
        """
        raise NotImplementedError


class BuildDockerImageSubcommand(SetupSubcommand):
    """Builds the image from a model's folder, or with the local runtime its environment, then fetches its weights.

    Args:
        root_directory: the container side: `f"{MODELS_ROOT}/{MODEL_NAME}"`.
        image: name and version of the image.
    """

    def __init__(self, root_directory: str | Path, image: str) -> None:
        self.root_directory = Path(root_directory)
        self.image = image

    def run(self, request: SetupRequest) -> Environment:
        spec = replace(request.model.spec(self.image), folder=self.root_directory)
        _say_whether_the_lock_is_old(request, self.root_directory)
        if request.bake:
            _check_that_it_can_bake(request)
            fetch_weights(request)
            baked = _to_bake(request)
            return request.runtime.setup(spec, request.report, replace(request.options, baked=baked))
        options = replace(request.options, weights=_recorded_hashes(request))
        environment = request.runtime.setup(spec, request.report, options)
        if environment.baked and {variant.name for variant in _chosen(request)} <= set(environment.baked):
            request.report("the weights lie in the image")
        else:
            fetch_weights(request)
        return environment


def _say_whether_the_lock_is_old(request: SetupRequest, folder: Path) -> None:
    from repro.images.lock import REQUIREMENTS_LOCK, is_in_step

    if (folder / REQUIREMENTS_LOCK).is_file() and not is_in_step(folder):
        name = request.model.folder_name()
        request.report(f"{REQUIREMENTS_LOCK} was made for other requirements than it has now: run `repro lock {name}`")


def _chosen(request: SetupRequest) -> list[Variant]:
    """The variants that are asked for, or else the default one."""
    config = request.model.config()
    return [config.variant(name) for name in request.variants] or [config.variant()]


def _recorded_hashes(request: SetupRequest) -> dict[str, dict[str, str]]:
    """What is known of a model's weights beside its config.yaml: variant -> file -> SHA-256. Raises WeightsError."""
    from repro.weights.ledger import read_ledger

    found: dict[str, dict[str, str]] = {}
    for key, entry in read_ledger(request.settings.weights_dir).items():
        model, variant, file = key.split("/", 2)
        if model == request.model.folder_name():
            found.setdefault(variant, {})[file] = entry.sha256
    return found


def _check_that_it_can_bake(request: SetupRequest) -> None:
    """Said before anything is fetched. Raises SettingsError."""
    from repro.errors import SettingsError

    if request.runtime.name != "docker":
        raise SettingsError("--bake puts weights into an image; the local runtime has none", fix="--runtime docker")


def _to_bake(request: SetupRequest) -> dict[str, Path]:
    """The variants whose weights go into the image, and where they are. Raises WeightsError."""
    from repro.weights.store import find_variant

    name = request.model.folder_name()
    found = {one.name: find_variant(name, one, request.settings.weights_dir) for one in _chosen(request) if one.files}
    if not found:
        request.report(f"{name} has no weights to bake: they come with its packages, or it needs none")
    return {variant: folder for variant, folder in found.items() if folder is not None}


def fetch_weights(request: SetupRequest) -> None:
    """Fetch the weights of the variants that are asked for, or else of the default one."""
    from repro.weights.fetch import fetch_variants

    config = request.model.config()
    chosen = [config.variant(name) for name in request.variants] or ([config.variant()] if config.variants else [])
    folders = fetch_variants(
        request.model.folder_name(),
        chosen,
        request.settings.weights_dir,
        progress=request.progress,
        offline=request.settings.offline,
        mirror=request.settings.weights_mirror,
    )
    for variant, folder in zip(chosen, folders, strict=True):
        if folder is not None:
            request.report(f"weights of {variant.name}: {folder}")


def model_to_set_up(name: str) -> type[Model]:
    """The model of that name; for a folder that has a setup command and no model yet (the classic tutorial builds the
    image before it writes the wrapper), a stand-in. Raises ModelNotFoundError."""
    from repro.errors import ModelNotFoundError
    from repro.model import Model

    try:
        return Model.by_name(name)
    except ModelNotFoundError:
        source = catalogue.sources.get(name)
        if source is None or _registry.get(name) is None:
            raise
        image = getattr(sys.modules[source.module], "DEFAULT_IMAGE", "")
        return type("NotWrittenYet", (Model,), {"__module__": source.module, "default_image": image})
