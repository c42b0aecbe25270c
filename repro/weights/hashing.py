"""SHA-256 of content as it comes, in a thread of its own: hashing costs a fetch no time where there are two cores."""

from __future__ import annotations

import queue
import threading
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_AHEAD = 32
"""Blocks that may wait to be hashed; with blocks of 256 KiB, 8 MiB."""


class BackgroundHash:
    """Feeds a digest from another thread, for the time of a `with` block; after it the digest has seen everything.

    >>> import hashlib
    >>> digest = hashlib.sha256()
    >>> with BackgroundHash(digest) as hashing:
    ...     hashing.update(b"weights")
    >>> digest.hexdigest() == hashlib.sha256(b"weights").hexdigest()
    True
    """

    def __init__(self, digest: _Hash) -> None:
        self._digest = digest
        self._blocks: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
        self._thread = threading.Thread(target=self._run, name="hash", daemon=True)

    def __enter__(self) -> BackgroundHash:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._blocks.put(None)
        self._thread.join()

    def update(self, block: bytes) -> None:
        self._blocks.put(block)

    def _run(self) -> None:
        while (block := self._blocks.get()) is not None:
            self._digest.update(block)
