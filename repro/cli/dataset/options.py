"""What the commands on data sets have in common: how one is named, read, shown and written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.shell_completion import CompletionItem

from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.guest.assays import Dataset, Split

F = TypeVar("F", bound=Callable[..., Any])

WRITTEN_AS = (".pgdata", ".zip")


def dataset_argument(function: F) -> F:
    """DATASET, and what a CSV file needs beside: --reference and --target."""
    for option in (
        click.option("--target", metavar="COLUMN", help="Of a CSV file: the measured values. [default: DMS_score]"),
        click.option(
            "--reference",
            type=click.Path(path_type=Path),
            help="Of a CSV file: ProteinGym's DMS_substitutions.csv, with wild type and cutoff.",
        ),
        click.argument("dataset", shell_complete=_complete),
    ):
        function = option(function)
    return function


def output_option(function: F) -> F:
    """-o."""
    return click.option(
        "-o", "--output", required=True, type=click.Path(path_type=Path), help="Where to write: .pgdata or .zip."
    )(function)


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.benchmarks.proteingym.finding import known_datasets
    from repro.settings import load_settings

    names = [name for name in known_datasets(load_settings()) if name.startswith(incomplete)]
    return [*map(CompletionItem, names), CompletionItem(incomplete, type="file")]


def read(dataset: str, reference: Path | None, target: str | None) -> Dataset:
    """The data set that was named. Raises InputFileError; DatasetError, which is told as one."""
    from repro.benchmarks.proteingym import Dataset
    from repro.benchmarks.proteingym.finding import find_dataset

    found: Dataset = Dataset.from_path(find_dataset(dataset), reference, target)
    return found


def check_output(path: Path) -> None:
    """Raises SettingsError where data sets are not written under such a name."""
    if path.suffix not in WRITTEN_AS:
        raise SettingsError(f"{path}: data sets are written as .pgdata or .zip", fix=f"-o {path.stem or 'data'}.pgdata")


def spread(split: Split) -> str:
    """How rows are spread over a split.

    >>> from repro.guest.assays import Split
    >>> spread(Split("by_hand", "random", 2, 0, ["0", "1", "0", ""]))
    '0: 2, 1: 1, in none: 1'
    """
    parts = [f"{label}: {count:,}" for label, count in split.counts.items()]
    return ", ".join([*parts, f"in none: {split.left_out:,}"] if split.left_out else parts)


def split_facts(split: Split) -> dict[str, object]:
    """A split, for a program."""
    return {
        "kind": split.kind,
        "folds": split.folds,
        "seed": split.seed,
        "rows": split.counts,
        "left_out": split.left_out,
    }
