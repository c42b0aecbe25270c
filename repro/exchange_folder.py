"""The folder through which a session and its worker hand batches over: `in` for the worker to read, `out` to write.

Its owner holds a lock on it, which the kernel lets go of when the owner dies, however it dies. So what a killed
process has left can be told from what is in use, also from within another container that shares the folder's parent.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import stat
import tempfile
import time
from pathlib import Path

from repro.errors import OutputError

PREFIX = "repro-exchange-"
_LOCK = "owner.lock"
_YOUNG_S = 60.0  # between being made and being locked a folder looks abandoned
_RANDOM = re.compile(r"[a-z0-9_]{8}")  # what tempfile puts behind a prefix


class ExchangeFolder:
    """A private folder on this machine.

    Args:
        root: where to make it; None: the system's temporary folder.

    Raises:
        OutputError: it cannot be made there.
    """

    def __init__(self, root: Path | None) -> None:
        parent = root or Path(tempfile.gettempdir())
        remove_abandoned(parent)
        try:
            self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            self.input_dir = self.path / "in"
            self.output_dir = self.path / "out"
            self.input_dir.mkdir()
            self.output_dir.mkdir()
            self._lock = _new_lock(self.path / _LOCK)
        except OSError as error:
            raise OutputError(
                f"batches cannot be handed over through {parent}: {error.strerror}",
                fix="set REPRO_EXCHANGE_DIR to a folder that can be written",
            ) from None

    def remove(self) -> None:
        """Remove it with all that is in it. Arrays that are mapped from it stay valid."""
        remove_tree(self.path)
        self.release_in_child()

    def release_in_child(self) -> None:
        """In a forked child: let go of the folder, which stays the parent's."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def abandoned(parent: Path) -> list[Path]:
    """Exchange folders of this user in `parent` that nobody owns any more. Nothing is written to find out."""
    return [path for path in parent.glob(PREFIX + "*") if _is_abandoned(path)]


def is_temporary_name(name: str, prefix: str) -> bool:
    """Whether `tempfile` could have made a name, so that it is nobody's who chose one.

    >>> is_temporary_name("repro-exchange-k3_x0a1b", PREFIX), is_temporary_name("repro-exchange-notes", PREFIX)
    (True, False)
    """
    return name.startswith(prefix) and _RANDOM.fullmatch(name, len(prefix)) is not None


def is_owned(path: Path) -> bool:
    """Whether the session that made an exchange folder still lives; True where that cannot be told."""
    try:
        return not is_lock_free(path / _LOCK)
    except FileNotFoundError:
        return os.path.lexists(path)  # a folder without a lock may be anything; none at all belongs to nobody
    except OSError:
        return True


def remove_abandoned(parent: Path) -> None:
    for path in abandoned(parent):
        remove_tree(path)


def remove_tree(path: Path, lock: str = _LOCK) -> None:
    """Remove a folder that a worker has written to, as far as that can be done.

    `shutil.rmtree` gives up on folders that a worker has made unreadable, and is ended by a tree that is deeper than
    Python's stack or the longest path. Here what lies deeper is moved up, a level at a time.

    The lock goes last: of what is cut off here, or may not be removed, it can still be told whose it was.
    """
    with contextlib.suppress(OSError):
        while folders := _emptied(path, but=lock):
            for folder in folders:
                for inner in _emptied(Path(folder.path)):
                    Path(inner.path).chmod(stat.S_IRWXU)
                    Path(inner.path).rename(path / f"up-{secrets.token_hex(8)}")
                Path(folder.path).rmdir()
        (path / lock).unlink(missing_ok=True)
        path.rmdir()


def _emptied(folder: Path, but: str = "") -> list[os.DirEntry[str]]:
    """Remove the files of a folder, and give the folders in it."""
    folder.chmod(stat.S_IRWXU)
    with os.scandir(folder) as entries:
        found = [entry for entry in entries if entry.name != but or entry.is_dir(follow_symlinks=False)]
    for entry in found:
        if not entry.is_dir(follow_symlinks=False):
            Path(entry.path).unlink(missing_ok=True)
    return [entry for entry in found if entry.is_dir(follow_symlinks=False)]


def _new_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def is_lock_free(path: Path, of_anybody: bool = False) -> bool:
    """Whether nobody holds a lock file. False for what is no plain file, or not this user's.

    Args:
        of_anybody: it may be somebody else's file.

    Raises:
        OSError: it is not there, or cannot be opened; a link is not followed.
    """
    # Nothing is made, changed or waited for. Some network file systems lock only what is open for writing.
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or not (of_anybody or found.st_uid == os.getuid()):
            return False
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def _is_abandoned(path: Path) -> bool:
    if not is_temporary_name(path.name, PREFIX):
        return False
    try:
        found = path.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()  # and not a link to something precious
        return is_ours and time.time() - found.st_mtime >= _YOUNG_S and is_lock_free(path / _LOCK)
    except OSError:  # it has no lock, or was removed by its owner just now
        return False
