"""Files of structures, as text: a worker sees no files of this machine, and so it is given what is in them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

LARGEST_BYTES = 256 << 20
_GZIP = b"\x1f\x8b"


class StructureFileError(Exception):
    """The path names no file that holds the text of a structure."""


def structure_text(given: str, folder: Path = Path()) -> str:
    """The text of a structure, which is given as it is or as the path of a .pdb or .cif file, also a .gz of one.

    A path that is relative is one in `folder`.

    >>> structure_text("HEADER\\nATOM ...")
    'HEADER\\nATOM ...'

    Raises:
        StructureFileError: there is no such file, it is too large, or holds no text.
    """
    if "\n" in given or "\r" in given or not given.strip():
        return given
    return read_structure(folder / Path(given).expanduser())


def read_structure(path: Path) -> str:
    """The text of a .pdb or .cif file, also of a .gz of one.

    Raises:
        StructureFileError: there is no such file, it is too large, or holds no text.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise StructureFileError(f"the structure {str(path)[:200]} cannot be read: {reason}") from error
    return _read(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=16)  # a table of variants names the same file in each row
def _read(path: Path, changed_ns: int, size_bytes: int) -> str:
    import gzip
    import zlib

    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP
        with gzip.open(path) if is_gzip else path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise StructureFileError(f"the structure {path} cannot be read: {reason}") from error
    if len(content) > LARGEST_BYTES:
        raise StructureFileError(f"the structure {path} has more than {LARGEST_BYTES >> 20} MiB")
    if b"\0" in content:
        raise StructureFileError(f"the structure {path} is no text: give a PDB or mmCIF file, or one of them as .gz")
    text = content.decode("utf-8", "replace")
    return text if "\n" in text or not text.strip() else text + "\n"  # a text has lines: else it would be a path
