"""The rows of golden files: records and expected answers, with arrays that lie beside them. Nothing is unpickled."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import InputFileError

if TYPE_CHECKING:
    import numpy as np

NPY_KEY = "$npy"
NPZ_KEY = "$npz"
_NPY_KEYS = ({NPY_KEY}, {NPY_KEY, "start", "shape"})
_NPZ_KEYS = {NPZ_KEY, "key"}
# What numpy lets through of a file that lies: errors of Python's own parser, which reads the header, and those of an
# array that no memory holds.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, SyntaxError, RecursionError, MemoryError, OverflowError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError),
)


def read_rows(path: Path, root: Path) -> list[dict[str, Any]]:
    """The objects of a JSONL file, or the records of a FASTA file; arrays in place of references to them.

    Args:
        path: the file.
        root: the folder that no reference may leave.

    Raises:
        InputFileError: it is missing, cut or malformed, or refers to an array that cannot be had; says where.
    """
    from repro.data.readers import open_records

    return resolved_rows(list(open_records(path)), path, root)


def resolved_rows(rows: list[dict[str, Any]], path: Path, root: Path) -> list[dict[str, Any]]:
    """Rows of the file `path` with arrays in place of references to them."""
    arrays = _Arrays(path, root)
    return [arrays.resolved(row, f"{path}, row {number}") for number, row in enumerate(rows)]


class _Arrays:
    """Array files beside a golden file; each is opened once."""

    def __init__(self, path: Path, root: Path) -> None:
        self._folder = path.parent
        self._root = root
        self._opened: dict[str, Any] = {}

    def resolved(self, value: Any, where: str) -> Any:
        if isinstance(value, Mapping):
            if NPY_KEY in value or NPZ_KEY in value:
                return self._array(value, where)
            return {key: self.resolved(inner, f"{where}, {key!r}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self.resolved(inner, where) for inner in value]
        return value

    def _array(self, reference: Mapping[str, Any], where: str) -> np.ndarray[Any, Any]:
        import numpy as np

        name = reference.get(NPY_KEY, reference.get(NPZ_KEY))
        keys = set(reference)
        is_named = isinstance(name, str) and isinstance(reference.get("key", ""), str)
        if not is_named or not (keys in _NPY_KEYS or keys == _NPZ_KEYS) or not _is_part(reference):
            fix = 'write {"$npy": FILE}, with "start" and "shape" for a part of it, or {"$npz": FILE, "key": KEY}'
            raise InputFileError(f"{where}: a reference to an array is malformed: {dict(reference)!r}", fix=fix)
        opened = self._open(str(name), where)
        if (NPZ_KEY in reference) is isinstance(opened, np.ndarray):
            raise InputFileError(f"{where}: {name} is no {'.npz' if NPZ_KEY in reference else '.npy'} file")
        if NPZ_KEY in reference:
            if reference["key"] not in opened:
                raise InputFileError(f"{where}: {name} holds no array {reference['key']!r}")
            return self._member(opened, reference["key"], where)
        return opened if "start" not in reference else _part(opened, reference, where)

    def _open(self, name: str, where: str) -> Any:
        import numpy as np

        if name not in self._opened:
            path = file_inside(self._root, self._folder / name)
            if path is None:
                raise InputFileError(f"{where}: {name!r} lies outside of {self._root}")
            try:
                self._opened[name] = np.load(path, allow_pickle=False)
            except _UNREADABLE as error:
                raise InputFileError(f"{where}: {name} cannot be read: {error}") from None
        return self._opened[name]

    def _member(self, opened: Any, key: str, where: str) -> np.ndarray[Any, Any]:
        try:
            array: np.ndarray[Any, Any] = opened[key]
        except _UNREADABLE as error:
            raise InputFileError(f"{where}: the array {key!r} cannot be read: {error}") from None
        return array


def file_inside(root: Path, path: Path) -> Path | None:
    """`path` where it leads, its links followed; None where that is outside of `root`, or can be no path."""
    try:
        found = path.resolve()
        return found if found.is_relative_to(root.resolve()) else None
    except (ValueError, RuntimeError, OSError):  # a NUL in the name; links that lead to themselves
        return None


def _is_part(reference: Mapping[str, Any]) -> bool:
    """Whether the part of an array that is asked for, if one is, is told in whole numbers."""
    start, shape = reference.get("start", 0), reference.get("shape", [])
    return type(start) is int and isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)


def _part(array: np.ndarray[Any, Any], reference: Mapping[str, Any], where: str) -> np.ndarray[Any, Any]:
    start, shape = reference["start"], reference["shape"]
    try:
        count = 1
        for length in shape:
            count *= length
        if start < 0 or start + count > array.size:
            asked = f"{start} to {start + count} are asked for"
            raise InputFileError(f"{where}: {reference[NPY_KEY]} holds {array.size} elements, and {asked}")
        part: np.ndarray[Any, Any] = array.reshape(-1)[start : start + count].reshape(shape)
    except (TypeError, ValueError) as error:
        raise InputFileError(f"{where}: a reference to an array is malformed: {error}") from None
    return part
