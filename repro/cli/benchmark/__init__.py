"""`repro benchmark ...`"""

from __future__ import annotations

import click

from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

_COMMANDS = {
    "run": "Run data sets x models x splits; what is done already is not done again.",
    "report": "Make tables and a page of a benchmark's results.",
    "score": "Hold predictions against what was measured.",
    "aggregate": "Average scores over assays, as ProteinGym does.",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, module="repro.cli.benchmark.{}", subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Data sets x models x splits: run, score, aggregate, report."""
