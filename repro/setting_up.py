"""What `repro setup MODEL` does: an image or an environment, and the pretrained weights."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from repro.registry import Registry, catalogue

if TYPE_CHECKING:
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
        environment = request.runtime.setup(spec, request.report)
        fetch_weights(request)
        return environment


def fetch_weights(request: SetupRequest) -> None:
    """Fetch the weights of the variants that are asked for, or else of the default one."""
    from repro.weights.fetch import fetch_variant

    config = request.model.config()
    chosen = [config.variant(name) for name in request.variants] or ([config.variant()] if config.variants else [])
    for variant in chosen:
        if variant.files:
            folder = fetch_variant(
                request.model.folder_name(), variant, request.settings.weights_dir, progress=request.progress
            )
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
