"""What an image says of itself: the labels that a build writes, read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker import DockerClient

VERSION = "org.opencontainers.image.version"
REVISION = "org.opencontainers.image.revision"
TITLE = "org.opencontainers.image.title"
LICENCES = "org.opencontainers.image.licenses"
BASE_NAME = "org.opencontainers.image.base.name"
BASE_DIGEST = "org.opencontainers.image.base.digest"
REPRO = "repro"
"""The version of repro that built it."""
MODEL = "repro.model"
"""Name of the model's folder."""
INPUTS = "repro.inputs"
"""SHA-256 of all that the build depends on: the same inputs need no other build."""
SOURCE = "repro.source"
"""SHA-256 of the Dockerfile and of what it takes from the model's folder: another one there, and the image is old."""
VARIANTS = "repro.variants"
"""The variants, as a JSON list."""
WEIGHTS = "repro.weights"
"""JSON: variant -> file -> SHA-256, as far as known when the image was built."""
BAKED = "repro.baked"
"""JSON list of the variants whose weights lie in the image."""
SCHEMA = "repro.schema"
"""JSON: `inputs` and `outputs`, each a JSON Schema."""


@dataclass(frozen=True)
class ImageFacts:
    """An image as the engine and its labels tell it. Whatever is not known stays at its default."""

    name: str
    identity: str
    """The image's own digest, `sha256:...`: that of its configuration."""
    digests: tuple[str, ...] = ()
    """`repository@sha256:...` for each registry that it was pushed to or pulled from."""
    created: str = ""
    size_bytes: int = 0
    """Of all layers, those of its base among them."""
    repro: str = ""
    model: str = ""
    version: str = ""
    revision: str = ""
    licences: str = ""
    base_name: str = ""
    base_digest: str = ""
    inputs_sha256: str = ""
    source_sha256: str = ""
    variants: tuple[str, ...] = ()
    baked: tuple[str, ...] = ()
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    schema: Mapping[str, Any] = field(default_factory=dict)


def read_image(client: DockerClient, name: str) -> ImageFacts | None:
    """The facts of an image on this machine, by name or digest; None where the engine has none of that name."""
    import docker.errors

    try:
        image = client.images.get(name)
    except docker.errors.ImageNotFound:
        return None
    labels = image.labels
    return ImageFacts(
        name=name,
        identity=str(image.id),
        digests=tuple(image.attrs.get("RepoDigests") or ()),
        created=image.attrs.get("Created", ""),
        size_bytes=int(image.attrs.get("Size", 0)),
        repro=labels.get(REPRO, ""),
        model=labels.get(MODEL, ""),
        version=labels.get(VERSION, ""),
        revision=labels.get(REVISION, ""),
        licences=labels.get(LICENCES, ""),
        base_name=labels.get(BASE_NAME, ""),
        base_digest=labels.get(BASE_DIGEST, ""),
        inputs_sha256=labels.get(INPUTS, ""),
        source_sha256=labels.get(SOURCE, ""),
        variants=tuple(_json(labels, VARIANTS, [])),
        baked=tuple(_json(labels, BAKED, [])),
        weights=_json(labels, WEIGHTS, {}),
        schema=_json(labels, SCHEMA, {}),
    )


def _json(labels: Mapping[str, str], name: str, default: Any) -> Any:
    """A label that holds JSON. Labels of an image that somebody else built may hold anything."""
    try:
        value = json.loads(labels.get(name, ""))
    except ValueError:
        return default
    return value if isinstance(value, type(default)) else default
