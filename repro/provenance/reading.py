"""Reading a manifest back: what is wrong with it is told with file and key."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from repro.errors import InputFileError
from repro.provenance.checking import find_slip
from repro.provenance.manifest import ENDING, LAYOUT, Manifest, manifest_path

_NEAR_NAMES = 3
_MOST_BYTES = 64 << 20


def find_manifest(path: str | Path) -> Path:
    """The manifest that is meant: `path` itself, or the one beside it where `path` is an output.

    Raises:
        InputFileError: there is none; names where it was looked for.
    """
    given = Path(path)
    if given.name.endswith(ENDING) and given.is_file():
        return given
    # A link to an output may lie elsewhere than the output, beside which the manifest was written.
    places = list(dict.fromkeys([manifest_path(given), manifest_path(given.resolve())]))
    for place in places:
        if place.is_file():
            return place
    if given.is_file():
        if _begins_like_a_manifest(given):
            return given
        raise InputFileError(
            f"{given} has no manifest: {places[0]} is not there",
            cause="it was not written by `repro predict`, or its manifest was moved or removed",
        )
    raise InputFileError(f"{given} is not there", fix=_near(given))


def read_manifest(path: str | Path) -> Manifest:
    """The manifest in a file. Keys that this version does not know are passed over.

    Raises:
        InputFileError: it cannot be read, is no manifest, is of a newer repro, or lacks a key; says which.
    """
    from pydantic import TypeAdapter, ValidationError

    text = _text(Path(path))
    _check_layout(Path(path), text)
    try:
        manifest = TypeAdapter(Manifest).validate_json(text, strict=True)
    except ValidationError as error:
        slip = error.errors(include_url=False)[0]
        if not slip["loc"]:  # in another encoding, for instance
            raise _edited(path, f"is not a manifest: {slip['msg']}") from None
        key = ".".join(map(str, slip["loc"]))
        told = f"the key {key} is missing" if slip["type"] == "missing" else f"the key {key}: {slip['msg']}"
        raise _edited(path, told) from None
    impossible = find_slip(manifest)
    if impossible is not None:
        raise _edited(path, f"the key {impossible[0]}: {impossible[1]}")
    return manifest


def _edited(path: str | Path, told: str) -> InputFileError:
    return InputFileError(f"{path}: {told}", cause="it was cut or edited", fix="take the manifest as repro wrote it")


def _text(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputFileError(f"{path} is not a manifest: it is too large for one")
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}", fix=_near(path)) from None


def _check_layout(path: Path, text: bytes) -> None:
    try:
        data: Any = json.loads(text)
    except ValueError as error:
        raise InputFileError(f"{path} is not a manifest: it is no JSON ({error})") from None
    except RecursionError:
        raise InputFileError(f"{path} is not a manifest: it is nested too deeply") from None
    layout = data.get("repro_manifest") if isinstance(data, dict) else None
    if layout is None:
        raise InputFileError(
            f"{path} is not a manifest: the key repro_manifest is missing",
            fix=f"name an output of `repro predict`, or its manifest OUTPUT{ENDING}",
        )
    if type(layout) is not int or layout < 1:
        raise InputFileError(f"{path}: the key repro_manifest: {layout!r} is no layout of a manifest")
    if layout > LAYOUT:
        raise InputFileError(
            f"{path} was written by a newer repro: its layout is {layout}, and this one reads up to {LAYOUT}",
            fix="pip install --upgrade repro-models",
        )


def _begins_like_a_manifest(path: Path) -> bool:
    """Whether a file of another name is a manifest, a copy for instance: told by its first key."""
    with path.open("rb") as file:
        return b'"repro_manifest"' in file.read(256)


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    names = [entry.name for entry in path.parent.iterdir()]
    near = difflib.get_close_matches(path.name, names, n=_NEAR_NAMES, cutoff=0.6)
    shown = " or ".join(str(path.parent / name) for name in near)
    return f"did you mean {shown}?" if near else "name a file that repro predict wrote, or its manifest"
