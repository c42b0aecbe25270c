"""Fetch the pretrained weights of a variant into the store: each file once, whole, and with the hash it has to have."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.config import Variant, WeightFile
from repro.errors import WeightsError
from repro.weights.download import Patience, download, shown_address
from repro.weights.partial import Partial
from repro.weights.progress import Progress, Silent
from repro.weights.store import (
    file_sha256,
    find_variant,
    not_weights,
    outstanding,
    read_records,
    record_of,
    variant_dir,
    write_record,
)

log = logging.getLogger(__name__)


def fetch_variant(
    model: str,
    variant: Variant,
    weights_dir: Path,
    *,
    progress: Progress | None = None,
    offline: bool = False,
    patience: Patience | None = None,
) -> Path | None:
    """Make a variant's weights ready and give their folder; `None` where the variant has no files.

    What is there already is not fetched again. An interrupted fetch goes on where it stopped. Two processes that want
    the same variant fetch it once: the second waits. A hash that `config.yaml` does not state is recorded, and the
    file has to have it from then on.

    Args:
        progress: told of each file as it comes.
        offline: use no network: what is not there is an error.

    Raises:
        NotSetUpError: offline, and nothing of it is there.
        WeightsError: a file could not be fetched, is not what it should be, or cannot be stored.
    """
    if not variant.files:
        return None
    folder = variant_dir(weights_dir, model, variant.name)
    # Nothing is written where nothing is to do: a store that many share may be read-only.
    if not outstanding(folder, variant):
        return folder
    try:
        with _lock(folder):
            for file in variant.files:
                if file.name in outstanding(folder, variant):
                    _make_ready(folder, file, progress or Silent(), patience or Patience(), offline)
    except OSError as error:
        raise _cannot_store(folder, error) from error
    return find_variant(model, variant, weights_dir)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    # Beside the folder, not in it: the folder is mounted into containers as it is.
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process fetches these weights; waiting for it", folder.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _make_ready(folder: Path, file: WeightFile, progress: Progress, patience: Patience, offline: bool) -> None:
    if _adopt(folder, file) or offline:
        return
    target = folder / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Partial(target, shown_address(file.url))
    expected = _expected_sha256(folder, file)
    resumed = partial.size_bytes > 0
    download(file, partial, sha256=expected, progress=progress, patience=patience)
    if resumed and expected not in (None, partial.sha256):
        # The first part may be of an older version, or have suffered when the machine went down.
        log.warning("%s: what was continued has another hash than it should; fetching it anew", file.name)
        partial.discard()
        download(file, partial, sha256=expected, progress=progress, patience=patience)
    _check(folder, file, partial, expected)
    # What lay there goes first: killed in between, an older file must not stand under the record of the new one.
    target.unlink(missing_ok=True)
    write_record(folder, file.name, record_of(partial.path, partial.sha256))
    partial.become(target)
    progress.done()


def _adopt(folder: Path, file: WeightFile) -> bool:
    """Take in a whole file that lies in its place without a record: put there by hand, or of a copied store."""
    target = folder / file.name
    if file.name in read_records(folder) or not target.is_file() or not_weights(target):
        return False
    if file.size_bytes not in (None, target.stat().st_size):
        return False
    sha256 = file_sha256(target)
    if file.sha256 not in (None, sha256):
        return False
    write_record(folder, file.name, record_of(target, sha256))
    return True


def _expected_sha256(folder: Path, file: WeightFile) -> str | None:
    record = read_records(folder).get(file.name)
    return file.sha256 or (record.sha256 if record else None)


def _check(folder: Path, file: WeightFile, partial: Partial, expected: str | None) -> None:
    """Refuse, and keep nothing of, what is not the file that it should be."""
    flaw, fix = not_weights(partial.path), ""
    if not flaw and file.size_bytes not in (None, partial.size_bytes):
        flaw = f"it has {partial.size_bytes:,} bytes instead of {file.size_bytes:,}"
    if not flaw and expected not in (None, partial.sha256):
        flaw = f"its sha256 is {partial.sha256} instead of {expected}"
        stated = file.sha256 is not None
        origin = "config.yaml states the other" if stated else f"the other was recorded in {folder} at the first fetch"
        fix = f"find out which is right: {origin}" + ("" if stated else "; remove that folder to accept the new one")
    if flaw:
        partial.discard()
        raise WeightsError(f"{shown_address(file.url)} is not {file.name}: {flaw}; nothing of it was kept", fix=fix)


def _cannot_store(folder: Path, error: OSError) -> WeightsError:
    return WeightsError(
        f"cannot store weights in {folder}: {error.strerror or error}",
        fix="make room or give the right to write there, or set REPRO_WEIGHTS_DIR to another folder",
    )
