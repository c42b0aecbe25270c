"""How a fetch tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Told how a fetch goes on; files come one after the other."""

    def start(self, name: str, total_bytes: int | None) -> None:
        """A file begins; `None` where its size is not known."""

    def advance(self, n_bytes: int) -> None:
        """So many more bytes are here; negative when a file has to begin anew."""

    def done(self) -> None:
        """The file is whole, checked, and in its place."""


class Silent:
    """Tells nobody."""

    def start(self, name: str, total_bytes: int | None) -> None: ...
    def advance(self, n_bytes: int) -> None: ...
    def done(self) -> None: ...
