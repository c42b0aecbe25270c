"""How much a removal frees: content that something else still holds frees nothing, and nothing is counted twice."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


def tree(path: Path) -> Iterator[os.stat_result]:
    """The status of each file of a folder, or of the one file. Links are not followed; what vanishes is left out."""
    if not path.is_dir() or path.is_symlink():
        with contextlib.suppress(OSError):
            yield path.lstat()
        return
    folders = [str(path)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                found = list(entries)
        except OSError:  # removed meanwhile, or not ours to read
            continue
        folders += [entry.path for entry in found if entry.is_dir(follow_symlinks=False)]
        for entry in found:
            if not entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):
                    yield entry.stat(follow_symlinks=False)


def size_bytes(path: Path) -> int:
    """What a folder holds; a file that has two names in it is counted once."""
    return sum({(found.st_dev, found.st_ino): found.st_size for found in tree(path)}.values())


class Freed:
    """What removing things one after the other frees.

    A file with several names (hard links, as uv and the store of weights make them) is free with its last one, and is
    counted there.
    """

    def __init__(self) -> None:
        self._removed: dict[tuple[int, int], int] = {}

    def with_also(self, *paths: Path) -> int:
        """How many bytes more are free when these are removed too."""
        total = 0
        for path in paths:
            for found in tree(path):
                key = (found.st_dev, found.st_ino)
                self._removed[key] = self._removed.get(key, 0) + 1
                total += found.st_size if self._removed[key] == found.st_nlink else 0
        return total
