"""What a word on the command line means: a model, an image, or an output with its manifest."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import EngineUnavailableError, ModelNotFoundError
from repro.provenance.manifest import Manifest, manifest_path
from repro.provenance.origin import OutputState, locate_output
from repro.provenance.privacy import to_be_shown
from repro.provenance.reading import find_manifest, read_manifest

if TYPE_CHECKING:
    from repro.images.facts import ImageFacts
    from repro.model import Model

_ANSWER_WITHIN_S = 3.0
_NEAR_NAMES = 3


@dataclass(frozen=True)
class MadeOutput:
    """An output, and what made it."""

    manifest_file: Path
    manifest: Manifest
    """As it can be shown: without control characters."""
    output: OutputState


def look_up(name: str) -> type[Model] | ImageFacts | MadeOutput:
    """What is called `name`.

    A file that is there is meant where the name has a folder or an ending; otherwise a model comes before an image, and
    an image before a file.

    Args:
        name: of a model; name or digest of an image on this machine; path of an output or of its manifest.

    Raises:
        ModelNotFoundError: nothing is called so, or a model's wrapper cannot be imported.
        InputFileError: a file that has no manifest, or whose manifest cannot be read.
    """
    is_path = os.sep in name or bool(Path(name).suffix)
    is_there = Path(name).is_file() or (bool(Path(name).name) and manifest_path(name).is_file())
    if is_path and is_there:
        return look_up_output(name)
    try:
        return _model(name)
    except ModelNotFoundError as error:
        if error.__cause__ is not None:  # it is there, and broken
            raise
        no_model = error
    image, why_not = _image(name)
    if image is not None:
        return image
    if is_there:
        return look_up_output(name)
    raise _unknown(name, no_model, why_not)


def look_up_output(path: str | Path) -> MadeOutput:
    """An output by its path, or by that of its manifest. Raises InputFileError."""
    file = find_manifest(path)
    manifest = read_manifest(file)
    return MadeOutput(file, to_be_shown(manifest), locate_output(manifest, file))


def _model(name: str) -> type[Model]:
    from repro.model import Model

    return Model.by_name(name)


def _image(name: str) -> tuple[ImageFacts | None, str]:
    """The image of that name or digest; or None, and where the engine could not be asked, why."""
    import docker.errors

    from repro.images.facts import read_image
    from repro.runtimes.engine import connect

    if not name.strip():
        return None, ""
    try:
        return to_be_shown(read_image(connect(timeout_s=_ANSWER_WITHIN_S), name)), ""  # its labels may say anything
    except EngineUnavailableError as error:
        return None, f"{error.message}, so that images were not looked for"
    except docker.errors.APIError as error:
        if error.status_code != 400:
            raise
        return None, ""  # no image can have such a name


def _unknown(name: str, no_model: ModelNotFoundError, why_not: str) -> ModelNotFoundError:
    near = _near_files(Path(name))
    fix = f"did you mean {' or '.join(near)}?" if near else no_model.fix
    cause = "; ".join(part for part in (why_not, no_model.cause) if part)
    return ModelNotFoundError(f"no model, image or file is called {name!r}", cause=cause, fix=fix)


def _near_files(path: Path) -> list[str]:
    """Files that a path with an ending could mean."""
    if not path.suffix or not path.parent.is_dir() or not os.access(path.parent, os.R_OK):
        return []
    names = [entry.name for entry in path.parent.iterdir()]
    return [str(path.parent / name) for name in difflib.get_close_matches(path.name, names, n=_NEAR_NAMES, cutoff=0.6)]
