"""Where pretrained weights lie: `<weights_dir>/<model>/<variant>/<file>`, and what is known of each file.

A file counts as there when `.hashes.json` beside it says so and its size is the one that was recorded. The record is
written before the file gets its name, so a file that was cut, or put there by hand, is never taken for a whole one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from repro.config import Variant, WeightFile
from repro.errors import NotSetUpError, WeightsError

HASHES_FILE = ".hashes.json"
PARTIAL_SUFFIX = ".part"

_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 512
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class FileRecord:
    """What was recorded of a file when it was taken into the store."""

    sha256: str
    size_bytes: int
    modified_ns: int
    """Time of its last change, since the epoch: a file that was touched since is hashed again."""


def variant_dir(weights_dir: Path, model: str, variant: str) -> Path:
    """The folder that holds a variant's files.

    >>> variant_dir(Path("weights"), "esm", "esm2_t6_8M_UR50D").as_posix()
    'weights/esm/esm2_t6_8M_UR50D'
    """
    return weights_dir / model / variant


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
        flaw = not_weights(path)
        if flaw:
            raise WeightsError(f"{path} holds no weights: {flaw}")


def outstanding(folder: Path, variant: Variant) -> dict[str, str]:
    """The files of a variant that are not as they should be, each with what is wrong.

    Raises:
        WeightsError: the record of the folder cannot be read.
    """
    records = read_records(folder)
    flaws = {file.name: _flaw(folder / file.name, file, records.get(file.name)) for file in variant.files}
    return {name: flaw for name, flaw in flaws.items() if flaw}


def _flaw(path: Path, file: WeightFile, record: FileRecord | None) -> str:
    if not path.is_file():
        return "missing"
    if record is None:
        return "put there by hand, and not checked yet"
    size_bytes = path.stat().st_size
    for wanted_bytes in (record.size_bytes, file.size_bytes):
        if wanted_bytes is not None and size_bytes != wanted_bytes:
            return f"{size_bytes:,} bytes instead of {wanted_bytes:,}"
    if file.sha256 is not None and file.sha256 != record.sha256:
        return f"sha256 {record.sha256[:12]}… instead of {file.sha256[:12]}…"
    return ""


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


def partial_path(target: Path) -> Path:
    """Where the content of `target` lies while it is fetched."""
    return target.with_name(target.name + PARTIAL_SUFFIX)


def read_records(folder: Path) -> dict[str, FileRecord]:
    """What was recorded of the files of a folder, by their path in it.

    Raises:
        WeightsError: the record cannot be read.
    """
    path = folder / HASHES_FILE
    try:
        return {name: FileRecord(**record) for name, record in json.loads(path.read_text(encoding="utf-8")).items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError) as error:
        fix = f"remove {path}: the files are checked and recorded again by `repro setup`"
        raise WeightsError(f"{path} is damaged: {error}", fix=fix) from error


def write_record(folder: Path, name: str, record: FileRecord) -> None:
    """Record a file, in place of what was recorded of it before. Who calls this holds the lock of the folder."""
    records = {**read_records(folder), name: record}
    path = folder / HASHES_FILE
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    text = json.dumps({name: asdict(records[name]) for name in sorted(records)}, indent=1)
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)


def record_of(path: Path, sha256: str) -> FileRecord:
    """The record of a file whose hash is known.

    Raises:
        OSError: the file is not there.
    """
    status = path.stat()
    return FileRecord(sha256, status.st_size, status.st_mtime_ns)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file in hexadecimal, read block by block.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def weights_hashes(path: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """The SHA-256 of each file of weights, by its path in the folder.

    What was recorded is taken where size and time of change are still those of the record; else the file is read.

    Args:
        path: the folder of a variant, or one checkpoint.
        names: the files to look at; those that are not there are passed over. All files of the folder by default,
            without dot-files and partial ones.

    Raises:
        WeightsError: the record of the folder is damaged.
        OSError: a file cannot be read.
    """
    if path.is_file():
        return {path.name: file_sha256(path)}
    records = read_records(path)
    wanted = _files_of(path) if names is None else sorted(name for name in names if (path / name).is_file())
    return {name: _sha256(path / name, name, records) for name in wanted}


def _sha256(path: Path, name: str, records: Mapping[str, FileRecord]) -> str:
    record = records.get(name)
    if record is not None and record == record_of(path, record.sha256):
        return record.sha256
    return file_sha256(path)


def _files_of(folder: Path) -> list[str]:
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    kept = (path for path in paths if not any(part.startswith(".") for part in path.parts))
    return sorted(
        path.as_posix() for path in kept if not path.name.endswith((PARTIAL_SUFFIX, f"{PARTIAL_SUFFIX}.json"))
    )
