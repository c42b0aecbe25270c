"""Prints the models whose images are to be published, as a JSON list: those that say AUTOMATICALLY_PUBLISH and whose
version is new, which is one that neither image.lock nor the registry has.

    scripts/ci/publish_matrix.py HOST/NAMESPACE

In a workflow (GITHUB_OUTPUT) the list is also the step's output `models`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from repro.errors import ReproError
from repro.images.lock import read_lock
from repro.images.registry import RegistryClient
from repro.images.repository import Repository, tag_of
from repro.model import Model
from repro.registry import catalogue


def own_models() -> list[type[Model]]:
    """The models of this repository, one for each folder."""
    return [Model.by_name(source.name) for source in catalogue.sources.values() if source.package == "repro"]


def to_publish(models: Iterable[type[Model]], registry: str) -> list[str]:
    """The names of those whose image is to be published. The registry is asked only for those that may be."""
    return sorted(model.folder_name() for model in models if _may_be_published(model) and _is_new(model, registry))


def _may_be_published(model: type[Model]) -> bool:
    return model.spec().is_published  # what its wrapper says under AUTOMATICALLY_PUBLISH


def _is_new(model: type[Model], registry: str) -> bool:
    version = tag_of(model.default_image)
    if version in read_lock(model.container_folder()).published:
        return False
    repository = Repository.of_model(registry, model.folder_name())
    return RegistryClient(repository, is_insecure=repository.is_loopback).manifest(version) is None


def main(words: list[str]) -> int:
    if len(words) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        models = json.dumps(to_publish(own_models(), words[0].lower()))
    except ReproError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(models)
    if os.environ.get("GITHUB_OUTPUT"):
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as output:
            output.write(f"models={models}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
