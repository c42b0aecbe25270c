"""`repro sagemaker ...`"""

from __future__ import annotations

from importlib import import_module

import click

from repro.cli.options import verbosity

_COMMANDS = {
    "create": "Check everything, upload what is needed, and create a job.",
    "monitor": "Watch a job until it has ended, or stop it.",
    "fetch": "Fetch what a job has left.",
}


class _Subcommands(click.Group):
    """Each command in a file of its own, imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"repro.cli.sagemaker.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Subcommands, subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Train as a job of Amazon SageMaker, in the image that runs here too.

    The credentials are found as boto3 finds them: AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws, the role of the machine.
    """
