"""Read the files of a variant again, and hold them against every hash that is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
    folder = variant_dir(weights_dir, model, variant.name)
    records, entries = read_records(folder), read_ledger(weights_dir)
    declared = {file.name: file.sha256 for file in variant.files}
    names = dict.fromkeys([*declared, *(name for name, record in records.items() if record.members is None)])
    expected = {name: _expected(name, records, entries, declared, entry_key(model, variant.name, "")) for name in names}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda name: _check(model, variant.name, folder, name, records, expected[name]), names))


def _expected(
    name: str,
    records: Mapping[str, FileRecord],
    entries: Mapping[str, Entry],
    declared: Mapping[str, str | None],
    prefix: str,
) -> dict[str, str]:
    """The hashes that a file has to have, by who says so."""
    record, entry = records.get(name), entries.get(prefix + name)
    said = {
        "config.yaml": declared.get(name),
        "weights.lock": entry.sha256 if entry is not None else None,
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
) -> CheckedFile:
    path, record = folder / name, records.get(name)
    if not path.exists():
        return CheckedFile(model, variant, name, None, None, "missing")
    if record is not None and record.members is not None:
        missing = next((member for member in record.members if not (folder / member).is_file()), None)
        found, size_bytes, flaw = record.sha256, record.size_bytes, f"{missing}: missing" if missing else ""
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
