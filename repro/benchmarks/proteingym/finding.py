"""The file of a data set that is named: a path, an example that comes with repro, or one that was imported."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from repro.errors import InputFileError
from repro.settings import Settings, load_settings

SUFFIXES = (".pgdata", ".zip", ".csv")


def datasets_dir(settings: Settings) -> Path:
    """The folder of imported data sets."""
    return settings.cache_dir / "datasets"


def find_dataset(name_or_path: str | Path, settings: Settings | None = None, *, folder: Path | None = None) -> Path:
    """The file of a data set: the path, where something is there, else the example or the imported one of that name.

    >>> find_dataset("A4_HUMAN_Seuma_2021").name
    'A4_HUMAN_Seuma_2021.pgdata'

    Args:
        name_or_path: `data/blat.pgdata`, `A4_HUMAN_Seuma_2021`, `tdp43` or `mavenn:tdp43`.
        folder: what paths are relative to; the working directory by default.

    Raises:
        InputFileError: there is neither; says what is near, or how to import it.
    """
    from repro.benchmarks.proteingym.examples import EXAMPLES, example_path
    from repro.benchmarks.proteingym.importing import imported_path

    path = (folder or Path()) / Path(name_or_path).expanduser()
    name = str(name_or_path)
    if path.exists():
        return path
    if name in EXAMPLES:
        return example_path(name)
    settings = settings or load_settings()
    plain = name.removeprefix("mavenn:")
    if plain and os.sep not in plain:
        kept = imported_path(plain, datasets_dir(settings))
        if kept.is_file():
            return kept
    raise _not_found(name, path, settings)


def known_datasets(settings: Settings) -> list[str]:
    """The names that `find_dataset` takes: examples, and what is imported."""
    from repro.benchmarks.proteingym.examples import EXAMPLES

    return [*EXAMPLES, *sorted(path.stem for path in datasets_dir(settings).glob("*.pgdata"))]


def _not_found(name: str, path: Path, settings: Settings) -> InputFileError:
    from repro.benchmarks.proteingym.published import MAVENN

    plain = name.removeprefix("mavenn:")
    if plain in MAVENN:
        return InputFileError(f"{name} is not imported yet", fix=f"repro dataset import mavenn:{plain}")
    known = known_datasets(settings)
    beside = [one.name for one in path.parent.iterdir() if one.suffix in SUFFIXES] if path.parent.is_dir() else []
    near = difflib.get_close_matches(name, known, n=2, cutoff=0.5) + [
        str(path.parent / one) for one in difflib.get_close_matches(path.name, beside, n=2, cutoff=0.75)
    ]
    if name.startswith("mavenn:"):
        near = [f"mavenn:{one}" for one in difflib.get_close_matches(plain, MAVENN, n=2)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"name a file, or one of: {', '.join(known)}"
    return InputFileError(f"there is no file {path}, and no data set of that name", fix=hint)
