"""What of each model is here, and how large it is: `repro list`. No wrapper is imported for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import NotSetUpError, ReproError, WeightsError
from repro.housekeeping.environments import whole_environments
from repro.housekeeping.sizes import size_bytes
from repro.images.wrapper import StatedImage, stated_image
from repro.registry import ModelSource, catalogue

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.config import ModelConfig
    from repro.settings import Settings

_OWN = "repro"


@dataclass(frozen=True)
class Stock:
    """A model, and what of it is on this machine."""

    name: str
    version: str
    """Empty where the wrapper does not state it plainly."""
    description: str
    package: str
    """The distribution that brings it."""
    image: str
    image_bytes: int | None
    """Of all its layers, shared ones too; None where the engine has no such image, or does not answer."""
    environment: str
    """Folder of the local environment; empty where there is none."""
    environment_bytes: int
    published: str
    """`repository@digest` of this version; empty where it was not published."""
    variants: tuple[str, ...]
    """Known for models of repro's own; of another package's those that have been fetched."""
    fetched: tuple[str, ...]
    """The variants whose weights are here, and whole."""
    needs_fetching: tuple[str, ...]
    """The variants that have weights to fetch; the others come with the model's packages."""
    weights_bytes: int


def inventory(settings: Settings, client: DockerClient | None) -> list[Stock]:
    """All models by name, with what of them is here. The engine is asked once.

    Raises:
        SettingsError: a config.yaml or image.lock of repro's own cannot be read.
    """
    images = {} if client is None else _image_sizes(client)
    return [_stock(source, settings, images) for _, source in sorted(catalogue.sources.items())]


def _image_sizes(client: DockerClient) -> dict[str, int]:
    return {tag: listed["Size"] for listed in client.api.images() for tag in listed.get("RepoTags") or ()}


def _stock(source: ModelSource, settings: Settings, images: Mapping[str, int]) -> Stock:
    stated = stated_image(source)
    if source.package == _OWN:
        return _own(source, stated, settings, images)
    # Where its container side lies only its wrapper knows: what is here is told by its name.
    environment = next(iter(whole_environments(settings, source.name)), None)
    folders = sorted(path for path in (settings.weights_dir / source.name).glob("[!.]*") if path.is_dir())
    names = tuple(folder.name for folder in folders)
    return Stock(
        name=source.name,
        version=stated.version,
        description=_summary(source.package),
        package=source.package,
        image=stated.image,
        image_bytes=images.get(stated.image),
        environment="" if environment is None else str(environment),
        environment_bytes=0 if environment is None else size_bytes(environment),
        published="",
        variants=names,
        fetched=names,
        needs_fetching=names,
        weights_bytes=sum(map(size_bytes, folders)),
    )


def _own(source: ModelSource, stated: StatedImage, settings: Settings, images: Mapping[str, int]) -> Stock:
    from repro import MODELS_ROOT
    from repro.config import load_config
    from repro.images.lock import read_lock

    folder = Path(MODELS_ROOT) / source.name
    config = load_config(folder)
    published = read_lock(folder).published.get(stated.version)
    environment = _environment(folder, config, stated, settings)
    fetched = _fetched(config, settings)
    return Stock(
        name=source.name,
        version=stated.version,
        description=config.description,
        package=source.package,
        image=stated.image,
        image_bytes=images.get(stated.image),
        environment="" if environment is None else str(environment),
        environment_bytes=0 if environment is None or settings.local_python else size_bytes(environment),
        published="" if published is None else f"{published.repository}@{published.digest}",
        variants=tuple(config.variants),
        fetched=tuple(fetched),
        needs_fetching=tuple(name for name, variant in config.variants.items() if variant.files),
        weights_bytes=sum(map(size_bytes, fetched.values())),
    )


def _environment(folder: Path, config: ModelConfig, stated: StatedImage, settings: Settings) -> Path | None:
    """The folder of the environment that fits the model as it is now."""
    from repro.runtimes.base import ModelSpec
    from repro.runtimes.local import LocalRuntime

    spec = ModelSpec(folder.name, folder, stated.image, command=config.command, python=config.python)
    try:
        found = LocalRuntime(settings).find(spec)
    except ReproError:  # none, or none that can be used: `repro info` says why
        return None
    return found.python.parent.parent if found.python is not None else None


def _fetched(config: ModelConfig, settings: Settings) -> dict[str, Path]:
    """The variants that are whole, and their folders."""
    from repro.weights import find_variant

    found = {}
    for name, variant in config.variants.items():
        try:
            folder = find_variant(config.model, variant, settings.weights_dir)
        except (NotSetUpError, WeightsError):
            continue
        if folder is not None:
            found[name] = folder
    return found


def _summary(package: str) -> str:
    """What a distribution says of itself, in a line."""
    try:
        return str(metadata.metadata(package)["Summary"] or "")
    except metadata.PackageNotFoundError:
        return ""
