"""The contents of a store, each once, under the name of its hash; and the files of the variants that are links to them.

Whoever changes something here holds the lock of the store.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from repro.weights.layout import BLOBS_FOLDER

_READ_ONLY = 0o444
_DRAFT = ".draft-"


class Blobs:
    """The folder of contents.

    Where the file system has no hard links, or a variant's folder lies on another disk, files are copies.
    """

    def __init__(self, weights_dir: Path) -> None:
        self.folder = weights_dir / BLOBS_FOLDER

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def names(self) -> list[str]:
        """The hashes of all contents that are there."""
        return sorted(path.name for path in self.folder.glob("[!.]*")) if self.folder.is_dir() else []

    def take(self, source: Path, sha256: str) -> None:
        """Move a file in; its hash has been checked.

        Raises:
            OSError: there is no room, or no right to write.
        """
        if sha256 in self:
            source.unlink()
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _make_read_only(source)
        try:
            source.replace(self.path(sha256))
        except OSError:  # another disk; anything else fails again, and is told
            _copy(source, self.path(sha256))
            source.unlink()

    def adopt(self, file: Path, sha256: str) -> None:
        """Let a file that lies in a variant's folder be, or share, a content.

        A link, or one of several names of a file, is somebody's own file elsewhere: it stays as it is, and its content
        is copied.

        Raises:
            OSError: there is no room, or no right to write.
        """
        if sha256 in self:
            self.place(sha256, file)
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        if file.is_symlink() or file.stat().st_nlink > 1:
            _copy(file, self.path(sha256))
            self.place(sha256, file)
            return
        _make_read_only(file)
        _link_or_copy(file, self.path(sha256))

    def place(self, sha256: str, target: Path) -> None:
        """Let `target` be a content, in one step.

        Raises:
            OSError: there is no room, or no right to write.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        _link_or_copy(self.path(sha256), target)

    def remove(self, sha256: str) -> None:
        self.path(sha256).unlink(missing_ok=True)


def _link_or_copy(source: Path, target: Path) -> None:
    draft = _draft(target)
    draft.unlink(missing_ok=True)
    try:
        draft.hardlink_to(source)
    except OSError:  # no hard links here, too many of them, or another disk; anything else fails again, and is told
        _copy(source, target)
    else:
        draft.replace(target)
        # Two names of one file: rename does nothing then, and leaves both.
        draft.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    draft = _draft(target)
    try:
        shutil.copy2(source, draft)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    _make_read_only(target)


def _draft(target: Path) -> Path:
    # No longer than a file system takes, whose limit is in bytes.
    return target.with_name(f".{target.name.encode()[:100].decode(errors='ignore')}{_DRAFT}{os.getpid()}")


def _make_read_only(path: Path) -> None:
    # Some file systems keep no modes, and files that somebody else put there stay theirs.
    with contextlib.suppress(PermissionError):
        path.chmod(_READ_ONLY)
