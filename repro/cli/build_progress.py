"""How a build goes on, for a person who looks on: a line a step, with its name, its time and the last thing it said."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from repro.cli.console import NORMAL, VERBOSE, Console
from repro.images.steps import CACHED, FAILED
from repro.runtimes.base import BuildWatch

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

_REFRESH_PER_SECOND = 8
_MARKS = {CACHED: ("·", "dim"), FAILED: ("✗", "red")}
_DONE = ("✓", "green")


def build_watch(console: Console, before: Callable[[], None]) -> BuildWatch | None:
    """Who tells a build on a terminal; None where plain lines do.

    Args:
        console: how much is said.
        before: called before anything is shown: ends another display, as there can be one at a time.
    """
    return BuildLines(console, before) if sys.stderr.isatty() and console.level >= NORMAL else None


class BuildLines:
    """Shows the steps that run, each with its time, and writes a line for each that has ended. A `BuildWatch`."""

    def __init__(self, console: Console, before: Callable[[], None]) -> None:
        from rich.console import Console as RichConsole

        self._says_all = console.level >= VERBOSE
        self._rich = RichConsole(stderr=True)
        self._before = before
        self._running: dict[str, tuple[float, str]] = {}
        self._live: Live | None = None

    def begin(self, step: str) -> None:
        self._running[step] = (time.monotonic(), "")
        if self._live is None:
            from rich.live import Live

            self._before()
            self._live = Live(
                get_renderable=self._shown,
                console=self._rich,
                refresh_per_second=_REFRESH_PER_SECOND,
                transient=True,
            )
            self._live.start()

    def line(self, step: str, text: str) -> None:
        begun, _ = self._running.get(step, (time.monotonic(), ""))
        self._running[step] = (begun, text.strip())
        if self._says_all:
            self._print(f"    {text}", "dim")

    def end(self, step: str, state: str, seconds: float) -> None:
        self._running.pop(step, None)
        mark, style = _MARKS.get(state, _DONE)
        took = "cached" if state == CACHED else f"{seconds:.1f} s"
        self._print(f"{mark} {_short(step)}  {took}", style)
        if not self._running or state == FAILED:
            self._stop()

    def note(self, text: str) -> None:
        self._rich.print(text, markup=False, highlight=False, soft_wrap=True)

    def _stop(self) -> None:
        self._running.clear()
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _print(self, text: str, style: str) -> None:
        self._rich.print(_text(text, style), no_wrap=True, overflow="ellipsis", crop=True)

    def _shown(self) -> RenderableType:
        from rich.console import Group
        from rich.spinner import Spinner

        now = time.monotonic()
        lines: list[Any] = []
        for step, (begun, said) in list(self._running.items()):
            text = _text(f"{_short(step)}  {now - begun:.1f} s", "bold")
            text.append(f"  {said}", style="dim")
            lines.append(Spinner("dots", text=text))
        return Group(*lines)


def _text(text: str, style: str) -> Text:
    from rich.text import Text

    return Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _short(step: str) -> str:
    """A step without its mounts, which say nothing to who waits.

    >>> _short("[2/4] RUN --mount=type=cache,target=/root/.cache/pip     pip install numpy")
    '[2/4] RUN pip install numpy'
    """
    return " ".join(word for word in step.split() if not word.startswith("--mount="))
