"""Runs the cells of a benchmark: those that are not done, as many at a time as the machine has room for."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from repro.benchmarks.cache import FAILED, Cache, Record, read_record, write_record
from repro.benchmarks.cells import Cell
from repro.benchmarks.job import Job, scored_with
from repro.benchmarks.resources import Machine, Pool, Share
from repro.benchmarks.results import write_name, write_results
from repro.guest.facts import THREAD_VARIABLES

_POLL_S = 0.5
_END_WITHIN_S = 30.0
_WRITE_INTERVAL_S = 5.0
_READ_BYTES = 1 << 16
_LOG_LINES = 20
_LOG_FILE = "log.txt"
_LOG_TAIL_BYTES = 1 << 16


class Watch(Protocol):
    """Who is told how a benchmark goes on. Called from one thread."""

    def plan(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        """All cells, and those of them that will be computed."""

    def begin(self, cell: Cell) -> None:
        """A cell begins."""

    def said(self, cell: Cell, text: str) -> None:
        """A cell tells how far it is."""

    def end(self, cell: Cell, record: Record) -> None:
        """A cell has ended."""


@dataclass(frozen=True)
class Request:
    """How the cells are to be computed."""

    machine: Machine
    metrics: tuple[str, ...] | None = None
    """None: all that a cell's rows suffice for."""
    bootstrap: int = 0
    jobs: int | None = None
    """At most so many cells at a time; None: as the machine has room for."""


@dataclass(frozen=True)
class Outcome:
    """What a run did."""

    results: Path
    cells: tuple[tuple[Cell, Record], ...]
    """Every cell of the benchmark, in its order."""
    computed: int
    """How many were computed now, whatever came of them; those that are the same count once."""

    @property
    def failed(self) -> list[tuple[Cell, Record]]:
        """Those that failed."""
        return [(cell, record) for cell, record in self.cells if record.status == FAILED]


def find_done(cells: Sequence[Cell], folder: Path) -> dict[str, Record]:
    """The cells that were computed before, by key. Writes nothing."""
    cache = Cache(folder)
    unique = {cell.key: cell for cell in cells}
    found = {key: cache.find(key, cell.identity) for key, cell in unique.items()}
    return {key: record for key, record in found.items() if record is not None}


def run_cells(
    cells: Sequence[Cell], folder: Path, request: Request, watch: Watch, say: Callable[[str], None], name: str = ""
) -> Outcome:
    """Compute the cells that are not done, and write the results of all.

    A cell that fails does not keep the others from being computed. A run that is killed, at any point, leaves whole
    cells alone, and the next one goes on with those that are not there.

    Args:
        cells: in the order of the results. Those that have one key are computed once.
        folder: of the benchmark; see `cache`.
        request: how.
        watch: told how it goes on.
        say: told, in a line, what else happens.
        name: of the benchmark, for its reports.

    Raises:
        OutputError: the folder cannot be written, or another run computes there.
    """
    cache = Cache(folder)
    with cache.locked(lambda: say(f"waiting for another run that computes cells in {folder}")) as lock:
        write_name(folder, name)
        records = find_done(cells, folder)
        stale = {key for key, record in records.items() if not _has_scores(record, request)}
        waiting: dict[str, Cell] = {}
        for cell in cells:
            if cell.key not in records or cell.key in stale:
                waiting.setdefault(cell.key, cell)
        watch.plan(cells, list(waiting.values()))
        crew = _Crew(cache, request, watch, lock.descriptor)
        try:
            written = time.monotonic()
            with contextlib.closing(crew.compute(list(waiting.values()), stale)) as ended:
                for key, record in ended:
                    records[key] = record
                    if time.monotonic() > written + _WRITE_INTERVAL_S:  # a report can be made while it runs
                        _write(cells, records, folder, request)
                        written = time.monotonic()
        finally:
            results = _write(cells, records, folder, request)
    pairs = tuple((cell, records[cell.key]) for cell in cells)
    return Outcome(results, pairs, computed=len(waiting.keys() - stale))


def _has_scores(record: Record, request: Request) -> bool:
    return dict(record.scored_with) == scored_with(request.metrics, request.bootstrap)


def _write(cells: Sequence[Cell], records: dict[str, Record], folder: Path, request: Request) -> Path:
    there = [(cell, records[cell.key]) for cell in cells if cell.key in records]
    return write_results(folder, there, request.metrics)


@dataclass
class _Running:
    """A cell that is being computed."""

    cell: Cell
    share: Share
    folder: Path
    is_done: bool
    """Whether its scores alone are wanted."""
    process: subprocess.Popen[bytes]
    unread: bytes = b""
    begun: float = field(default_factory=time.monotonic)


