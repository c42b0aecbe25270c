"""`repro card ...`"""

from __future__ import annotations

from importlib import import_module

import click

from repro.cli.options import verbosity

_COMMANDS = {"validate": "Check the card of a model, and name all that is wrong."}


class _Subcommands(click.Group):
    """Each command in a file of its own, imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"repro.cli.card.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Subcommands, subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Model cards: check them.

    The card of a model is the front matter of models/MODEL/README.md: its name, hyper-parameters and tags.
    """
