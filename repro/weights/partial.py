"""The part of a file that is already here: `<name>.part`, and beside it what is needed to go on with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.weights.hashing import BackgroundHash

PARTIAL_SUFFIX = ".part"

_BLOCK_BYTES = 1 << 20


def partial_path(target: Path) -> Path:
    """Where the content of `target` lies while it is fetched."""
    return target.with_name(target.name + PARTIAL_SUFFIX)


class Partial:
    """Content of a file as it grows, with its hash.

    Killed at any moment, it leaves a prefix of the content, and a note of the version that it is a prefix of.

    Attributes:
        size_bytes: how much is here.
        total_bytes: how much there is, where the server said so.
        validator: the server's own mark (an ETag or a date) of the version that this is a part of.

    Args:
        address: where it comes from. A part from another address is dropped, unless both are to have the same hash.
        expected: the hash that the whole has to have, where it is known.
    """

    def __init__(self, target: Path, address: str, expected: str | None = None) -> None:
        self.path = partial_path(target)
        self._note = self.path.with_name(self.path.name + ".json")
        self._address = address
        self._expected = expected
        self.size_bytes = 0
        self.total_bytes: int | None = None
        self.validator: str | None = None
        self._digest = hashlib.sha256()
        self._load()

    @property
    def complete(self) -> bool:
        """All of it is here, as far as can be told from its size."""
        return self.total_bytes is not None and self.size_bytes == self.total_bytes

    @property
    def sha256(self) -> str:
        """Hash of what is here."""
        return self._digest.hexdigest()

    def begin(self, validator: str | None, total_bytes: int | None) -> None:
        """Start at the first byte of a version of the file; what was here of another is dropped."""
        self.discard()
        self.validator, self.total_bytes = validator, total_bytes
        note = {
            "address": self._address,
            "validator": validator,
            "total_bytes": total_bytes,
            "sha256": self._expected,
        }
        try:
            self._note.write_text(json.dumps(note), encoding="utf-8")
        except OSError:
            self._note.unlink(missing_ok=True)
            raise

    @contextmanager
    def appending(self) -> Iterator[Callable[[bytes], None]]:
        """A function that adds content at the end, for the time of the block."""
        with self.path.open("ab", buffering=0) as stream, BackgroundHash(self._digest) as hashing:

            def append(content: bytes) -> None:
                # A raw file may take less than it is given, as on a disk that runs full.
                view = memoryview(content)
                while view:
                    view = view[stream.write(view) or 0 :]
                hashing.update(content)
                self.size_bytes += len(content)

            yield append

    def become(self, target: Path) -> None:
        """Give the content its name, in one step."""
        self.path.replace(target)
        self.taken()

    def taken(self) -> None:
        """The content was moved away."""
        self._note.unlink(missing_ok=True)
        self._forget()

    def discard(self) -> None:
        """Keep nothing of it."""
        # The content goes first: a content without a note is dropped, a note without its content does no harm.
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._forget()

    def _forget(self) -> None:
        self.size_bytes = 0
        self.total_bytes = self.validator = None
        self._digest = hashlib.sha256()

    def _load(self) -> None:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            self.validator, self.total_bytes = note["validator"], note["total_bytes"]
            same_file = self._goes_on(note)
            if same_file:
                self._read()
        except (FileNotFoundError, ValueError, KeyError, TypeError, RecursionError):
            same_file = False
        if not same_file or (self.total_bytes is not None and self.size_bytes > self.total_bytes):
            self.discard()

    def _goes_on(self, note: dict[str, object]) -> bool:
        if note["address"] == self._address:
            return True
        # From another server: its mark means nothing there, and the hash decides in the end.
        self.validator = None
        return self._expected is not None and note.get("sha256") == self._expected

    def _read(self) -> None:
        with self.path.open("rb", buffering=0) as stream:
            while block := stream.read(_BLOCK_BYTES):
                self._digest.update(block)
                self.size_bytes += len(block)
