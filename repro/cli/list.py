"""`repro list`"""

from __future__ import annotations

from dataclasses import asdict

import click

from repro.cli.console import print_json, print_table
from repro.cli.options import json_option, verbosity


@click.command()
@json_option
@verbosity
def command(as_json: bool) -> None:
    """Show the models.

    Those that come with repro, and those that installed packages add. `repro info MODEL` shows one.
    """
    from repro.inspection import list_models

    models = list_models()
    if as_json:
        print_json([asdict(model) for model in models])
        return
    print_table(
        ["MODEL", "VARIANTS", "FROM", "DESCRIPTION"],
        [[m.name, str(len(m.variants) or "-"), m.package, m.description or "(see `repro info`)"] for m in models],
    )
