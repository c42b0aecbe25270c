"""Remove variants from a store, and each content with the last variant that has it; forget hashes on purpose."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repro.config import Variant
from repro.errors import WeightsError
from repro.weights.blobs import Blobs
from repro.weights.check import check_variant
from repro.weights.inventory import StoredVariant, read_inventory, used_contents
from repro.weights.layout import HASHES_FILE, removing_dir, store_lock, unpacking_dir, variant_dir, variant_lock
from repro.weights.ledger import FOUND_IN_PLACE, FOUND_IN_STORE, drop_entries, entry_key, read_ledger
from repro.weights.records import read_records, write_records


@dataclass(frozen=True)
class Removed:
    """What a removal has removed, or would."""

    variants: tuple[StoredVariant, ...]
    freed_bytes: int
    """What it frees; contents that other variants have stay, and are not counted."""
    kept_bytes: int
    """Contents of these variants that stay because others have them."""


def plan_removal(weights_dir: Path, names: Collection[str]) -> Removed:
    """What removing these variants (MODEL/VARIANT) would free. Changes nothing.

    Raises:
        WeightsError: a record is damaged.
    """
    chosen = [variant for variant in read_inventory(weights_dir) if variant.name in names]
    freed: dict[str, int] = {}
    kept: dict[str, int] = {}
    for variant in chosen:
        for file in variant.files:
            (freed if set(file.shared_with) <= set(names) else kept)[file.sha256] = file.size_bytes
    halfway_bytes = sum(path.stat().st_size for variant in chosen for path in variant.folder.rglob("*.part"))
    return Removed(tuple(chosen), sum(freed.values()) + halfway_bytes, sum(kept.values()))


def remove_variants(weights_dir: Path, names: Collection[str]) -> Removed:
    """Remove variants (MODEL/VARIANT), and every content that no variant has any more. Recorded hashes stay.

    Raises:
        WeightsError: a record is damaged, or something cannot be removed.
    """
    planned = plan_removal(weights_dir, names)
    with _told(weights_dir):
        for variant in planned.variants:
            with variant_lock(variant.folder):
                _remove_folder(variant.folder)
        remove_unused(weights_dir)
    return planned


def _remove_folder(folder: Path) -> None:
    doomed = removing_dir(folder)
    if doomed.is_symlink():
        doomed.unlink()
    shutil.rmtree(doomed, ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()  # what it leads to is somebody's own folder
    elif folder.exists():
        folder.rename(doomed)  # at once: half of a variant is never taken for a whole one
        shutil.rmtree(doomed)
    shutil.rmtree(unpacking_dir(folder), ignore_errors=True)


def remove_unused(weights_dir: Path) -> int:
    """Remove the contents that no variant has, and give their size in bytes.

    Raises:
        WeightsError: a record is damaged.
        OSError: something cannot be removed.
    """
    blobs = Blobs(weights_dir)
    if not blobs.folder.is_dir():
        return 0
    freed_bytes = 0
    # A fetch takes a content in and records it under one hold of this lock: none is in between here.
    with store_lock(weights_dir):
        used = used_contents(weights_dir)
        for sha256 in blobs.names():
            if sha256 not in used:
                freed_bytes += blobs.path(sha256).stat().st_size
                blobs.remove(sha256)
    return freed_bytes


def remove_damaged(weights_dir: Path, model: str, variant: Variant) -> list[str]:
    """Remove the files of a variant whose content is not what it should be, so that they are fetched again.

    A damaged content goes with the next fetch that would take it. What somebody put there by hand stays.

    Returns:
        The names of the files.

    Raises:
        WeightsError: a record is damaged, or something cannot be removed.
    """
    folder = variant_dir(weights_dir, model, variant.name)
    records = read_records(folder)
    checked = check_variant(weights_dir, model, variant)
    flawed = [file.name for file in checked if file.flaw and file.sha256 is not None and file.name in records]
    if flawed:
        with _told(weights_dir), variant_lock(folder):
            for name in flawed:
                (folder / name).unlink(missing_ok=True)
    return flawed


def forget_hashes(weights_dir: Path, model: str, variant: str, files: Sequence[str] = ()) -> list[str]:
    """Forget the hashes that were recorded at first use, so that the next fetch accepts, and records, others.

    Files that are there stay as they are. What another variant of the model had from the same address is forgotten too,
    as one is held to the hash of the other.

    Args:
        files: only of these; of all by default.

    Returns:
        The files whose hash was known.

    Raises:
        WeightsError: a record is damaged, or cannot be written.
    """
    folder = variant_dir(weights_dir, model, variant)
    prefix = entry_key(model, variant, "")
    known = {key.removeprefix(prefix) for key in read_ledger(weights_dir) if key.startswith(prefix)}
    known |= {name for name in read_records(folder) if not (folder / name).exists()}
    chosen = sorted(known & set(files) if files else known)
    if not chosen:
        return []
    with _told(weights_dir), variant_lock(folder), store_lock(weights_dir):
        drop_entries(weights_dir, _of_same_address(weights_dir, model, variant, chosen))
        if (folder / HASHES_FILE).exists():
            write_records(folder, {name: None for name in chosen if not (folder / name).exists()})
    return chosen


def _of_same_address(weights_dir: Path, model: str, variant: str, files: Sequence[str]) -> list[str]:
    """The keys of these files, and of all of the model's that came from where one of them did."""
    entries = read_ledger(weights_dir)
    own = [entry_key(model, variant, name) for name in files]
    sources = {entries[key].source for key in own if key in entries} - {FOUND_IN_PLACE, FOUND_IN_STORE}
    of_model = [key for key in entries if key.startswith(f"{model}/")]
    return [*own, *(key for key in of_model if entries[key].source in sources)]


@contextmanager
def _told(weights_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"cannot change the weights in {weights_dir}: {error.strerror or error}",
            fix="ask whoever may write there, or set REPRO_WEIGHTS_DIR to another folder",
        ) from error
