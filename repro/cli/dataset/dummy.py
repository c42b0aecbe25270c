"""`repro dataset dummy -o OUT`"""

from __future__ import annotations

from pathlib import Path

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.dataset.options import check_output, output_option
from repro.cli.options import json_option, verbosity


@click.command(name="dummy", options_metavar="-o OUT [OPTIONS]")
@output_option
@click.option("--name", default="dummy", show_default=True, metavar="NAME", help="What it is called.")
@click.option("--rows", type=int, default=100, show_default=True, metavar="N", help="How many variants.")
@click.option("--length", type=int, default=30, show_default=True, metavar="N", help="Residues of the protein.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another one gives another data set.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, output: Path, name: str, rows: int, length: int, seed: int, as_json: bool) -> None:
    """Make a small data set for tries: variants of a protein that does not exist.

    A model of one-hot encodings can learn it. Equal options give equal files.
    """
    from repro.benchmarks.proteingym.dummy import make_dummy
    from repro.benchmarks.proteingym.saving import save_dataset

    check_output(output)
    made = make_dummy(name, rows, length, seed)
    save_dataset(made, output)
    if as_json:
        print_json({"file": str(output), "name": made.name, "rows": len(made), "digest": made.digest})
    console.note(f"{output}: {made.name}, {counted(len(made), 'row')}, made up")
