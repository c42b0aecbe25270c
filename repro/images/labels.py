"""The labels that a build writes. `repro.images.facts` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repro._version import __version__
from repro.config import load_config
from repro.images import facts
from repro.images.bases import Base


@dataclass(frozen=True)
class Description:
    """What an image says of its model, whatever it is built from."""

    model: str
    version: str = ""
    title: str = ""
    licences: str = ""
    variants: tuple[str, ...] = ()
    baked: tuple[str, ...] = ()
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """variant -> file -> SHA-256, as far as known."""
    schema: str = ""

    def labels(self) -> dict[str, str]:
        """All of them, also those without a value: a base's own would shine through."""
        return {
            facts.MODEL: self.model,
            facts.VERSION: self.version,
            facts.TITLE: self.title,
            facts.LICENCES: self.licences,
            facts.VARIANTS: _json(self.variants),
            facts.BAKED: _json(self.baked),
            facts.WEIGHTS: _json(self.weights),
            facts.SCHEMA: self.schema or "{}",
        }


def describe(
    folder: Path,
    image: str,
    name: str,
    schema: str,
    baked: Mapping[str, Mapping[str, str]],
    fetched_inside: Sequence[str] = (),
    weights: Mapping[str, Mapping[str, str]] | None = None,
) -> Description:
    """The description of a model's image.

    Args:
        folder: the model's container folder, for its config.yaml.
        image: name:version.
        name: the model's name.
        schema: JSON with `inputs` and `outputs`.
        baked: variant -> file -> SHA-256 of the weights that the build puts into the image.
        fetched_inside: variants whose weights the Dockerfile fetches by itself.
        weights: further known hashes, in the same form as `baked`.

    Raises:
        SettingsError: config.yaml cannot be read.
    """
    is_base = (folder / "config.yaml").is_file() and folder.parent.name == "bases"
    config = None if is_base else load_config(folder)
    variants = config.variants if config else {}
    known: dict[str, dict[str, str]] = {
        variant.name: {file.name: file.sha256 for file in variant.files if file.sha256} for variant in variants.values()
    }
    for source in (weights or {}, baked):
        for variant_name, hashes in source.items():
            known.setdefault(variant_name, {}).update(hashes)
    return Description(
        model=f"bases/{name}" if is_base else name,
        version=image.rpartition(":")[2] if ":" in image.rpartition("/")[2] else "",
        title=config.description if config else f"base of the images that need {name}",
        licences=(config.licence or "") if config else "",
        variants=tuple(variants),
        baked=tuple(dict.fromkeys([*baked, *fetched_inside])),
        weights={variant: hashes for variant, hashes in known.items() if hashes},
        schema=schema,
    )


def all_labels(
    description: Description, inputs: str, source: str, revision: str, bases: Sequence[Base]
) -> dict[str, str]:
    """The labels of one build."""
    last = bases[-1] if bases else Base("", "", "")
    return {
        facts.REPRO: __version__,
        **description.labels(),
        facts.REVISION: revision,
        facts.BASE_NAME: last.name,
        facts.BASE_DIGEST: last.identity,
        facts.INPUTS: inputs,
        facts.SOURCE: source,
    }


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
