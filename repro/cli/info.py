"""`repro info MODEL`, `repro info IMAGE`, `repro info OUTPUT`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from repro.cli.console import Console, print_facts, print_json, print_table
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.declared import Field
    from repro.inspection import ModelInfo, Place


def _names(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.model import Model

    models = [CompletionItem(name) for name in Model.list() if name.startswith(incomplete)]
    return [*models, CompletionItem(incomplete, type="file")]


@click.command()
@click.argument("name", metavar="MODEL|IMAGE|OUTPUT", shell_complete=_names)
@json_option
@verbosity
@click.pass_obj
def command(console: Console, /, name: str, as_json: bool) -> None:
    """Show a model, an image, or what made an output.

    \b
    MODEL   its variants, options, inputs, and where it is set up
    IMAGE   by name or digest: what it was built from, and for which model
    OUTPUT  a file that `repro predict` wrote, or its manifest: what made it,
            and whether it still is as it was written
    """
    from repro.cli.made_by import show_image, show_output
    from repro.images.facts import ImageFacts
    from repro.provenance.lookup import MadeOutput, look_up

    found = look_up(name)
    if isinstance(found, ImageFacts):
        if as_json:
            print_json({"kind": "image", **asdict(found)})
        else:
            show_image(console, found)
    elif isinstance(found, MadeOutput):
        if as_json:
            print_json({"kind": "output", **_plain(asdict(found))})
        else:
            show_output(console, found)
    else:
        _show_model(found, as_json)


def _show_model(model: Any, as_json: bool) -> None:
    from repro.inspection import inspect_model
    from repro.settings import load_settings

    info = inspect_model(model, load_settings())
    if as_json:
        print_json({"kind": "model", **asdict(info)})
    else:
        _show(info)


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    found["output"]["path"] = str(found["output"]["path"])
    return {**found, "manifest_file": str(found["manifest_file"])}


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
        ("an answer has", info.outputs),
        ("options, fixed when the worker starts", info.options),
        ("parameters, of each call", info.parameters),
        ("hyper-parameters, of `repro train` (-p NAME=VALUE)", info.hyper_params),
    ):
        if fields:
            click.secho(f"\n{title}", bold=True)
            header = ["NAME", "TYPE", "DEFAULT", "MEANING"]
            rows = [_field(field) for field in fields]
            if fields is info.outputs:  # what is not always there has a default, which nobody is given
                header, rows = [*header[:2], "GIVEN", header[3]], [_output(field) for field in fields]
            print_table(header, rows)


def _import_path(info: ModelInfo) -> str:
    return info.python_class.rpartition(".")[0].removesuffix(".model")


def _place(place: Place) -> str:
    if place.is_ready:
        baked = f"; with the weights of {', '.join(place.baked)}" if place.baked else ""
        return f"{place.runtime}: yes ({place.identity}{baked})"
    return f"{place.runtime}: no; {place.remedy}" if place.remedy else f"{place.runtime}: no"


def _output(field: Field) -> list[str]:
    return [field.name, field.shown_type, "always" if field.is_required else "not always", field.description]


def _field(field: Field) -> list[str]:
    default = "(required)" if field.is_required else field.shown_default or "-"
    return [field.name, field.shown_type, default, field.description]
