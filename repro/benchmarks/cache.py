"""The cells that are done: a folder each, named by what the cell was computed from, and there only when it is whole.

```text
DIR/results.csv             every cell's scores; see `results`
DIR/benchmark.json          what the benchmark is called
DIR/cells/KEY/cell.json     what the cell was computed from, when, how long it took, its scores; or why it failed
DIR/cells/KEY/predictions.csv
DIR/cells/.KEY.XXXX.part/   a cell that runs; removed by the next run, if this one is killed
```
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from repro.data.output import complete_file, output_errors
from repro.errors import OutputError

CELL_FILE = "cell.json"
PREDICTIONS_FILE = "predictions.csv"
DONE, FAILED = "done", "failed"

_CELLS = "cells"
_LOCK_FILE = ".repro-benchmark.lock"
_LAYOUT = 1
_PART = ".part"
_LOCK_TIMEOUT_S = 30.0
_LOCK_POLL_S = 0.1
_READ_BYTES = 1 << 20
_NOT_THERE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@dataclass(frozen=True)
class Record:
    """What `cell.json` says."""

    key: str
    status: str
    """`done` or `failed`."""
    identity: Mapping[str, Any]
    """All that the predictions depend on. `key` is its hash."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a reader may want to know beside: names, digests, split, folds."""
    started: str = ""
    seconds: float = 0.0
    rows: int = 0
    predictions_sha256: str = ""
    scores: Mapping[str, Any] = field(default_factory=dict)
    """metric -> `value`, `standard_error`, `n`, and `error` where it cannot be told."""
    scored_with: Mapping[str, Any] = field(default_factory=dict)
    """What the scores depend on beside the predictions."""
    error: str = ""
    layout: int = _LAYOUT


def write_record(folder: Path, record: Record) -> None:
    """Write `cell.json` of a cell. Raises OutputError."""
    facts = asdict(record)
    document = {"key": facts.pop("key"), "status": facts.pop("status"), **facts.pop("facts"), **facts}
    with complete_file(folder / CELL_FILE) as file:
        file.write((json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode())


def read_record(folder: Path) -> Record | None:
    """What `cell.json` of a cell says; None where there is none that this version can read."""
    try:
        document = json.loads((folder / CELL_FILE).read_text(encoding="utf-8"))
    except (*_NOT_THERE, ValueError):
        return None
    if not isinstance(document, dict) or document.get("layout") != _LAYOUT:
        return None
    own = set(Record.__dataclass_fields__) - {"facts"}
    known = {name: value for name, value in document.items() if name in own}
    if not {"key", "status", "identity"} <= known.keys() or not _has_form(known):
        return None
    return Record(facts={name: value for name, value in document.items() if name not in own}, **known)


def _has_form(known: Mapping[str, Any]) -> bool:
    """Whether the values are of the kinds that are written: who broke some by hand gets another cell, not a crash."""
    tables = [known.get(name, {}) for name in ("identity", "scores", "scored_with")]
    if not all(isinstance(table, dict) for table in tables):
        return False
    scores = known.get("scores", {}).values()
    return (
        all(isinstance(score, dict) and score.keys() >= {"value", "standard_error", "n", "note"} for score in scores)
        and isinstance(known.get("seconds", 0.0), (int, float))
        and isinstance(known.get("rows", 0), int)
        and all(isinstance(known.get(name, ""), str) for name in ("key", "status", "error", "started"))
    )


class Cache:
    """The cells of one folder. Looking needs no lock; who computes holds it: see `locked`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cells = folder.absolute() / _CELLS  # a cell's process works in a folder of its own

    def find(self, key: str, identity: Mapping[str, Any]) -> Record | None:
        """The cell, if it was computed, from just this, and its predictions are as they were written."""
        record = read_record(self.cells / key)
        if record is None or record.status != DONE or record.identity != json.loads(json.dumps(identity)):
            return None
        return record if file_sha256(self.cells / key / PREDICTIONS_FILE) == record.predictions_sha256 else None

    def begin(self, key: str) -> Path:
        """A folder for a cell that begins. Raises OutputError."""
        part = self.cells / f".{key}.{os.urandom(4).hex()}{_PART}"
        with output_errors(part):
            part.mkdir(parents=True)
        return part

    def commit(self, part: Path, key: str) -> None:
        """Give the folder of a cell that has ended its name. What another run left there goes. Raises OutputError."""
        target = self.cells / key
        with output_errors(target):
            if target.exists():  # a cell that had failed, or whose predictions somebody has changed
                away = part.with_name(f"{part.name.removesuffix(_PART)}.old{_PART}")
                target.rename(away)
                part.rename(target)
                _remove(away)
            else:
                part.rename(target)
            _flush_folder(self.cells)

    def locked(self, waiting: Callable[[], None]) -> _Lock:
        """A context in which no other run computes cells in this folder; what killed runs left is removed first.

        Args:
            waiting: called once where another run holds the folder.

        Raises:
            OutputError: another run computes here, or the folder cannot be written.
        """
        return _Lock(self, waiting)

    def remove_unfinished(self) -> None:
        """Remove the folders of cells that ran when their run was killed."""
        with output_errors(self.cells):
            for part in self.cells.glob(f".*{_PART}"):
                _remove(part)


class _Lock:
    """The lock on a folder: the kernel's own, on a file that children inherit.

    So it is held until the last process that computes for the run has ended, also where the run itself was killed: the
    next one does not remove what such a process is just writing.
    """

    def __init__(self, cache: Cache, waiting: Callable[[], None]) -> None:
        self._cache = cache
        self._waiting = waiting
        self.descriptor = -1

    def __enter__(self) -> _Lock:
        folder = self._cache.folder
        with output_errors(folder):
            self._cache.cells.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(folder / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._acquire()
            self._cache.remove_unfinished()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def _acquire(self) -> None:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        told = False
        while True:
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise OutputError(
                        f"another run computes cells in {self._cache.folder}",
                        fix="wait for it, or name another folder with -o",
                    ) from None
            else:
                return
            if not told:
                self._waiting()
                told = True
            time.sleep(_LOCK_POLL_S)


def file_sha256(path: Path) -> str | None:
    """The SHA-256 of a file; None where none is there."""
    import hashlib

    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except _NOT_THERE:
        return None
    return digest.hexdigest()


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
