"""How a build goes on, told in plain lines; and what the steps of a build are, whatever builder makes them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from repro.errors import redact
from repro.runtimes.base import BuildWatch

Report = Callable[[str], None]
DONE, CACHED, FAILED = "done", "cached", "failed"
_SHOWN_LINES = 20
_SHORTEST_SECRET = 4


class PlainLines:
    """Tells a build in lines: for logs, and wherever nobody looks on. A `BuildWatch`."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def begin(self, step: str) -> None:
        self._report(step)

    def line(self, step: str, text: str) -> None:
        self._report(f"    {text}")

    def end(self, step: str, state: str, seconds: float) -> None:
        self._report(f"    {state.upper()}" if state == CACHED else f"    {state} in {seconds:.1f} s")

    def note(self, text: str) -> None:
        self._report(text)


class Steps:
    """What a builder says, as steps: passed on to a watch, the end of it kept for an error.

    Args:
        watch: who is told.
        secrets: values that nobody is told.
    """

    def __init__(self, watch: BuildWatch, secrets: Iterable[str] = ()) -> None:
        self._watch = watch
        self._secrets: list[str] = []
        self.hide(secrets)
        self._begun: dict[str, float] = {}
        self._tails: dict[str, deque[str]] = {}
        self.all_lines: deque[str] = deque(maxlen=_SHOWN_LINES)
        self.failed: str | None = None
        """The step that failed, once one has."""

    def begin(self, step: str) -> None:
        """A step begins; said twice, it is told once."""
        if step not in self._begun:
            self._begun[step] = time.monotonic()
            self._tails[step] = deque(maxlen=_SHOWN_LINES)
            self._watch.begin(self.hidden(step))

    def line(self, step: str, text: str) -> None:
        """A step prints a line."""
        self.begin(step)
        hidden = self.hidden(text.rstrip())
        self._tails[step].append(hidden)
        self.all_lines.append(hidden)
        self._watch.line(self.hidden(step), hidden)

    def end(self, step: str, state: str = DONE) -> None:
        """A step ends."""
        self.begin(step)
        if state == FAILED:
            self.failed = step
        self._watch.end(self.hidden(step), state, time.monotonic() - self._begun[step])

    def note(self, text: str) -> None:
        """Something that belongs to no step, and may say why a build failed."""
        hidden = self.hidden(text.rstrip())
        self.all_lines.append(hidden)
        self._watch.note(hidden)

    def hide(self, secrets: Iterable[str]) -> None:
        """Further values that nobody is told."""
        more = [secret for secret in secrets if len(secret) >= _SHORTEST_SECRET]
        self._secrets = sorted([*self._secrets, *more], key=len, reverse=True)

    def tail(self) -> tuple[str, ...]:
        """The last lines of the step that failed; of all steps where none is known to have failed."""
        return tuple(self._tails[self.failed] if self.failed is not None else ()) or tuple(self.all_lines)

    def hidden(self, text: str) -> str:
        """`text` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return redact(text)
