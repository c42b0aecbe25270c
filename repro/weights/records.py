"""What was put into a variant's folder: `.hashes.json` in it, and how the files are held against it.

A file counts as there when the record says so and its size is the one that was recorded. The record is written before
the file gets its name, so a file that was cut, or put there by hand, is never taken for a whole one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from repro.config import Variant, WeightFile
from repro.errors import WeightsError
from repro.weights.layout import HASHES_FILE
from repro.weights.recorded import DamagedError, Fields, read_json, write_json
from repro.weights.recorded import name as checked_name


@dataclass(frozen=True)
class FileRecord:
    """What was recorded of a file when it was put in its place; or of an archive when it was unpacked there."""

    sha256: str
    size_bytes: int
    modified_ns: int
    """Time of its last change, since the epoch: a file that was touched since is hashed again."""
    members: tuple[str, ...] | None = None
    """Of an archive, the files that it became; each has a record of its own."""


def read_records(folder: Path) -> dict[str, FileRecord]:
    """What was recorded of the files of a folder, by their path in it.

    Raises:
        WeightsError: the record cannot be read.
    """
    path = folder / HASHES_FILE
    try:
        return {checked_name(name, "a key"): _record(value, name) for name, value in read_json(path).items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    except DamagedError as error:
        fix = f"remove {path}: the files are checked and recorded again by `repro setup`"
        raise WeightsError(f"{path} is damaged: {error}", fix=fix) from error


def _record(value: object, name: str) -> FileRecord:
    fields = Fields(value, name)
    record = FileRecord(
        sha256=fields.sha256("sha256"),
        size_bytes=fields.count("size_bytes"),
        modified_ns=fields.number("modified_ns"),
        members=fields.names("members"),
    )
    fields.finish()
    return record


def write_records(folder: Path, changes: Mapping[str, FileRecord | None]) -> None:
    """Record files, in place of what was recorded of them before; `None` takes a record away.

    Who calls this holds the lock of the folder.
    """
    records = {**read_records(folder), **changes}
    known = {name: record for name, record in sorted(records.items()) if record is not None}
    write_json(folder / HASHES_FILE, {name: _entry(record) for name, record in known.items()})


def _entry(record: FileRecord) -> dict[str, object]:
    return {key: value for key, value in asdict(record).items() if value is not None}


def record_of(path: Path, sha256: str) -> FileRecord:
    """The record of a file whose hash is known.

    Raises:
        OSError: the file is not there.
    """
    status = path.stat()
    return FileRecord(sha256, status.st_size, status.st_mtime_ns)


def outstanding(folder: Path, variant: Variant) -> dict[str, str]:
    """The files of a variant that are not as they should be, each with what is wrong.

    Raises:
        WeightsError: the record of the folder cannot be read.
    """
    records = read_records(folder)
    flaws = {file.name: _flaw(folder, file, records) for file in variant.files}
    return {name: flaw for name, flaw in flaws.items() if flaw}


def _flaw(folder: Path, file: WeightFile, records: Mapping[str, FileRecord]) -> str:
    path, record = folder / file.name, records.get(file.name)
    if not path.exists():
        return "missing"
    if record is None:
        return "put there by hand, and not checked yet"
    if file.unpack and record.members is None:
        return "not unpacked"
    flaw = _member_flaw(folder, record.members, records) if record.members is not None else _size_flaw(path, record)
    if flaw:
        return flaw
    if file.size_bytes not in (None, record.size_bytes):
        return f"{record.size_bytes:,} bytes instead of {file.size_bytes:,}"
    if file.sha256 is not None and file.sha256 != record.sha256:
        return f"sha256 {record.sha256[:12]}… instead of {file.sha256[:12]}…"
    return ""


def _member_flaw(folder: Path, members: tuple[str, ...], records: Mapping[str, FileRecord]) -> str:
    for member in members:
        record = records.get(member)
        flaw = _size_flaw(folder / member, record) if record is not None else "not recorded"
        if flaw:
            return f"{member}: {flaw}"
    return ""


def _size_flaw(path: Path, record: FileRecord) -> str:
    if not path.is_file():
        return "missing"
    size_bytes = path.stat().st_size
    return "" if size_bytes == record.size_bytes else f"{size_bytes:,} bytes instead of {record.size_bytes:,}"
