"""Progress on stderr: a bar where a person looks on, else a line now and then."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from repro.cli.clean import shown_size
from repro.cli.console import NORMAL, Console, counted

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from repro.data.columns import Row
    from repro.file_run import Watch
    from repro.weights import FileProgress

_BAR_INTERVAL_S = 0.1
_LINE_INTERVAL_S = 30.0


def record_progress(console: Console, model: str) -> Watch:
    """What sees the rows of a run pass and tells how far it is."""

    def watch(rows: Iterator[Row], total: int | None) -> Iterator[Row]:
        if console.level < NORMAL:
            return rows
        return _with_bar(rows, total, model) if sys.stderr.isatty() else _with_lines(console, rows, total)

    return watch


def shown_rate(records: int, seconds: float) -> str:
    """How fast it goes, as people read it.

    >>> shown_rate(2000, 0.5), shown_rate(3, 36.0), shown_rate(0, 1.0)
    ('4,000.0 records/s', '12.0 s/record', '')
    """
    if not records or not seconds:
        return ""
    return f"{records / seconds:,.1f} records/s" if records >= seconds else f"{seconds / records:,.1f} s/record"


class _Count:
    """How many rows have come, and when the last one did.

    Rows come a batch at a time: what is told of the speed counts whole batches, up to the moment when the last came.
    """

    def __init__(self) -> None:
        self._begun = self._last = time.monotonic()
        self.records = 0

    def pass_on(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, counted as they pass."""
        for row in rows:
            self.records += 1
            self._last = time.monotonic()
            yield row

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    @property
    def rate(self) -> str:
        return shown_rate(self.records, self._last - self._begun)


@contextmanager
def every(interval_s: float, tell: Callable[[], None]) -> Iterator[None]:
    """Call `tell` now and then while the block runs, also while it waits for something."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(interval_s):
            tell()

    thread = threading.Thread(target=run, name="repro-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _with_lines(console: Console, rows: Iterator[Row], total: int | None) -> Iterator[Row]:
    """For a log file: a line now and then."""
    count = _Count()

    def tell() -> None:
        of = counted(count.records, "record") if total is None else f"{count.records:,} of {counted(total, 'record')}"
        told = [of, count.rate, f"{count.seconds:,.0f} s"]
        console.note(", ".join(filter(None, told)))

    with every(_LINE_INTERVAL_S, tell):
        yield from count.pass_on(rows)


def _with_bar(rows: Iterator[Row], total: int | None, model: str) -> Iterator[Row]:
    with _bar() as progress:
        count = _Count()
        task = progress.add_task(model, total=total, rate="")
        # Not at each row: rich takes longer over an update than some models over a record.
        with every(_BAR_INTERVAL_S, lambda: progress.update(task, completed=count.records, rate=count.rate)):
            yield from count.pass_on(rows)
        progress.update(task, completed=count.records, rate=count.rate)


def _bar() -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=RichConsole(stderr=True),
        transient=True,
    )


class DownloadBars:
    """Tells how a fetch of weights goes on, several files at once; a context manager. See `repro.weights.Progress`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._progress: Progress | None = None

    def __enter__(self) -> DownloadBars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def begin(self, name: str, total_bytes: int | None) -> FileProgress:
        if self._console.level < NORMAL:
            return _Untold()
        if not sys.stderr.isatty():
            size = "" if total_bytes is None else f" ({shown_size(total_bytes)})"
            self._console.note(f"fetching {name}{size}")
            return _Untold()
        with self._lock:  # files begin in threads of their own
            if self._progress is None:
                self._progress = _download_bar()
                self._progress.start()
        return _Bar(self._progress, self._progress.add_task(name, total=total_bytes))


class _Untold:
    """A file whose progress nobody looks at."""

    def advance(self, n_bytes: int) -> None: ...
    def done(self) -> None: ...


class _Bar:
    """The bar of one file."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task
        self._untold_bytes = 0
        self._told = time.monotonic()

    def advance(self, n_bytes: int) -> None:
        self._untold_bytes += n_bytes
        if time.monotonic() - self._told >= _BAR_INTERVAL_S:  # blocks come faster than rich keeps count of them
            self._tell()

    def done(self) -> None:
        self._tell()
        self._progress.stop_task(self._task)

    def _tell(self) -> None:
        self._progress.advance(self._task, self._untold_bytes)
        self._untold_bytes, self._told = 0, time.monotonic()


def _download_bar() -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=RichConsole(stderr=True),
    )
