"""The store of weights: the variants that it holds, contents that no variant has, and what came halfway."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import WeightsError
from repro.housekeeping.leftover import Finding, Kept, Leftover
from repro.housekeeping.locks import is_free, was_left
from repro.housekeeping.sizes import size_bytes
from repro.housekeeping.workers import weights_in_use

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.settings import Settings
    from repro.weights.inventory import StoredVariant

_HALF_MADE = (".unpacking", ".removing")
_LONGEST_NOTE_BYTES = 1 << 16


def weights(settings: Settings, client: DockerClient | None, models: Collection[str] = ()) -> Finding:
    """The variants in the store, and contents that none of them has. What a worker reads stays, as does what others
    put there.

    Sizes count a content once, however many variants have it: it is free with the last of them.

    Raises:
        WeightsError: the record of a variant is damaged.
    """
    from repro.weights.inventory import read_inventory

    root = settings.weights_dir
    in_use = {path.resolve() for path in weights_in_use(client)}
    leftovers, kept = [], []
    going: set[str] = set()
    for variant in read_inventory(root):
        # A folder of somebody else's beside the variants has no record.
        if not variant.files or (models and variant.model not in models):
            continue
        why = _why_it_stays(variant, in_use)
        if why:
            kept.append(Kept("weights", variant.name, why))
        else:
            going.add(variant.name)
            leftovers.append(_leftover(root, variant, going))
    unused = () if models else _unused(root)
    return Finding((*leftovers, *unused, *_partial_downloads(root, models)), tuple(kept))


def _why_it_stays(variant: StoredVariant, in_use: set[Path]) -> str:
    if variant.folder.is_symlink() or variant.folder.parent.is_symlink():
        return f"it is a link to {variant.folder.resolve()}"
    if variant.folder.resolve() in in_use:
        return "a worker reads them"
    if not is_free(variant.folder.with_name(f".{variant.folder.name}.lock")):
        return "they are being fetched"
    theirs = _not_recorded(variant)
    return f"repro did not put {theirs[0]} there" if theirs else ""


def _not_recorded(variant: StoredVariant) -> list[str]:
    from repro.weights.layout import HASHES_FILE

    halfway = set(_halfway(variant.folder))
    files = [path for path in sorted(variant.folder.rglob("*")) if path.is_file() and path not in halfway]
    names = [path.relative_to(variant.folder).as_posix() for path in files]
    recorded = {file.name for file in variant.files}
    return [name for name in names if name not in recorded and not name.startswith(HASHES_FILE)]


def _leftover(root: Path, variant: StoredVariant, going: set[str]) -> Leftover:
    contents = {file.sha256: file.size_bytes for file in variant.files if set(file.shared_with) <= going}
    why = f"`repro weights fetch {variant.model} --variant {variant.variant}` fetches them again"
    remove = partial(_remove, root, variant.name)
    return Leftover("weights", variant.name, sum(contents.values()), why, remove, variant.model)


def _remove(root: Path, name: str) -> None:
    from repro.weights.removal import remove_variants

    try:
        remove_variants(root, [name])
    except WeightsError as error:
        raise OSError(error.message) from error


def _unused(root: Path) -> Iterator[Leftover]:
    """Contents that no variant has: whoever removed the variants by hand has left them."""
    from repro.weights.blobs import Blobs
    from repro.weights.inventory import used_contents
    from repro.weights.removal import remove_unused

    blobs = Blobs(root)
    unused = set(blobs.names()) - used_contents(root)
    if unused:
        size = sum(blobs.path(sha256).stat().st_size for sha256 in unused)

        def remove() -> None:
            remove_unused(root)

        yield Leftover("weights", str(blobs.folder), size, "no variant has them", remove)


def _partial_downloads(root: Path, models: Collection[str]) -> Iterator[Leftover]:
    """Files that came halfway, of variants that nobody fetches now."""
    for model in folders_in(root):
        for variant in folders_in(model) if not models or model.name in models else ():
            if is_free(model / f".{variant.name}.lock"):
                for path in _halfway(variant):
                    remove = partial(path.unlink, missing_ok=True)
                    size = path.lstat().st_size
                    yield Leftover("partial download", str(path), size, "it came halfway", remove, model.name)


def folders_in(parent: Path) -> list[Path]:
    """Those in a folder of the store that may be a model or a variant. Links lead out of it, and are passed over."""
    return [path for path in sorted(parent.glob("[!.]*")) if path.is_dir() and not path.is_symlink()]


def _halfway(variant: Path) -> Iterator[Path]:
    """What came halfway: contents with the note that a fetch writes before them. Browsers end names with .part too."""
    from repro.weights.partial import PARTIAL_SUFFIX

    for folder, _, names in os.walk(variant):
        for name in sorted(names):
            note = Path(folder, name)
            if name.endswith(f"{PARTIAL_SUFFIX}.json") and _is_note(note):
                content = note.with_suffix("")
                yield from (path for path in (content, note) if path.is_file() and not path.is_symlink())


def _is_note(path: Path) -> bool:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _LONGEST_NOTE_BYTES:
        return False
    try:
        note = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(note, dict) and {"address", "validator", "total_bytes"} <= note.keys()


def half_made_weights(settings: Settings) -> Iterator[Leftover]:
    """What was left where the unpacking of an archive, or the removal of a variant, was cut off."""
    for model in folders_in(settings.weights_dir):
        for ending in _HALF_MADE:
            for path in sorted(model.glob(f".*{ending}")):
                variant = path.name.removeprefix(".").removesuffix(ending)
                if was_left(path, path.with_name(f".{variant}.lock")):
                    remove = partial(shutil.rmtree, path)
                    why = "the process that made it has gone"
                    yield Leftover("half-made weights", str(path), size_bytes(path), why, remove, model.name)
