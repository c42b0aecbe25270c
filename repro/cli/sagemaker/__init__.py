"""`repro sagemaker ...`"""

from __future__ import annotations

import click

from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

_COMMANDS = {
    "create": "Check everything, upload what is needed, and create a job.",
    "monitor": "Watch a job until it has ended, or stop it.",
    "fetch": "Fetch what a job has left.",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, module="repro.cli.sagemaker.{}", subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Train as a job of Amazon SageMaker, in the image that runs here too.

    The credentials are found as boto3 finds them: AWS_PROFILE, AWS_ACCESS_KEY_ID, ~/.aws, the role of the machine.
    """
