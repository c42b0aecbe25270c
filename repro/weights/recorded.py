"""Read and write the files in which a store says what it holds (`weights.lock`, `.hashes.json`).

They travel from machine to machine: what one says becomes a path only once it is known to be a hash, or a name inside
the store.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from repro.weights.names import NameRefusedError, inner_path

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DEEPEST = 256


class DamagedError(ValueError):
    """What is wrong with such a file; the text completes the sentence "FILE is damaged: ..."."""


def read_json(path: Path) -> dict[str, object]:
    """The object that a file holds.

    Raises:
        DamagedError: it holds none.
        OSError: it cannot be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise DamagedError("it is nested too deeply") from None
    except ValueError as error:
        raise DamagedError(str(error)) from error
    return section(content, "the file")


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a file in one step; where that fails, what was there stays, and nothing else is left.

    Raises:
        OSError: there is no room, or no right to write.
    """
    draft = path.with_name(f".{path.name.lstrip('.')}.{os.getpid()}")
    try:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def section(value: object, where: str) -> dict[str, object]:
    """`value` where it is an object.

    Raises:
        DamagedError: it is something else.
    """
    if not isinstance(value, dict):
        raise DamagedError(f"{where} must be an object")
    return value


def name(stated: object, where: str) -> str:
    """`stated` where it is a path that stays inside its folder, as the store writes it.

    Raises:
        DamagedError: it is not.
    """
    try:
        if isinstance(stated, str) and inner_path(stated) == stated and stated.count("/") < _DEEPEST:
            return stated
    except NameRefusedError as error:
        raise DamagedError(f"{where}: {error}") from None
    raise DamagedError(f"{where}: {str(stated)[:100]!r} is no name for a file")


def sha256(stated: object, where: str) -> str:
    """`stated` where it is a hash.

    Raises:
        DamagedError: it is not.
    """
    if isinstance(stated, str) and _SHA256.fullmatch(stated):
        return stated
    raise DamagedError(f"{where} must be 64 hexadecimal digits, in lower case")


class Fields:
    """The fields of one entry, taken out one by one by their type; what nobody asked for is an error at `finish`."""

    def __init__(self, value: object, where: str) -> None:
        self._values = dict(section(value, where))
        self._where = where

    def sha256(self, key: str) -> str:
        return sha256(self._values.pop(key, None), self._place(key))

    def count(self, key: str) -> int:
        if (found := self.number(key)) < 0:
            raise DamagedError(f"{self._place(key)} must not be less than 0")
        return found

    def number(self, key: str) -> int:
        found = self._values.pop(key, None)
        if isinstance(found, int) and not isinstance(found, bool):
            return found
        raise DamagedError(f"{self._place(key)} must be a whole number")

    def text(self, key: str) -> str:
        found = self._values.pop(key, None)
        if isinstance(found, str):
            return found
        raise DamagedError(f"{self._place(key)} must be a text")

    def names(self, key: str) -> tuple[str, ...] | None:
        """A list of names; `None` where there is none."""
        found = self._values.pop(key, None)
        if found is None or isinstance(found, list):
            return None if found is None else tuple(name(one, self._place(key)) for one in found)
        raise DamagedError(f"{self._place(key)} must be a list")

    def hashes(self, key: str) -> dict[str, str] | None:
        """Hashes by name; `None` where there are none."""
        found = self._values.pop(key, None)
        if found is None:
            return None
        where = self._place(key)
        return {name(one, where): sha256(value, f"{where}: {one}") for one, value in section(found, where).items()}

    def finish(self) -> None:
        if self._values:
            raise DamagedError(f"{self._place(next(iter(self._values)))} is not known")

    def _place(self, key: str) -> str:
        return f"{self._where}: {key}"
