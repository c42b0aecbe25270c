"""Folders and disks: can they be written, is there room, is what lies there whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from repro.doctor.finding import Finding
from repro.errors import ReproError
from repro.settings import Settings

_NEEDED_BYTES = 5 << 30
_NEEDED_EXCHANGE_BYTES = 1 << 30


def check_folders(settings: Settings) -> Iterator[Finding]:
    """Whether what repro writes to can be written."""
    from repro.housekeeping import exchange_root

    for name, folder, variable in (
        ("cache folder", settings.cache_dir, "REPRO_CACHE_DIR"),
        ("weights folder", settings.weights_dir, "REPRO_WEIGHTS_DIR"),
        ("exchange folder", exchange_root(settings), "REPRO_EXCHANGE_DIR"),
    ):
        reason = _why_not_writable(folder)
        if reason:
            remedy = f"set {variable} to a folder that you may write, or change this one's owner"
            yield Finding(name, "fault", f"{folder} cannot be written: {reason}", remedy)
        else:
            yield Finding(name, "ok", str(folder))


def _why_not_writable(folder: Path) -> str:
    """Why no file can be made in a folder, or the folder itself cannot be made; empty where it can."""
    there = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"\0")
            file.flush()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Room for environments, weights and batches."""
    from repro.housekeeping import exchange_root

    remedy = "make room (repro clean --all), or set REPRO_CACHE_DIR to a larger disk"
    yield room("disk of the cache", settings.cache_dir, _NEEDED_BYTES, remedy)
    yield room("disk of the weights", settings.weights_dir, _NEEDED_BYTES, "make room, or set REPRO_WEIGHTS_DIR")
    root = exchange_root(settings)
    yield room("disk of the exchange", root, _NEEDED_EXCHANGE_BYTES, "make room, or set REPRO_EXCHANGE_DIR")


def room(name: str, folder: Path, needed_bytes: int, remedy: str) -> Finding:
    """Whether there is room on the disk of a folder, which need not be there yet."""
    try:
        free_bytes = shutil.disk_usage(_nearest(folder)).free
    except OSError as error:
        return Finding(name, "warning", f"{folder} cannot be looked at: {error.strerror}", remedy)
    found = f"{free_bytes / 1e9:,.1f} GB free ({folder})"
    return Finding(name, "ok", found) if free_bytes >= needed_bytes else Finding(name, "warning", found, remedy)


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))


def check_environments(settings: Settings) -> Iterator[Finding]:
    """Which models have a local environment, and whether an interpreter that is named can be used."""
    from repro.inspection import local_place
    from repro.model import Model

    if settings.local_python is not None:
        place = local_place(Model.by_name("tutorial").spec(), settings)
        found = f"REPRO_LOCAL_PYTHON={settings.local_python}"
        if place.is_ready:
            yield Finding("local runtime", "ok", found)
        else:
            yield Finding("local runtime", "fault", f"{found} cannot be run", place.remedy)
        return
    ready = [name for name in Model.list() if _has_environment(name, settings)]
    found = f"set up: {', '.join(ready)}" if ready else "no model is set up yet"
    yield Finding("local runtime", "ok", found, "" if ready else "repro setup MODEL")


def _has_environment(name: str, settings: Settings) -> bool:
    from repro.inspection import local_place
    from repro.model import Model

    try:
        return local_place(Model.by_name(name).spec(), settings).is_ready
    except ReproError:  # a wrapper that cannot be imported, or several models in one: `repro info` says so
        return False


def check_weights(settings: Settings) -> Iterator[Finding]:
    """Weights that are here only in part, or are not what was recorded."""
    from repro.inspection import IN_PACKAGES, NOT_FETCHED, READY, weights_state
    from repro.model import Model

    whole = 0
    for name in Model.list():
        try:
            config = Model.by_name(name).config()
        except ReproError as error:
            yield Finding(f"model {name}", "fault", error.message, error.fix)
            continue
        for variant in config.variants.values():
            state = weights_state(name, variant, settings)
            whole += state == READY
            if state not in (READY, NOT_FETCHED, IN_PACKAGES):
                remedy = f"repro setup {name} --variant {variant.name}"
                yield Finding(f"weights of {variant.name}", "warning", state, remedy)
    yield Finding("weights", "ok", f"{whole} variants fetched ({settings.weights_dir})")
