"""Whether a run has been done already, and its output is there complete: told by the manifest beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from repro.errors import InputError
from repro.provenance.changes import find_changes
from repro.provenance.manifest import MadeBy, Manifest, manifest_path
from repro.provenance.reading import read_manifest
from repro.provenance.writing import describe_file

_SAYS_NOTHING_OF_THE_ROWS = ("repro", "model.version", "model.package", "model.package_version")
"""The environment's identity changes with the code that computes; these may change without it."""
_ANEW = "name another output, or leave --resume out to start anew and replace it"


@dataclass(frozen=True)
class Wanted:
    """The run that would be gone on with."""

    made_by: MadeBy
    input_sha256: str | None
    read: Mapping[str, object]
    """How the input is read and the output written; keys as in the manifest's `run`."""


def find_finished(output: str | Path, wanted: Wanted) -> Manifest | None:
    """The manifest of the complete output of the run that is wanted; None where there is no output, or none beside it.

    Raises:
        InputError: the output is complete and another run made it, or it was changed since; says what differs.
    """
    target = Path(output).resolve()
    file = manifest_path(target)
    if not (target.is_file() and file.is_file()):
        return None
    manifest = read_manifest(file)
    now = describe_file(target)
    if now.sha256 != manifest.output.sha256:
        raise InputError(
            f"{output} is complete, and not as {file.name} has it: nothing can be gone on with",
            cause="it was changed, or replaced, after it was written",
            fix=_ANEW,
        )
    if differences := _differences(manifest, wanted):
        raise InputError(
            f"{output} is complete, of a run with other settings: nothing can be gone on with",
            cause="; ".join(differences),
            fix=_ANEW,
        )
    return manifest


def _differences(manifest: Manifest, wanted: Wanted) -> list[str]:
    """What differs, worded as it is for an output that is not complete."""
    changes = find_changes(manifest, wanted.made_by, manifest.worker, manifest.host)
    told = [("made_by." + one.fact, one.then, one.now) for one in changes if one.fact not in _SAYS_NOTHING_OF_THE_ROWS]
    told.append(("input.sha256", manifest.input.sha256, wanted.input_sha256))
    told += [(f"run.{key}", getattr(manifest.run, key), value) for key, value in wanted.read.items()]
    return [f"{name} was {then!r} and is {now!r} now" for name, then, now in told if then != now]
