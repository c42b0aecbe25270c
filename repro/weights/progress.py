"""How a fetch tells how far it is."""

from __future__ import annotations

from typing import Protocol


class FileProgress(Protocol):
    """Told how one file goes on, from the thread that brings it."""

    def advance(self, n_bytes: int) -> None:
        """So many more bytes are here; negative when the file has to begin anew."""

    def done(self) -> None:
        """The file is whole, checked, and in its place."""


class Progress(Protocol):
    """Told of each file that begins; several may be on their way at once."""

    def begin(self, name: str, total_bytes: int | None) -> FileProgress:
        """A file begins; `None` where its size is not known."""


class Silent:
    """Tells nobody."""

    def begin(self, name: str, total_bytes: int | None) -> FileProgress:
        return self

    def advance(self, n_bytes: int) -> None: ...
    def done(self) -> None: ...


class Meter:
    """Turns what is here of one file into what its progress is told."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._name = name
        self._file: FileProgress | None = None
        self._shown_bytes = 0

    def show(self, size_bytes: int, total_bytes: int | None) -> None:
        if self._file is None:
            self._file = self._progress.begin(self._name, total_bytes)
        if size_bytes != self._shown_bytes:
            self._file.advance(size_bytes - self._shown_bytes)
            self._shown_bytes = size_bytes

    def done(self) -> None:
        if self._file is not None:
            self._file.done()
