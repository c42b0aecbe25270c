"""`repro weights forget MODEL`"""

from __future__ import annotations

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, model_argument, verbosity
from repro.cli.weights_choice import folder_of


@click.command(name="forget")
@model_argument
@click.option("--variant", required=True, metavar="NAME", help="Whose hashes.")
@click.option("--file", "files", multiple=True, metavar="NAME", help="Only of this file; may be given several times.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, model: str, variant: str, files: tuple[str, ...], as_json: bool) -> None:
    """Forget recorded hashes, so that changed weights are accepted.

    For when those who publish a file have changed it on purpose, and the next fetch is to take the new one. Files that
    are here stay; a hash that config.yaml states is held in any case.
    """
    from repro.settings import load_settings
    from repro.weights.removal import forget_hashes

    forgotten = forget_hashes(load_settings().weights_dir, folder_of(model), variant, files)
    if as_json:
        print_json({"forgotten": forgotten})
    else:
        console.note(f"forgotten: {', '.join(forgotten)}" if forgotten else "no such hash was recorded")
