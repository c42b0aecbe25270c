"""`repro card ...`"""

from __future__ import annotations

import click

from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

_COMMANDS = {"validate": "Check the card of a model, and name all that is wrong."}


@click.group(cls=LazyGroup, lazy=_COMMANDS, module="repro.cli.card.{}", subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Model cards: check them.

    The card of a model is the front matter of models/MODEL/README.md: its name, hyper-parameters and tags.
    """
