"""`repro weights ...`"""

from __future__ import annotations

import click

from repro.cli.lazy import LazyGroup
from repro.cli.options import verbosity

_COMMANDS = {
    "list": "Show the weights that are here: sizes, licences, hashes.",
    "fetch": "Fetch the weights of a model.",
    "verify": "Read the weights again, and hold them against their hashes.",
    "remove": "Remove weights.",
    "forget": "Forget recorded hashes, so that changed weights are accepted.",
}


@click.group(cls=LazyGroup, lazy=_COMMANDS, module="repro.cli.weights_{}", subcommand_metavar="COMMAND ...")
@verbosity
def command() -> None:
    """Pretrained weights: list, fetch, verify, remove.

    They lie in REPRO_WEIGHTS_DIR, each content once however many variants have it. The hash that a file had when it
    first came is kept in weights.lock there, and held ever after.
    """