class _Crew:
    """The processes that compute cells."""

    def __init__(self, cache: Cache, request: Request, watch: Watch, lock: int) -> None:
        self._cache = cache
        self._request = request
        self._watch = watch
        self._lock = lock
        self._pool = Pool(request.machine)
        self._selector = selectors.DefaultSelector()
        self._running: list[_Running] = []

    def compute(self, waiting: list[Cell], stale: set[str]) -> Generator[tuple[str, Record], None, None]:
        """Key and record of each cell as it ends. Closed before the end, it ends those that run."""
        try:
            while waiting or self._running:
                self._start_some(waiting, stale)
                for event, _ in self._selector.select(_POLL_S):
                    one: _Running = event.data
                    if self._read(one):
                        record = self._ended(one)
                        self._watch.end(one.cell, record)
                        yield one.cell.key, record
        finally:
            self._end_all()
            self._selector.close()

    def _start_some(self, waiting: list[Cell], stale: set[str]) -> None:
        """Start those that there is room for, the first ones first."""
        for cell in list(waiting):
            if self._request.jobs is not None and len(self._running) >= self._request.jobs:
                return
            share = self._pool.take(cell.needs)
            if share is not None:
                waiting.remove(cell)
                at_once = min(len(waiting) + len(self._running) + 1, self._request.jobs or sys.maxsize)
                self._start(cell, share, cell.key in stale, self._pool.threads(cell.needs, at_once))

    def _start(self, cell: Cell, share: Share, is_done: bool, threads: int) -> None:
        folder = self._cache.cells / cell.key if is_done else self._cache.begin(cell.key)
        process = _start_process(folder, self._lock, threads)
        one = _Running(cell, share, folder, is_done, process)
        self._running.append(one)
        assert process.stdin is not None
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, one)
        with contextlib.suppress(BrokenPipeError):  # it has died already, which the end of its output tells
            process.stdin.write(self._job(one).as_line().encode())
            process.stdin.flush()
        self._watch.begin(cell)

    def _job(self, one: _Running) -> Job:
        cell = one.cell
        return Job(
            folder=str(one.folder),
            key=cell.key,
            identity=cell.identity,
            facts=cell.facts,
            source=cell.source,
            target=cell.target,
            split=cell.split,
            call=cell.call,
            device=one.share.device,
            limits=cell.limits,
            metrics=self._request.metrics,
            bootstrap=self._request.bootstrap,
            is_done=one.is_done,
        )

    def _read(self, one: _Running) -> bool:
        """Take what the process says; whether it has ended."""
        assert one.process.stdout is not None
        data = os.read(one.process.stdout.fileno(), _READ_BYTES)
        *lines, one.unread = (one.unread + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):  # something else that was printed
                self._watch.said(one.cell, str(json.loads(line)["said"]))
        return not data

    def _ended(self, one: _Running) -> Record:
        """Its record, with its folder in its place."""
        status = self._leave(one)
        record = read_record(one.folder)
        if status != 0 or record is None:
            record = self._crashed(one, status)
        (one.folder / _LOG_FILE).unlink(missing_ok=True)
        if not one.is_done:
            self._cache.commit(one.folder, one.cell.key)
        return record

    def _leave(self, one: _Running) -> int:
        assert one.process.stdin is not None
        assert one.process.stdout is not None
        self._selector.unregister(one.process.stdout)
        with contextlib.suppress(BrokenPipeError):
            one.process.stdin.close()
        status = one.process.wait()
        one.process.stdout.close()
        self._running.remove(one)
        self._pool.give_back(one.share)
        return status

    def _crashed(self, one: _Running, status: int) -> Record:
        """The record of a cell whose process did not come to its end."""
        said = _log_tail(one.folder / _LOG_FILE)
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        before = read_record(one.folder) if one.is_done else None
        if before is not None:  # the predictions are as good as before
            return replace(before, status=FAILED, scores={}, error=f"its scores could not be computed: {how}: {said}")
        for left in one.folder.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        error = f"the process of the cell {how}{f': {said}' if said else ''}"
        seconds = round(time.monotonic() - one.begun, 3)
        cell = one.cell
        record = Record(cell.key, FAILED, cell.identity, cell.facts, seconds=seconds, error=error)
        write_record(one.folder, record)
        return record

    def _end_all(self) -> None:
        """End the cells that run, and their workers with them: their standard input ends."""
        for one in self._running:
            with contextlib.suppress(BrokenPipeError):
                assert one.process.stdin is not None
                one.process.stdin.close()
        deadline = time.monotonic() + _END_WITHIN_S
        for one in list(self._running):
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.process.wait(max(0.0, deadline - time.monotonic()))
            one.process.kill()
            one.process.wait()
            assert one.process.stdout is not None
            one.process.stdout.close()
            if one.is_done:
                (one.folder / _LOG_FILE).unlink(missing_ok=True)
            else:
                shutil.rmtree(one.folder, ignore_errors=True)


def _start_process(folder: Path, lock: int, threads: int) -> subprocess.Popen[bytes]:
    """The process of a cell. It holds the lock too, so that the next run waits for it, also where this one is killed.

    It works in the cell's folder and imports what this process imports: nothing that lies where the user happens to be
    takes a module's place. Its worker computes with so many threads, unless the user's environment says how many.
    """
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)}
    if not os.environ.keys() & set(THREAD_VARIABLES):
        environ |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    with (folder / _LOG_FILE).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "repro.benchmarks.job"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=folder,
            env=environ,
            pass_fds=[lock],
            start_new_session=True,  # Ctrl-C in a terminal is for the run, which ends its cells in order
        )


def _log_tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-_LOG_LINES:])
