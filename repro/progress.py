"""The progress bar of a call: records done, records a second, time left. On stderr, where a person looks on."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sized
from typing import TypeVar

S = TypeVar("S", bound=Sized)
_WORTH_SHOWING = 2  # a single record is over before a bar could be read


def is_watched() -> bool:
    """Whether a person looks on: stderr is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def watched(items: Iterator[S], total: int | None, what: str, show: bool | None) -> Iterator[S]:
    """Lists of results, with a bar while they come. `show` None: where a person looks on, for more than one record."""
    if show is None:
        show = is_watched() and (total is None or total >= _WORTH_SHOWING)
    return _with_bar(items, total, what) if show else items


def _with_bar(items: Iterator[S], total: int | None, what: str) -> Iterator[S]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate)
    console = Console(file=sys.stderr) if sys.stderr.isatty() else None
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as progress:
        task = progress.add_task(what, total=total, rate="starting")
        for item in items:
            speed = progress.tasks[0].finished_speed or progress.tasks[0].speed
            progress.update(task, advance=len(item), rate=f"{speed:,.0f} records/s" if speed else "")
            yield item
