"""Something that can be removed, and something that has to stay: what `repro clean` deals in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "container",
    "worker",
    "exchange folder",
    "build folder",
    "half-made environment",
    "half-made weights",
    "partial download",
    "image",
    "environment",
    "weights",
]
_COSTLY: frozenset[Kind] = frozenset({"image", "environment", "weights"})


@dataclass(frozen=True)
class Leftover:
    """Something that nobody needs any more, or that can be made again."""

    kind: Kind
    name: str
    size_bytes: int
    """What its removal frees, after the removal of those before it in the same list."""
    why: str
    """Why it may go."""
    remove: Callable[[], None] = field(repr=False)
    """Raises OSError."""
    model: str = ""
    """Whose it is; empty where that is not known."""
    identity: str = ""
    """Of a container, for the engine."""

    @property
    def is_costly(self) -> bool:
        """Whether it takes minutes or a network to have it again: then nothing is removed without a yes."""
        return self.kind in _COSTLY


@dataclass(frozen=True)
class Kept:
    """Something of repro's own that was looked at and stays."""

    kind: Kind
    name: str
    why: str


@dataclass(frozen=True)
class Finding:
    """What can go of one kind of thing, and what stays."""

    leftovers: tuple[Leftover, ...] = ()
    kept: tuple[Kept, ...] = ()
