"""Whether a model's folder still is what its image was built from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repro.errors import BuildError, SettingsError
from repro.images.context import collect
from repro.images.dockerfile import read_dockerfile
from repro.images.facts import ImageFacts


def source_digest(folder: Path) -> str:
    """SHA-256 of the Dockerfile and of all files that it takes from a model's folder.

    Raises:
        BuildError: there is no Dockerfile, or it names what is not there.
    """
    dockerfile = read_dockerfile(folder)
    context = collect(folder, dockerfile.sources({}))
    return hashlib.sha256(f"{dockerfile.text}\0{context.digest()}".encode()).hexdigest()


def has_changed(folder: Path, image: ImageFacts) -> bool:
    """Whether a model's folder is another than when its image was built; False where that cannot be told."""
    if not image.source_sha256:
        return False
    try:
        return source_digest(folder) != image.source_sha256
    except (BuildError, SettingsError):  # `repro setup` says what is wrong with it
        return False
