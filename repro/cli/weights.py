"""`repro weights ...`"""

from __future__ import annotations

from importlib import import_module

import click

from repro.cli.options import verbosity

_COMMANDS = {
    "list": "Show the weights that are here: sizes, licences, hashes.",
    "fetch": "Fetch the weights of a model.",
    "verify": "Read the weights again, and hold them against their hashes.",
    "remove": "Remove weights.",
    "forget": "Forget recorded hashes, so that changed weights are accepted.",
}


class _Subcommands(click.Group):
    """Each command in a file of its own, imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"repro.cli.weights_{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Subcommands, subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Pretrained weights: list, fetch, verify, remove.

    They lie in REPRO_WEIGHTS_DIR, each content once however many variants have it. The hash that a file had when it
    first came is kept in weights.lock there, and held ever after.
    """
