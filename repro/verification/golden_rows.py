"""The rows of golden files: records and expected answers, with arrays that lie beside them. Nothing is unpickled."""

from __future__ import annotations

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
_UNREADABLE = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


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
        name = reference.get(NPY_KEY, reference.get(NPZ_KEY))
        keys = set(reference)
        if not isinstance(name, str) or not (keys in _NPY_KEYS or keys == _NPZ_KEYS):
            fix = 'write {"$npy": FILE}, with "start" and "shape" for a part of it, or {"$npz": FILE, "key": KEY}'
            raise InputFileError(f"{where}: a reference to an array is malformed: {dict(reference)!r}", fix=fix)
        opened = self._open(name, where)
        if NPZ_KEY in reference:
            if reference["key"] not in opened:
                raise InputFileError(f"{where}: {name} holds no array {reference['key']!r}")
            return self._member(opened, reference["key"], where)
        return opened if "start" not in reference else _part(opened, reference, where)

    def _open(self, name: str, where: str) -> Any:
        import numpy as np

        if name not in self._opened:
            path = (self._folder / name).resolve()
            if not path.is_relative_to(self._root.resolve()):
                raise InputFileError(f"{where}: {name} lies outside of {self._root}")
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
