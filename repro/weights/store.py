"""What of the weights is here: the folder of a variant, and the hashes of its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from repro.config import Variant
from repro.errors import NotSetUpError, WeightsError
from repro.weights.hashes import file_sha256
from repro.weights.layout import HASHES_FILE, variant_dir
from repro.weights.named import use_local
from repro.weights.partial import PARTIAL_SUFFIX, partial_path
from repro.weights.records import FileRecord, outstanding, read_records, record_of

__all__ = [
    "HASHES_FILE",
    "PARTIAL_SUFFIX",
    "file_sha256",
    "find_variant",
    "outstanding",
    "partial_path",
    "read_records",
    "use_local",
    "variant_dir",
    "weights_hashes",
]


def find_variant(model: str, variant: Variant, weights_dir: Path) -> Path | None:
    """The folder of a variant that is set up; `None` where the variant has no files.

    Sizes are held against what was recorded; the contents are not read.

    Raises:
        NotSetUpError: none of its files is there.
        WeightsError: some are missing, or are not what was recorded.
    """
    if not variant.files:
        return None
    folder = variant_dir(weights_dir, model, variant.name)
    flaws = outstanding(folder, variant)
    if not flaws:
        return folder
    fix = f"repro setup {model} --variant {variant.name}"
    cut = any(partial_path(folder / name).exists() for name in flaws)
    cause = "a fetch was interrupted; it goes on where it stopped" if cut else ""
    if len(flaws) == len(variant.files) and set(flaws.values()) == {"missing"}:
        raise NotSetUpError(f"{model}: the weights of {variant.name} are not in {folder}", cause=cause, fix=fix)
    told = "; ".join(f"{name}: {flaw}" for name, flaw in flaws.items())
    raise WeightsError(
        f"{model}: the weights of {variant.name} in {folder} are not whole: {told}", cause=cause, fix=fix
    )


def weights_hashes(path: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """The SHA-256 of each file of weights, by its path in the folder.

    What was recorded is taken where size and time of change are still those of the record; else the file is read.

    Args:
        path: the folder of a variant, or one checkpoint.
        names: the files to look at; those that are not there are passed over, and a folder (an archive that was
            unpacked) stands for the files in it. All files by default, without dot-files and partial ones.

    Raises:
        WeightsError: the record of the folder is damaged.
        OSError: a file cannot be read.
    """
    if path.is_file():
        return {path.name: file_sha256(path)}
    records = read_records(path)
    wanted = _files_of(path) if names is None else sorted(file for name in names for file in _files_at(path, name))
    return {name: _sha256(path / name, name, records) for name in wanted}


def _sha256(path: Path, name: str, records: Mapping[str, FileRecord]) -> str:
    record = records.get(name)
    if record is not None and record == record_of(path, record.sha256):
        return record.sha256
    return file_sha256(path)


def _files_at(folder: Path, name: str) -> list[str]:
    place = folder / name
    if place.is_file():
        return [name]
    return [path.relative_to(folder).as_posix() for path in place.rglob("*") if path.is_file()]


def _files_of(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(
        path.as_posix() for path in kept if not path.name.endswith((PARTIAL_SUFFIX, f"{PARTIAL_SUFFIX}.json"))
    )
