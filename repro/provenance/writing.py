"""Writing manifests: with the output, so that neither is there without the other, and as JSON whose order is fixed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.provenance.manifest import FileFacts, Manifest, Stint, manifest_path

if TYPE_CHECKING:
    from repro.data.columns import Row

_STINT = "stint-*.json"
_READ_BYTES = 1 << 20


def has_manifest(output: str | Path) -> bool:
    """Whether an output gets a manifest: a file does, standard output and pipes do not."""
    from repro.data.formats import is_stream
    from repro.data.source import is_pipe

    return not (is_stream(output) or is_pipe(output))


def write_with_manifest(
    output: str | Path, rows: Iterable[Row], output_format: str, describe: Callable[[FileFacts], Manifest]
) -> Path:
    """Write an output and its manifest, and give the manifest's path.

    Both are complete, and on the disk, under other names before either gets its own. The manifest gets its name first:
    who finds the output finds what made it. A process that is killed between the two renames leaves a manifest whose
    output is not there, or is an older one, which its hash tells; and the rows, from which `--resume` writes both.

    Args:
        output: a file.
        rows: can be gone over more than once.
        output_format: `jsonl`, `csv`, `tsv`, `parquet` or `npz`.
        describe: makes the manifest of the complete output.

    Raises:
        OutputError: one of them cannot be written; what was there before is as it was.
    """
    from repro.data.output import complete_file, output_errors
    from repro.data.writers import write_rows

    target = Path(output).resolve()
    manifest = manifest_path(target)
    before = manifest.read_bytes() if manifest.is_file() else None
    inode = -1
    try:
        with complete_file(Path(output)) as file:
            write_rows(file, rows, output_format)
            file.flush()
            with output_errors(output):
                os.fsync(file.fileno())
            inode = os.fstat(file.fileno()).st_ino
            facts = describe_file(Path(str(file.name)))
            with complete_file(manifest) as beside:
                beside.write(to_json(describe(replace(facts, path=str(output)))))
    except BaseException:
        if inode != -1 and not (target.exists() and target.stat().st_ino == inode):
            _restore(manifest, before)
        raise
    return manifest_path(output)


def _restore(manifest: Path, before: bytes | None) -> None:
    """The manifest as it was: its output did not come."""
    with suppress(OSError):  # what went wrong first is what is told
        if before is None:
            manifest.unlink(missing_ok=True)
        else:
            manifest.write_bytes(before)


def describe_file(path: Path) -> FileFacts:
    """A file as it is now."""
    digest, size_bytes = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_READ_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return FileFacts(str(path), digest.hexdigest(), size_bytes)


def to_json(manifest: Manifest) -> bytes:
    """A manifest as it stands in its file: facts in the order of their classes, what is named in that of the names."""
    return _document(manifest)


def write_stint(folder: Path, stint: Stint) -> None:
    """Keep, with the rows of a run, who computes them from now on. Raises OutputError."""
    from repro.data.output import complete_file

    with complete_file(folder / _STINT.replace("*", f"{stint.first:012d}")) as file:
        file.write(_document(stint))


def read_stints(folder: Path) -> list[Stint]:
    """Who computed the rows that are kept, in order."""
    from pydantic import TypeAdapter

    reader = TypeAdapter(Stint)
    return [reader.validate_json(path.read_bytes(), strict=True) for path in sorted(folder.glob(_STINT))]


def _document(facts: Any) -> bytes:
    text = json.dumps(_plain(facts), indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8")


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (list, tuple)):
        return list(map(_plain, value))
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()  # the name of a file may be no text at all
    return value
