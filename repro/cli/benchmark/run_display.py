"""How a benchmark goes on: a table of its cells where a person looks on, else a line for each that ends."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from repro.benchmarks.cache import FAILED
from repro.benchmarks.running import Watch
from repro.cli.console import NORMAL, Console, counted, shortened

if TYPE_CHECKING:
    from rich.console import RenderableType

    from repro.benchmarks.cache import Record
    from repro.benchmarks.cells import Cell

_REFRESH_PER_SECOND = 4
_FEWEST_ROWS = 4
_ROWS_BESIDE = 6
"""Lines of a terminal that are not the table's rows."""
_HEADLINE = "spearman"
_SHOWN_ERROR = 70
_WAITING, _RUNNING = "waiting", "running"
_STYLES = {_WAITING: "dim", _RUNNING: "bold", "done": "green", "cached": "dim green", FAILED: "red"}
_ORDER = (FAILED, _RUNNING, "done", _WAITING, "cached")


@contextmanager
def display(console: Console) -> Iterator[Watch]:
    """Who shows how a benchmark goes on, for as long as the block runs."""
    if console.level < NORMAL or not sys.stderr.isatty():
        yield Lines(console)
        return
    from rich.console import Console as RichConsole
    from rich.live import Live

    table = LiveTable()
    # Not transient: what has failed meanwhile stays to be read.
    with Live(
        get_renderable=table.shown, console=RichConsole(stderr=True), refresh_per_second=_REFRESH_PER_SECOND
    ) as live:
        yield table
        live.refresh()


class Lines:
    """A line for each cell that ends. A `Watch`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._ended = self._total = 0

    def plan(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        self._total = len(waiting)
        cached = len({cell.key for cell in cells}) - len(waiting)
        self._console.note(f"{counted(len(cells), 'cell')}, {len(waiting):,} to compute, {cached:,} done earlier")

    def begin(self, cell: Cell) -> None:
        self._console.detail(f"{cell.name}: begins")

    def said(self, cell: Cell, text: str) -> None:
        self._console.detail(f"{cell.name}: {text}")

    def end(self, cell: Cell, record: Record) -> None:
        self._ended += 1
        what = outcome_of(record)
        self._console.note(
            f"[{self._ended}/{self._total}] {cell.name}: {record.status}, {what}, {record.seconds:.1f} s"
        )


class LiveTable:
    """The cells of a benchmark as a table that is drawn anew. A `Watch`."""

    def __init__(self) -> None:
        self._cells: list[Cell] = []
        self._states: dict[str, str] = {}
        self._told: dict[str, str] = {}
        self._begun: dict[str, float] = {}
        self._seconds: dict[str, float] = {}

    def plan(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        keys = {cell.key for cell in waiting}
        self._cells = list({cell.key: cell for cell in cells}.values())
        self._states = {cell.key: _WAITING if cell.key in keys else "cached" for cell in self._cells}

    def begin(self, cell: Cell) -> None:
        self._begun[cell.key] = time.monotonic()
        self._states[cell.key] = _RUNNING

    def said(self, cell: Cell, text: str) -> None:
        self._told[cell.key] = text

    def end(self, cell: Cell, record: Record) -> None:
        self._seconds[cell.key] = time.monotonic() - self._begun[cell.key]
        self._states[cell.key] = record.status
        self._told[cell.key] = outcome_of(record)

    def shown(self) -> RenderableType:
        """The table as it is now: as many cells as there is room for, those first that a person wants to see."""
        from rich.table import Table
        from rich.text import Text

        room = max(_FEWEST_ROWS, shutil.get_terminal_size().lines - _ROWS_BESIDE)
        states = dict(self._states)  # cells end while this is drawn, in another thread
        by_interest = sorted(states, key=lambda key: (_ORDER.index(states[key]), -self._begun.get(key, 0.0)))
        chosen = set(by_interest[:room])
        table = Table(caption=_summary(states), caption_justify="left")
        for name in ("data set", "target", "model", "split", "", "", "s"):
            table.add_column(name, justify="right" if name == "s" else "left", no_wrap=name == "s")
        for cell in [cell for cell in self._cells if cell.key in chosen]:
            state = states[cell.key]
            told = shortened(self._told.get(cell.key, ""), _SHOWN_ERROR)
            row: list[Any] = [*cell.names, Text(state, _STYLES[state]), told, self._elapsed(cell.key, state)]
            table.add_row(*(Text(one) if isinstance(one, str) else one for one in row))
        return table

    def _elapsed(self, key: str, state: str) -> str:
        if state == _RUNNING:
            return f"{time.monotonic() - self._begun[key]:.0f}"
        return f"{self._seconds[key]:.1f}" if key in self._seconds else ""


def outcome_of(record: Record) -> str:
    """What came of a cell, in a few words: its rank correlation, or its error."""
    if record.status == FAILED:
        return next(iter(record.error.splitlines()), "")
    score = record.scores.get(_HEADLINE)
    if score is None:
        return counted(record.rows, "row")
    return f"{_HEADLINE} {'undefined' if score['value'] is None else format(score['value'], '.3f')}"


def _summary(states: dict[str, str]) -> str:
    counts = {state: list(states.values()).count(state) for state in _ORDER}
    return ", ".join(f"{count:,} {state}" for state, count in counts.items() if count)
