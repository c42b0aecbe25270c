"""The store of weights: the variants that it holds, content that no variant links any more, and what came halfway."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from repro.housekeeping.leftover import Finding, Kept, Leftover
from repro.housekeeping.sizes import Freed
from repro.housekeeping.workers import weights_in_use
from repro.weights.store import HASHES_FILE, PARTIAL_SUFFIX

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.settings import Settings

_BLOBS = ".blobs"


def weights(settings: Settings, client: DockerClient | None, models: Collection[str] = ()) -> Finding:
    """The variants in the store, then what nothing links. What a worker reads stays, as does what others put there.

    Sizes count a file once, however many variants hold it: it is free with the last of them.
    """
    in_use = {path.resolve() for path in weights_in_use(client)}
    leftovers, kept, freed = [], [], Freed()
    for folder in fetched(settings.weights_dir):
        model = folder.parent.name
        name = f"{model}/{folder.name}"
        if models and model not in models:
            continue
        if folder.resolve() in in_use:
            kept.append(Kept("weights", name, "a worker reads them"))
            continue
        why = f"`repro setup {model} --variant {folder.name}` fetches them again"
        leftovers.append(Leftover("weights", name, freed.with_also(folder), why, partial(shutil.rmtree, folder), model))
    return Finding((*leftovers, *partial_downloads(settings, models)), tuple(kept))


def fetched(weights_dir: Path) -> list[Path]:
    """The folders of the variants that repro has fetched something of."""
    return [record.parent for record in sorted(weights_dir.glob(f"[!.]*/[!.]*/{HASHES_FILE}"))]


def partial_downloads(settings: Settings, models: Collection[str] = ()) -> Iterator[Leftover]:
    """Files that were fetched halfway."""
    for path in sorted(settings.weights_dir.rglob(f"*{PARTIAL_SUFFIX}")):
        model = path.relative_to(settings.weights_dir).parts[0]
        if not models or model in models:
            yield Leftover(
                "partial download", str(path), path.stat().st_size, "it came halfway", partial(_drop, path), model
            )


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.json").unlink(missing_ok=True)
