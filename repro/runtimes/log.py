"""The log of a worker: its last lines, kept in memory."""

from __future__ import annotations

import codecs
import threading
from collections import deque
from collections.abc import Callable

TAIL_LINES = 20
_MAX_LINE_CHARACTERS = 2000


class LogTail:
    """Takes a stream in chunks cut anywhere, and keeps its last lines.

    Args:
        size: how many lines are kept.
        report: gets each line when it is complete.

    >>> tail = LogTail()
    >>> for byte in "é 1\\nü 2".encode(): tail.feed(bytes([byte]))
    >>> tail.lines()
    ('é 1', 'ü 2')
    """

    def __init__(self, size: int = TAIL_LINES, report: Callable[[str], None] | None = None) -> None:
        self._report = report
        self._lines: deque[str] = deque(maxlen=size)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode  # a chunk may end within a character
        self._open = ""
        self._lock = threading.Lock()

    def feed(self, chunk: bytes) -> None:
        with self._lock:
            *complete, rest = (self._open + self._decode(chunk)).split("\n")
            for line in complete:
                self._keep(line)
            self._open = rest[-_MAX_LINE_CHARACTERS:]

    def close(self) -> None:
        """The stream has ended: what it ended with is a line too."""
        with self._lock:
            if self._open:
                self._keep(self._open)
            self._open = ""

    def lines(self) -> tuple[str, ...]:
        with self._lock:
            return (*self._lines, self._open) if self._open else tuple(self._lines)

    def _keep(self, line: str) -> None:
        line = line.rstrip("\r")[:_MAX_LINE_CHARACTERS]
        self._lines.append(line)
        if self._report is not None:
            self._report(line)
