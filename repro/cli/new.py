"""`repro new NAME`"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.scaffold import Written

_BY_NAME = "repro-NAME"
_TEMPLATES = ["cpu", "torch", "train"]  # a test holds them against those of repro.scaffold, which is not imported here


@click.command()
@click.argument("name", required=False)
@click.option(
    "--template",
    type=click.Choice(_TEMPLATES),
    default="cpu",
    show_default=True,
    help="What to begin with: numpy; torch, on the CPU or a GPU; or a model that can be trained.",
)
@click.option(
    "--package",
    metavar="[DIR]",
    is_flag=False,
    flag_value=_BY_NAME,
    help=f"Write a package of its own, for a model outside of repro's repository. [DIR: {_BY_NAME}]",
)
@click.option("--author", metavar="TEXT", help="Who has written the model.")
@click.option("--licence", metavar="TEXT", help="The licence of the model, such as MIT.")
@click.option("--paper", metavar="URL", help="Where it was published.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    name: str | None,
    template: str,
    package: str | None,
    author: str | None,
    licence: str | None,
    paper: str | None,
    as_json: bool,
) -> None:
    """Write the folders of a new model: an example that works, for your own model to take its place.

    NAME is best that of the paper, such as gupta2020: lower-case letters, digits and _. In a checkout of repro the
    model becomes one of its own; with --package it gets a package that others install beside repro. Nothing that is
    there is overwritten.
    """
    from repro.scaffold import NewModel, write_in_checkout, write_package
    from repro.scaffold.facts import chosen_template

    if name is None:
        hint = f" (for example: repro new my_model --package {package})" if package not in (None, _BY_NAME) else ""
        raise click.UsageError(f"NAME is missing: what is the model called?{hint}")
    model = NewModel(name, chosen_template(template), author, licence, paper)
    if package is None:
        written = write_in_checkout(model, Path.cwd())
    else:
        written = write_package(model, Path(package.replace(_BY_NAME, f"repro-{name}")).absolute())
    if as_json:
        fields = ("folders", "changed", "edit", "next_commands", "remarks")
        print_json({field: list(map(str, getattr(written, field))) for field in fields})
    else:
        _show(console, written)


def _show(console: Console, written: Written) -> None:
    for path in written.folders:
        click.echo(f"wrote {_shown(path)}")
    for path in written.changed:
        click.echo(f"listed it in {_shown(path)}")
    console.note("\nIt works as it is. Try it, then put your own model in the place of the example:")
    for line in written.next_commands:
        console.note(f"  {line}")
    console.note("What is yours to write:")
    for path in written.edit:
        console.note(f"  {_shown(path)}")
    if written.remarks:
        console.note("Note:")
    for line in written.remarks:
        console.note(f"  {line}")


def _shown(path: Path) -> str:
    """A path as one types it here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
