"""Where the files of a manifest are now, and whether they are as they were."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from repro.errors import InputFileError
from repro.provenance.manifest import ENDING, Manifest
from repro.provenance.writing import describe_file

State = Literal["unchanged", "changed", "missing"]


@dataclass(frozen=True)
class OutputState:
    """The output of a manifest as it is now."""

    path: Path
    state: State
    sha256: str | None
    """None where it is missing."""

    @property
    def told(self) -> str:
        """What is wrong with it; empty where it is as it was."""
        if self.state == "missing":
            return f"{self.path} is not there"
        return f"{self.path} is not what the manifest is of: it was changed" if self.state == "changed" else ""


def locate_output(manifest: Manifest, file: Path) -> OutputState:
    """The output that lies beside a manifest, or else where it was written."""
    beside = file.with_name(file.name.removesuffix(ENDING))
    path = beside if beside != file else Path(manifest.output.path)
    if not path.is_file():
        return OutputState(path, "missing", None)
    digest = describe_file(path).sha256
    return OutputState(path, "unchanged" if digest == manifest.output.sha256 else "changed", digest)


def locate_input(manifest: Manifest, file: Path, given: str | Path | None) -> Path:
    """The input of a manifest, as it was.

    It is looked for where it is `given`, or else by the path that was given then: from here, from the folder where the
    run was started as far as the place of the manifest tells it, and beside the manifest.

    Raises:
        InputFileError: it is nowhere, or is another one now.
    """
    wanted = manifest.input
    if given is not None:
        return _checked(Path(given), wanted.sha256, f"the input of {file}")
    places = list(dict.fromkeys(_places(manifest, file)))
    there = [place for place in places if place.is_file()]
    for place in there:
        if describe_file(place).sha256 == wanted.sha256:
            return place
    if there:
        return _checked(there[0], wanted.sha256, f"the input of {file}")
    raise InputFileError(
        f"the input {wanted.path} of {file} is not there",
        cause=f"looked for {', '.join(map(str, places))}",
        fix="say where it is now: --input PATH",
    )


def _checked(path: Path, sha256: str | None, what: str) -> Path:
    if not path.is_file():
        raise InputFileError(f"{path} is not there", fix="say where the input is now: --input PATH")
    found = describe_file(path).sha256
    if found != sha256:
        raise InputFileError(
            f"{path} is not {what} any more: its content has changed",
            cause=f"its sha256 is {found}, and was {sha256}",
            fix="name the file as it was: --input PATH",
        )
    return path


def locate_weights(manifest: Manifest, file: Path) -> str | None:
    """The file or folder that was given with `--weights`; as it was given where it is nowhere. None: none was."""
    given = manifest.run.keywords.get("weights")
    if given is None:
        return None
    places = (folder / str(given) for folder in _folders(manifest, file))
    return str(next((place for place in places if place.exists()), given))


def _places(manifest: Manifest, file: Path) -> Iterator[Path]:
    given = Path(manifest.input.path)
    for folder in _folders(manifest, file):
        yield folder / given
    yield file.resolve().parent / given.name


def _folders(manifest: Manifest, file: Path) -> Iterator[Path]:
    """Where paths of the run may start from: here, where the run was started, beside the manifest."""
    yield Path()
    here = file.resolve().parent
    below = Path(manifest.output.path).parent.parts  # `results` of -o results/out.jsonl: the run began one above
    if below and here.parts[-len(below) :] == below:
        yield Path(*here.parts[: -len(below)])
    yield here
