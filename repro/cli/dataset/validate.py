"""`repro dataset validate DATASET`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.dataset.options import dataset_argument
from repro.cli.options import json_option, verbosity
from repro.errors import InputFileError

if TYPE_CHECKING:
    from repro.benchmarks.proteingym.validating import Finding

_SHOWN = 30


@click.command(name="validate")
@dataset_argument
@json_option
@verbosity
@click.pass_context
def command(ctx: click.Context, dataset: str, reference: Path | None, target: str | None, as_json: bool) -> None:
    """Check a data set, and name all that is wrong, not only the first.

    An error means that it cannot be read: a member of the archive or a column is not there, a number or a sequence is
    none. A warning means that figures may be wrong: names of variants that do not fit the sequences, sequences that
    stand in several rows or in two parts of a split, residues that are none of the twenty. The exit code is 3 where
    there is either.
    """
    from repro.benchmarks.proteingym.finding import find_dataset
    from repro.benchmarks.proteingym.validating import findings

    path = find_dataset(dataset)
    read, found = findings(path, reference, target)
    if as_json:
        name = read.name if read is not None else None
        print_json({"file": str(path), "name": name, "sound": not found, "findings": [asdict(one) for one in found]})
    else:
        _show(found)
    console = ctx.find_object(Console) or Console()
    if found:
        console.note(f"{path}: {counted(len(found), 'finding')}")
        ctx.exit(InputFileError.exit_code)
    if read is not None:
        console.note(f"{path} is sound: {read.name}, {counted(len(read), 'row')}")


def _show(found: list[Finding]) -> None:
    for one in found[:_SHOWN]:
        colour = "red" if one.kind == "error" else "yellow"
        click.echo(f"{click.style(f'{one.kind}:', fg=colour, bold=True)} {one.message}")
        if one.fix:
            click.echo(f"  do: {one.fix}")
    if len(found) > _SHOWN:
        click.echo(f"... and {counted(len(found) - _SHOWN, 'finding')} more (--json has all)")
