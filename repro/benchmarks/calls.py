"""A model as a benchmark calls it, and what of it a result depends on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from repro.model import Model
    from repro.provenance.manifest import MadeBy


@dataclass(frozen=True)
class ModelCall:
    """A model, and what it is called with."""

    model: str
    """The name that it is registered by, or that of its folder."""
    keywords: Mapping[str, Any]
    """Of its constructor, but for those that the machine decides: device, memory, cpus."""
    card: str
    """Path of its card."""
    hyper_params: Mapping[str, Any]
    """Those that go before the card's."""

    def make(self, **more: Any) -> Model:
        """The model, as it trains: without the weights that it has for `predict` alone.

        Raises ModelNotFoundError, SettingsError.
        """
        from repro.model import Model

        model = Model.by_name(self.model)(**self.keywords, **more)
        return model.with_variant(None) if model.learns_from_scratch else model


def describe(model: Model) -> MadeBy:
    """What a model is. Raises NotSetUpError, WeightsError, RuntimeUnavailableError."""
    from repro.provenance.maker import describe_maker
    from repro.provenance.recording import describe_made_by

    return describe_made_by(model, describe_maker(model))


def identity_of(model: Model, made_by: MadeBy) -> dict[str, Any]:
    """What of a model a result depends on, told by content.

    Defaults of options are a part of the environment, as run.py has them. Of the library beside run.py an image's
    digest tells; a local environment takes it from here, as it is now.
    """
    environment = made_by.environment
    found = {
        "environment": environment.identity,
        "guest": _guest_digest() if environment.runtime == "local" else "",
        "weights": dict(made_by.weights),
        "options": {**model.given_options, "variant": made_by.model.variant},
    }
    plain: dict[str, Any] = json.loads(json.dumps(found, default=str))  # as a cell's process is told it
    return plain


def _guest_digest() -> str:
    import repro.guest
    from repro.runtimes.local import source_digest

    return source_digest(Path(repro.guest.__file__).parent)
