"""How the layers of an image go over: a bar each where a person looks on, else a line when something has changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from repro.cli.console import NORMAL, Console

if TYPE_CHECKING:
    from rich.progress import Progress

    from repro.images.transfer import LayerState

_PASSING = {"Preparing", "Waiting", "Verifying Checksum", "Pulling fs layer", "Download complete", "Extracting"}
_DONE = ("Pushed", "Layer already exists", "Mounted from", "Pull complete", "Already exists")


class LayerBars:
    """Is told how each layer is; a context manager. See `repro.images.transfer.LayerWatch`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_watched = sys.stderr.isatty()
        self._progress: Progress | None = None
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, str] = {}

    def __enter__(self) -> LayerBars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, state: LayerState, /) -> None:
        if self._console.level < NORMAL:
            return
        if self._is_watched:
            self._draw(state)
        else:
            self._tell(state)

    def _tell(self, state: LayerState) -> None:
        doing = "Retrying" if state.doing.startswith("Retrying") else state.doing  # it counts the seconds
        if doing in _PASSING or self._told.get(state.layer) == doing:
            return
        self._told[state.layer] = doing
        size = "" if state.total_bytes is None else f" {state.total_bytes / 1e6:,.1f} MB"
        self._console.note(f"layer {state.layer}: {doing.lower()}{size}")

    def _draw(self, state: LayerState) -> None:
        if self._progress is None:
            self._progress = _bars()
            self._progress.start()
        if state.layer not in self._tasks:
            self._tasks[state.layer] = self._progress.add_task(state.layer, total=None, doing="")
        is_done = state.doing.startswith(_DONE)
        total = 1 if is_done else state.total_bytes
        completed = 1 if is_done else state.done_bytes
        self._progress.update(self._tasks[state.layer], total=total, completed=completed, doing=state.doing.lower())


def _bars() -> Progress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[doing]}"),
        console=RichConsole(stderr=True),
    )
