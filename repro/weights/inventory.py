"""What lies in a store of weights: variants, their files, and which contents several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from repro.weights.layout import variant_dirs
from repro.weights.ledger import entry_key, read_ledger
from repro.weights.records import read_records


@dataclass(frozen=True)
class StoredFile:
    """A file of a variant, as it was recorded when it was put there."""

    name: str
    sha256: str
    size_bytes: int
    source: str
    """Where it came from; empty where that is not known."""
    shared_with: tuple[str, ...]
    """Other variants, as MODEL/VARIANT, that have the same content."""


@dataclass(frozen=True)
class StoredVariant:
    """A variant of which something is in the store."""

    model: str
    variant: str
    folder: Path
    files: tuple[StoredFile, ...]
    """The files that lie there; what an archive became, not the archive."""

    @property
    def name(self) -> str:
        return f"{self.model}/{self.variant}"

    @property
    def size_bytes(self) -> int:
        """Of all its files, each content once."""
        return sum({file.sha256: file.size_bytes for file in self.files}.values())

    @property
    def shared_bytes(self) -> int:
        """How much of that other variants have too."""
        return sum({file.sha256: file.size_bytes for file in self.files if file.shared_with}.values())


def read_inventory(weights_dir: Path) -> list[StoredVariant]:
    """The variants in a store, by name. Contents are not read.

    Raises:
        WeightsError: a record is damaged.
    """
    entries = read_ledger(weights_dir)
    folders = {f"{path.parent.name}/{path.name}": path for path in variant_dirs(weights_dir)}
    records = {name: read_records(path) for name, path in folders.items()}
    users = _users({name: (one.sha256 for one in files.values()) for name, files in records.items()})
    found = []
    for name, folder in folders.items():
        model, variant = folder.parent.name, folder.name
        files = tuple(
            StoredFile(
                file,
                record.sha256,
                record.size_bytes,
                entries[key].source if (key := entry_key(model, variant, file)) in entries else "",
                tuple(other for other in users[record.sha256] if other != name),
            )
            for file, record in records[name].items()
            if record.members is None
        )
        found.append(StoredVariant(model, variant, folder, files))
    return found


def _users(hashes: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    users: dict[str, list[str]] = {}
    for name, contents in hashes.items():
        for sha256 in dict.fromkeys(contents):
            users.setdefault(sha256, []).append(name)
    return users


def used_contents(weights_dir: Path) -> set[str]:
    """The hashes of all contents that some variant has.

    Raises:
        WeightsError: a record is damaged.
    """
    return {record.sha256 for path in variant_dirs(weights_dir) for record in read_records(path).values()}
