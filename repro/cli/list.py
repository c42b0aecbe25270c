"""`repro list`"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.clean import shown_size
from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.housekeeping.inventory import Stock

_HEADER = ["MODEL", "VERSION", "DOCKER", "LOCAL", "PUBLISHED", "WEIGHTS", "FROM", "DESCRIPTION"]
_NOT_HERE = "-"


@click.command()
@json_option
@verbosity
@click.pass_obj
def command(console: Console, as_json: bool) -> None:
    """Show the models: versions, what is set up where, sizes.

    Those that come with repro, and those that installed packages add. DOCKER is the size of the image with all its
    layers, LOCAL that of the environment, WEIGHTS how many variants are fetched, of how many. `repro info MODEL`
    shows one model.

    The sizes do not add up to what is used on the disk, or would be freed: images share layers, environments share
    files with uv's cache and each other (hard links), and variants of weights with the same content share it.
    `repro clean --dry-run` says what goes.
    """
    from repro.housekeeping import engine_client
    from repro.housekeeping.inventory import inventory
    from repro.settings import load_settings

    client = engine_client()
    if client is None:
        console.note("no Docker engine answers: images are not looked for")
    models = inventory(load_settings(), client)
    if as_json:
        print_json([asdict(model) for model in models])
    else:
        _print(models)


def _print(models: Sequence[Stock]) -> None:
    """The table, without FROM where all come with repro: it fits on a terminal of 80 columns then."""
    rows = [_HEADER, *map(_row, models)]
    if all(model.package == "repro" for model in models):
        rows = [[*row[:-2], row[-1]] for row in rows]
    print_table(rows[0], rows[1:], fit=True)


def _row(model: Stock) -> list[str]:
    return [
        model.name,
        model.version or _NOT_HERE,
        _NOT_HERE if model.image_bytes is None else shown_size(model.image_bytes),
        _local(model),
        "yes" if model.published else _NOT_HERE,
        _weights(model),
        model.package,
        model.description or "(see `repro info`)",
    ]


def _local(model: Stock) -> str:
    if not model.environment:
        return _NOT_HERE
    return shown_size(model.environment_bytes) if model.environment_bytes else "yes"


def _weights(model: Stock) -> str:
    if not model.needs_fetching:
        return "in its packages" if model.variants else _NOT_HERE
    size = f", {shown_size(model.weights_bytes)}" if model.fetched else ""
    return f"{len(model.fetched)} of {len(model.needs_fetching)}{size}"
