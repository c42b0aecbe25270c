"""New folders that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from repro.errors import OutputError, SettingsError


def place(folders: Mapping[Path, Callable[[Path], None]], finish: Callable[[], None] = lambda: None) -> None:
    """Make folders: each is filled under another name, and all get their names when all are filled.

    Args:
        folders: where a folder shall be -> what fills it.
        finish: what is done last; if it fails, no folder stays.

    Raises:
        SettingsError: one of them is there already.
        OutputError: one cannot be written.
    """
    for folder in folders:
        if os.path.lexists(folder):
            raise SettingsError(f"{folder} is there already", fix="take another name, or move it away first")
    staged = {folder.with_name(f".{folder.name}.new-{os.getpid()}"): folder for folder in folders}
    made: list[Path] = []
    try:
        for unfinished, folder in staged.items():
            made.append(unfinished)
            unfinished.mkdir()
            folders[folder](unfinished)
        for unfinished, folder in staged.items():
            unfinished.rename(folder)
            made.append(folder)  # not before: somebody else may have been faster
        finish()
        made.clear()
    except OSError as error:
        where = error.filename or next(iter(folders))
        raise OutputError(
            f"{Path(where).parent} cannot be written: {error.strerror}",
            fix="make sure that it exists and is yours to write, or name another place",
        ) from None
    finally:
        for path in made:
            shutil.rmtree(path, ignore_errors=True)
