"""Read the files of a variant again, and hold them against every hash that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from repro.config import Variant
from repro.weights.hashes import file_sha256
from repro.weights.layout import variant_dir
from repro.weights.ledger import Entry, entry_key, read_ledger
from repro.weights.records import FileRecord, read_records

_AT_ONCE = 4


@dataclass(frozen=True)
class CheckedFile:
    """A file of weights, and what is wrong with it."""

    model: str
    variant: str
    name: str
    size_bytes: int | None
    sha256: str | None
    """Of what lies there; `None` where nothing could be read."""
    flaw: str
    """Empty where nothing is wrong."""


def check_variant(weights_dir: Path, model: str, variant: Variant) -> list[CheckedFile]:
    """Read every file of a variant that was put there, and name those that are missing.

    Args:
        variant: as `config.yaml` declares it; one without files where nobody declares it any more.

    Raises:
        WeightsError: a record is damaged.
    """
    folder, prefix = variant_dir(weights_dir, model, variant.name), entry_key(model, variant.name, "")
    records, entries = read_records(folder), read_ledger(weights_dir)
    own = {key.removeprefix(prefix): entry for key, entry in entries.items() if key.startswith(prefix)}
    declared = {file.name: file.sha256 for file in variant.files}
    ledger = _ledger_hashes(own, records)
    names = dict.fromkeys([*declared, *_members(own, records), *records])
    expected = {name: _expected(name, records, ledger, declared) for name in names}
    strangers = {name: _stranger(folder, name, own, records) for name in records if _is_archive(name, records)}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        check = partial(_check, model, variant.name, folder)
        found = pool.map(lambda name: check(name, records, expected[name], strangers.get(name, "")), names)
        # Of an archive that nobody declares, and that is as it should be, the files say all.
        return [one for one in found if one.name in declared or one.flaw or not _is_archive(one.name, records)]


def _is_archive(name: str, records: Mapping[str, FileRecord]) -> bool:
    return name in records and records[name].members is not None


def _members(own: Mapping[str, Entry], records: Mapping[str, FileRecord]) -> list[str]:
    """The files that the archives in the folder became, as weights.lock knows them."""
    return [f"{name}/{member}" for name, entry in own.items() if name in records for member in entry.members or ()]


def _ledger_hashes(own: Mapping[str, Entry], records: Mapping[str, FileRecord]) -> dict[str, str]:
    """The hash of each file by weights.lock, also of what an archive became."""
    hashes = {name: entry.sha256 for name, entry in own.items()}
    for name, entry in own.items():
        if _is_archive(name, records):
            hashes |= {f"{name}/{member}": sha256 for member, sha256 in (entry.members or {}).items()}
    return hashes


def _stranger(folder: Path, name: str, own: Mapping[str, Entry], records: Mapping[str, FileRecord]) -> str:
    """A file in the folder of an archive that the archive did not hold; empty where there is none."""
    held = set(_members(own, {name: records[name]}) or records[name].members or ())
    paths = (path for path in (folder / name).rglob("*") if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in paths)
    return min((one for one in names if one not in held), default="")


def _expected(
    name: str,
    records: Mapping[str, FileRecord],
    ledger: Mapping[str, str],
    declared: Mapping[str, str | None],
) -> dict[str, str]:
    """The hashes that a file has to have, by who says so."""
    record = records.get(name)
    said = {
        "config.yaml": declared.get(name),
        "weights.lock": ledger.get(name),
        "the record of its fetch": record.sha256 if record is not None else None,
    }
    return {who: sha256 for who, sha256 in said.items() if sha256 is not None}


def _check(
    model: str,
    variant: str,
    folder: Path,
    name: str,
    records: Mapping[str, FileRecord],
    expected: Mapping[str, str],
    stranger: str,
) -> CheckedFile:
    path, record = folder / name, records.get(name)
    if not path.exists():
        return CheckedFile(model, variant, name, None, None, "missing")
    if record is not None and record.members is not None:
        missing = next((member for member in record.members if not (folder / member).is_file()), None)
        found, size_bytes, flaw = record.sha256, record.size_bytes, f"{missing}: missing" if missing else ""
        if not flaw and stranger:
            flaw = f"{stranger}: was not in the archive"
    else:
        try:
            found, size_bytes, flaw = file_sha256(path), path.stat().st_size, ""
        except OSError as error:
            return CheckedFile(model, variant, name, None, None, f"cannot be read: {error.strerror}")
    if not flaw and not expected:
        flaw = "put there by hand, and not checked yet"
    wrong = next(((who, sha256) for who, sha256 in expected.items() if sha256 != found), None)
    if not flaw and wrong:
        flaw = f"sha256 is {found[:12]}…, {wrong[0]} says {wrong[1][:12]}…"
    return CheckedFile(model, variant, name, size_bytes, found, flaw)
