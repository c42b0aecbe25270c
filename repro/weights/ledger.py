"""`weights.lock`: the hash that each file of weights had when it first came, held ever after.

It stays when files are removed, so that what is fetched again is what was fetched before. Only `repro weights forget`
takes a hash out of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from repro.errors import WeightsError
from repro.weights.layout import LEDGER_FILE
from repro.weights.recorded import DamagedError, Fields, name, read_json, section, write_json

_FORMAT = 1
FOUND_IN_PLACE, FOUND_IN_STORE = "found in its place", "found in the store"
"""Sources that are no addresses."""


@dataclass(frozen=True)
class Entry:
    """What is known of a file of weights since it first came."""

    sha256: str
    size_bytes: int
    source: str
    """Where it came from, without passwords."""
    recorded: str
    """When, in UTC."""
    members: dict[str, str] | None = None
    """Of an archive: the SHA-256 of each file that it became, by its path in the folder that it became."""


def entry_key(model: str, variant: str, file: str) -> str:
    """
    >>> entry_key("esm", "small", "small.pt")
    'esm/small/small.pt'
    """
    return f"{model}/{variant}/{file}"


def read_ledger(weights_dir: Path) -> dict[str, Entry]:
    """All entries by `MODEL/VARIANT/FILE`.

    Raises:
        WeightsError: the file cannot be read, or is damaged.
    """
    path = weights_dir / LEDGER_FILE
    try:
        content = read_json(path)
        if content.get("format") != _FORMAT:
            raise _other_format(path, content.get("format"))
        files = section(content.get("files"), "files")
        return {name(key, "files"): _entry(entry, key) for key, entry in files.items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror}") from error
    except DamagedError as error:
        fix = f"restore {path} from a backup; or remove it: hashes are then recorded anew from what is there"
        raise WeightsError(f"{path} is damaged: {error}", fix=fix) from error


def _other_format(path: Path, stated: object) -> WeightsError | DamagedError:
    if isinstance(stated, int) and stated > _FORMAT:
        return WeightsError(f"{path} is of a newer repro (format {stated})", fix="update repro-models")
    return DamagedError(f"format must be {_FORMAT}")


def _entry(value: object, key: str) -> Entry:
    fields = Fields(value, key)
    entry = Entry(
        sha256=fields.sha256("sha256"),
        size_bytes=fields.count("size_bytes"),
        source=fields.text("source"),
        recorded=fields.text("recorded"),
        members=fields.hashes("members"),
    )
    fields.finish()
    return entry


def write_entry(weights_dir: Path, key: str, entry: Entry) -> None:
    """Set an entry. Who calls this holds the lock of the store."""
    _write(weights_dir, {**read_ledger(weights_dir), key: entry})


def drop_entries(weights_dir: Path, keys: Iterable[str]) -> list[str]:
    """Take entries out, and say which were there. Who calls this holds the lock of the store."""
    entries = read_ledger(weights_dir)
    dropped = sorted(set(keys) & set(entries))
    if dropped:
        _write(weights_dir, {key: entry for key, entry in entries.items() if key not in dropped})
    return dropped


def _write(weights_dir: Path, entries: dict[str, Entry]) -> None:
    files: dict[str, Any] = {}
    for key in sorted(entries):
        files[key] = {field: value for field, value in asdict(entries[key]).items() if value is not None}
    write_json(weights_dir / LEDGER_FILE, {"format": _FORMAT, "files": files})
