"""Weights from a place that the user names; and what cannot be weights, wherever it comes from."""

from __future__ import annotations

from pathlib import Path

from repro.config import Variant
from repro.errors import WeightsError

_HEAD_BYTES = 512
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def use_local(variant: Variant, source: Path) -> Path:
    """Weights from a place that the user names: a folder with the variant's files, or one checkpoint.

    A checkpoint may have any name; it stands for the variant's first file. What else the variant needs has to lie
    beside it. Optional files may be missing in either case.

    Returns:
        The folder or the file, as an absolute path.

    Raises:
        WeightsError: it is not there, a file is missing, or is empty, or holds something else than weights.
    """
    source = source.expanduser().absolute()
    if not variant.files:
        raise WeightsError(f"{variant.name} takes no files of weights, and {source} was named", fix="name none")
    try:
        _check_local(variant, source)
    except OSError as error:
        raise WeightsError(f"cannot read the weights at {source}: {error.strerror or error}") from error
    return source


def _check_local(variant: Variant, source: Path) -> None:
    if not source.exists():
        raise WeightsError(f"the weights at {source} are not there", fix="name a folder or a checkpoint that exists")
    one_file = not source.is_dir()
    folder = source.parent if one_file else source
    names = [file.name for file in variant.files]
    # The checkpoint that is named stands for the file of its name, else for the first.
    stands_for = (source.name if source.name in names else names[0]) if one_file else None
    present = {name: folder / name for name in names if name != stands_for and (folder / name).exists()}
    needed = [file.name for file in variant.files if not file.optional and file.name != stands_for]
    missing = [name for name in needed if name not in present]
    if missing:
        fix = "" if one_file else "a checkpoint of another name can be named by its own path"
        raise WeightsError(f"{folder} lacks what {variant.name} needs: {', '.join(missing)}", fix=fix)
    for path in [*([source] if one_file else []), *present.values()]:
        flaw = _empty_folder(path) if path.is_dir() else not_weights(path)
        if flaw:
            raise WeightsError(f"{path} holds no weights: {flaw}")


def _empty_folder(path: Path) -> str:
    return "" if any(path.iterdir()) else "it is an empty folder"


def not_weights(path: Path) -> str:
    """Why a file cannot be weights, in a few words; empty where nothing speaks against it."""
    if not path.is_file():
        return "it is no file"
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if not head:
        return "it is empty"
    if head.startswith(_LFS_POINTER):
        return "it is a pointer of Git LFS, not the file that it points to (`git lfs pull` gets that)"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith((b"<!doctype html", b"<html")):
        return "it is an HTML page, as a server sends with an error or a login"
    return ""
