"""The local environments: those that are whole, and what was left of making one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from functools import partial
from pathlib import Path

from repro.housekeeping.leftover import Finding, Kept, Leftover
from repro.housekeeping.locks import was_left
from repro.housekeeping.sizes import Freed
from repro.housekeeping.workers import environments_in_use
from repro.settings import Settings

_ENVIRONMENTS = "environments"
_RECORD = "repro.json"
_HALF_MADE = ".making-"
_HALF_MADE_NAME = re.compile(r"\.(?P<environment>(?P<model>[^.].*)-[^-]+)\.making-(?:[a-z0-9_]{8}|removed)")


def environments(settings: Settings, models: Collection[str] = ()) -> Finding:
    """The local environments; one in which a process runs stays. Only those of `models`, where any are named."""
    in_use = set(environments_in_use())
    leftovers, kept, freed = [], [], Freed()
    for path in whole_environments(settings):
        model = path.name.rpartition("-")[0]
        if models and model not in models:
            continue
        if not in_use.isdisjoint((path, path.resolve())):
            kept.append(Kept("environment", str(path), "a process runs in it"))
            continue
        why = f"`repro setup {model} --runtime local` makes it again"
        leftovers.append(Leftover("environment", str(path), freed.with_also(path), why, partial(_remove, path), model))
    return Finding(tuple(leftovers), tuple(kept))


def whole_environments(settings: Settings, model: str = "*") -> list[Path]:
    """The folders of all environments, or of one model's."""
    folders = sorted((settings.cache_dir / _ENVIRONMENTS).glob("[!.]*" if model == "*" else f"{model}-*"))
    return [path for path in folders if (path / _RECORD).is_file() and not path.is_symlink()]


def _remove(path: Path) -> None:
    """Remove an environment so that it is never taken for a whole one while, or after, half of it is gone."""
    shutil.rmtree(path.rename(path.with_name(f".{path.name}{_HALF_MADE}removed")))


def half_made_environments(settings: Settings) -> list[Leftover]:
    """What was left where the making of an environment, or its removal, was cut off."""
    freed = Freed()
    return [
        Leftover(
            "half-made environment",
            str(path),
            freed.with_also(path),
            "the process that made it has gone",
            partial(shutil.rmtree, path),
            match["model"],
        )
        for path in sorted((settings.cache_dir / _ENVIRONMENTS).glob(f".*{_HALF_MADE}*"))
        if (match := _HALF_MADE_NAME.fullmatch(path.name))
        and was_left(path, path.with_name(f".{match['environment']}.lock"))
    ]
