"""Names of files that somebody else chose: in an archive, in a record that came from another machine."""

from __future__ import annotations

import re
import unicodedata

_DRIVE_LETTER = re.compile(r"[A-Za-z]:")
_KEPT_FOR_THE_STORE = (".part", ".part.json")
_LONGEST_NAME_BYTES = 255
"""What file systems take."""
_LONGEST_PATH_BYTES = 1024
_DEEPEST = 64
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Control characters, halves of characters, ends of lines: they would make a listing say something else."""


class NameRefusedError(ValueError):
    """Why a name is not taken."""


def safe_name(stated: str) -> str:
    """A member's name as a path inside the folder.

    >>> safe_name("./weights/small.pt")
    'weights/small.pt'

    Raises:
        NameRefusedError: it leaves the folder, or no file can or should be called so.
    """
    name = inner_path(stated)
    parts = name.split("/")
    too_long = len(name.encode()) > _LONGEST_PATH_BYTES or any(len(p.encode()) > _LONGEST_NAME_BYTES for p in parts)
    if too_long or len(parts) > _DEEPEST:
        raise NameRefusedError(f"{_shown(stated)} is too long a name")
    return name


def inner_path(stated: str) -> str:
    """The same for a path of any length: that of an archive's folder and of a member's name in it.

    Raises:
        NameRefusedError: it leaves the folder, or no file should be called so.
    """
    if not stated or "\\" in stated or any(unicodedata.category(one) in _UNSEEN for one in stated):
        raise NameRefusedError(f"{_shown(stated)} is no name for a file")
    if stated.startswith("/") or _DRIVE_LETTER.match(stated):
        raise NameRefusedError(f"{_shown(stated)} is an absolute path")
    parts = [part for part in stated.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise NameRefusedError(f"{_shown(stated)} leaves the folder")
    if not parts or parts[-1].endswith(_KEPT_FOR_THE_STORE):
        raise NameRefusedError(f"{_shown(stated)} is no name for a file here")
    return "/".join(parts)


def same_file(name: str) -> str:
    """What two names have in common that are one file where case, or the form of accents, does not count.

    >>> same_file("Small.pt") == same_file("small.PT")
    True
    """
    return unicodedata.normalize("NFC", name).casefold()


def _shown(stated: str) -> str:
    return repr(stated if len(stated) <= 100 else f"{stated[:100]}…")
