"""`repro info MODEL`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.console import print_facts, print_json, print_table
from repro.cli.options import json_option, model_argument, verbosity

if TYPE_CHECKING:
    from repro.declared import Field
    from repro.inspection import ModelInfo, Place


@click.command()
@model_argument
@json_option
@verbosity
def command(model: str, as_json: bool) -> None:
    """Show a model: variants, options, inputs, where it is set up."""
    from repro.inspection import inspect_model
    from repro.model import Model
    from repro.settings import load_settings

    info = inspect_model(Model.by_name(model), load_settings())
    if as_json:
        print_json(asdict(info))
    else:
        _show(info)


def _show(info: ModelInfo) -> None:
    print_facts(
        [
            ("model", info.name),
            ("description", info.description),
            ("licence", info.licence),
            ("paper", info.paper),
            ("source", info.source),
            ("in Python", f"from {_import_path(info)} import {info.python_class.rpartition('.')[2]}"),
            ("image", info.image),
            ("folder", info.folder),
            ("set up", "\n".join(map(_place, info.places))),
        ]
    )
    if info.variants:
        click.secho("\nvariants", bold=True)
        rows = [[v.name + (" (default)" if v.is_default else ""), v.state, v.description] for v in info.variants]
        print_table(["NAME", "WEIGHTS", "DESCRIPTION"], rows)
    for title, fields in (
        ("a record has", info.inputs),
        ("options, fixed when the worker starts", info.options),
        ("parameters, of each call", info.parameters),
    ):
        if fields:
            click.secho(f"\n{title}", bold=True)
            print_table(["NAME", "TYPE", "DEFAULT", "MEANING"], [_field(field) for field in fields])


def _import_path(info: ModelInfo) -> str:
    return info.python_class.rpartition(".")[0].removesuffix(".model")


def _place(place: Place) -> str:
    if place.is_ready:
        return f"{place.runtime}: yes ({place.identity})"
    return f"{place.runtime}: no; {place.remedy}" if place.remedy else f"{place.runtime}: no"


def _field(field: Field) -> list[str]:
    default = "(required)" if field.is_required else field.shown_default or "-"
    return [field.name, field.shown_type, default, field.description]
