"""What makes a result: model, environment, weights, options, device. Also what a worker says of itself."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repro.errors import EngineUnavailableError, SettingsError

if TYPE_CHECKING:
    from repro.model import Model


@dataclass(frozen=True)
class Maker:
    """What makes the rows: all that they depend on beside the input."""

    model: str
    runtime: str
    image: str
    environment: str
    """Digest of the image, or key of the local environment."""
    variant: str | None
    weights: Mapping[str, str]
    """SHA-256 of each file of weights; empty where they come with the model's packages, or there are none."""
    options: Mapping[str, Any]
    device: str
    batch_size: int


@dataclass(frozen=True)
class Ping:
    """What a worker is, and how quickly it answers."""

    maker: Maker
    worker: Mapping[str, Any]
    start_s: float
    """Seconds until it had its model loaded."""
    answer_s: float
    """Seconds for a message to a warm worker and back."""


def describe_maker(model: Model) -> Maker:
    """What makes the results of a model. Raises NotSetUpError, WeightsError, RuntimeUnavailableError."""
    if is_classic(model):
        return _describe_classic(model)
    from repro.weights.store import weights_hashes

    environment = model.session.environment
    folder = model.weights_dir()
    names = [file.name for file in model.variant.files] if model.variant is not None else []
    return Maker(
        model=model.name,
        runtime=environment.runtime,
        image=environment.spec.image,
        environment=environment.identity,
        variant=model.variant.name if model.variant is not None else None,
        weights=weights_hashes(folder, names) if folder is not None else {},
        options=model.options,
        device="cuda" if model.device >= 0 else "cpu",
        batch_size=model.batch_size,
    )


def _describe_classic(model: Model) -> Maker:
    """Of a model that starts a container a call all that is known is its image: it has an `__init__` of its own."""
    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    image = getattr(model, "image", None) or model.default_image
    try:
        facts = read_image(connect(), image) if image else None
    except EngineUnavailableError:  # its own calls will tell, if it needs one
        facts = None
    identity = facts.identity if facts is not None else image
    return Maker(model.name, "docker", image, identity, None, {}, {}, "", model.batch_size)


def ping(model: Model) -> Ping:
    """Start a model's worker and ask it what it is.

    Raises:
        SettingsError: the model is of the tutorial's classic form, and has no worker.
        SetupError, RuntimeUnavailableError, DeviceError, WorkerError: it does not start.
    """
    if is_classic(model):
        raise SettingsError(f"{model.name} starts a container a call and has no worker to ask", fix="repro predict")
    maker = describe_maker(model)
    begun = time.monotonic()
    model.ping()
    warm = time.monotonic()
    worker = model.ping()
    return Ping(maker, worker, start_s=warm - begun, answer_s=time.monotonic() - warm)


def is_classic(model: Model) -> bool:
    """Whether the model starts a container a call, as the tutorial's classic form does, and has no worker."""
    from repro.model import Model

    return type(model).predict_batch is not Model.predict_batch
