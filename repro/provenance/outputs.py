"""An output read back, row by row, whatever its format."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import InputFileError

if TYPE_CHECKING:
    import numpy as np

_PARTS = ("__rows", "__offsets", "__shape", "__utf8")


def read_rows(path: Path, format: str) -> Iterator[dict[str, Any]]:
    """The rows of an output of `repro predict`. Cells of a table are text; lists of numbers are arrays.

    Raises:
        InputFileError: it is not of its format.
    """
    from repro.data.readers import open_records

    if format == "npz":
        return _npz_rows(path)
    return ({key: _compact(value) for key, value in row.items()} for row in open_records(path, format=format))


def _compact(value: Any) -> Any:
    """Numbers as an array: they are held against others at once, and not one by one."""
    import numpy as np

    if isinstance(value, list) and value:
        if all(type(one) is float for one in value):
            return np.array(value)
        return [_compact(one) for one in value]
    return value


def _npz_rows(path: Path) -> Iterator[dict[str, Any]]:
    """What `repro.data.npz` wrote, entry by entry. Its arrays are held in memory."""
    import tokenize
    import zipfile
    import zlib

    import numpy as np

    # Of a header that lies, numpy lets the errors of Python's own parser through.
    lying = (TypeError, EOFError, SyntaxError, RecursionError, MemoryError, OverflowError, tokenize.TokenError)
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = dict(archive)
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, *lying) as error:
        raise InputFileError(f"{path} is no .npz file, or is cut or damaged: {error}") from None
    fields = {name: _numbered(name, arrays) for name in _field_names(arrays)}
    count = max((number + 1 for field in fields.values() for number in field), default=0)
    for number in range(count):
        yield {name: field[number] for name, field in fields.items() if number in field}


def _field_names(arrays: dict[str, np.ndarray[Any, Any]]) -> list[str]:
    """The fields of the rows, without the arrays that say which part of a field's array is whose."""
    names = []
    for name in arrays:
        base = next((name.removesuffix(part) for part in _PARTS if name.endswith(part)), "")
        if name.endswith("__utf8"):
            names.append(base)
        elif not (base and (base in arrays or f"{base}__utf8" in arrays)):
            names.append(name)
    return names


def _numbered(name: str, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[int, Any]:
    """The entries of a field, by the number of their row."""
    entries = list(_entries(name, arrays))
    rows = arrays[f"{name}__rows"] if f"{name}__rows" in arrays else range(len(entries))
    return {int(row): entry for row, entry in zip(rows, entries, strict=True)}


def _entries(name: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Iterator[Any]:
    text, offsets, shapes = (arrays.get(f"{name}__{part}") for part in ("utf8", "offsets", "shape"))
    whole = arrays[name] if text is None else text
    if offsets is None:
        yield from whole
        return
    for number, (begin, end) in enumerate(itertools.pairwise(map(int, offsets))):
        entry = whole[begin:end]
        if text is not None:
            yield entry.tobytes().decode("utf-8", "surrogatepass")
        else:
            yield entry if shapes is None else entry.reshape(shapes[number])
