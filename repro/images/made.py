"""Which images were made by builds of repro: each by its identity, with the names that it was given.

An image's labels cannot tell: what somebody builds `FROM` one of ours inherits them, with BuildKit without a link to
what it was built from, and anybody can copy them. The identity is the hash of all that an image is.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

RECORD_FILE = "images.json"
_LOCK = ".images.lock"

log = logging.getLogger(__name__)


def record_made(client: DockerClient, name: str, cache_dir: Path | None = None) -> None:
    """Remember that the image which has this name now was made here. Where that cannot be written, a warning says so.

    Args:
        client: of the engine that has the image.
        name: that it was given.
        cache_dir: where the record lies; that of the settings by default.
    """
    from filelock import FileLock

    from repro.settings import load_settings

    folder = load_settings().cache_dir if cache_dir is None else cache_dir
    identity = str(client.images.get(name).id)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / _LOCK):
            made = made_images(folder)
            _write(folder / RECORD_FILE, {**made, identity: made.get(identity, frozenset()) | {name}})
    except OSError as error:
        log.warning("%s: `repro clean --images` will not know it: %s", name, error)


def made_images(cache_dir: Path) -> dict[str, frozenset[str]]:
    """Identity -> names of the images that were made here, whether they are still there or not.

    A record that is damaged knows none, which a warning says: rather is one left alone than somebody else's removed.

    >>> made_images(Path("absent"))
    {}
    """
    path = cache_dir / RECORD_FILE
    try:
        made = json.loads(path.read_text(encoding="utf-8"))
        return {str(identity): frozenset(map(str, entry["names"])) for identity, entry in made.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
        log.warning("%s cannot be read, so no image is known to be repro's: %r", path, error)
        return {}


def _write(path: Path, made: Mapping[str, frozenset[str]]) -> None:
    text = json.dumps({identity: {"names": sorted(names)} for identity, names in made.items()}, indent=1)
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text + "\n")
        Path(draft).replace(path)  # in one step: who reads it meanwhile has the old one whole
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
