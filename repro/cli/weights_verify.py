"""`repro weights verify`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.clean import shown_size
from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, verbosity
from repro.cli.weights_choice import declared_variants, model_argument_or_all, stored

if TYPE_CHECKING:
    from repro.weights.check import CheckedFile

_HEADER = ["MODEL", "VARIANT", "FILE", "SIZE", "WHAT IS WRONG"]
_EXIT_DAMAGED = 4
_NOTHING = "-"


@click.command(name="verify")
@model_argument_or_all
@json_option
@verbosity
@click.pass_obj
def command(console: Console, model: str | None, variants: tuple[str, ...], as_json: bool) -> int:
    """Read the weights again, and hold them against their hashes.

    All that are here, or those of a model. Exits with 4, and a table, where something is wrong.
    """
    from repro.config import Variant
    from repro.settings import load_settings
    from repro.weights.check import check_variant

    weights_dir = load_settings().weights_dir
    declared = declared_variants()
    checked: list[CheckedFile] = []
    for one in stored(model, variants, everything=model is None):
        console.detail(f"reading {one.name} ({shown_size(one.size_bytes)})")
        checked += check_variant(
            weights_dir, one.model, declared.get((one.model, one.variant), Variant(name=one.variant))
        )
    flawed = [file for file in checked if file.flaw]
    if as_json:
        print_json([asdict(file) for file in checked])
    elif flawed:
        print_table(_HEADER, [_row(file) for file in flawed])
    _say(console, checked, flawed)
    return _EXIT_DAMAGED if flawed else 0


def _row(file: CheckedFile) -> list[str]:
    size = _NOTHING if file.size_bytes is None else shown_size(file.size_bytes)
    return [file.model, file.variant, file.name, size, file.flaw]


def _say(console: Console, checked: list[CheckedFile], flawed: list[CheckedFile]) -> None:
    if not checked:
        console.note("no weights are here")
    elif not flawed:
        console.note(f"{len(checked)} files are what they should be")
    for model, variant in dict.fromkeys((file.model, file.variant) for file in flawed):
        console.note(f"do: repro weights fetch {model} --variant {variant} --again")
