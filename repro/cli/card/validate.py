"""`repro card validate DIR`"""

from __future__ import annotations

from pathlib import Path

import click

from repro.cli.console import Console, counted, print_facts, print_json
from repro.cli.options import json_option, verbosity
from repro.errors import InputFileError


@click.command(name="validate")
@click.argument("place", metavar="DIR", type=click.Path(path_type=Path))
@json_option
@verbosity
@click.pass_context
def command(ctx: click.Context, place: Path, as_json: bool) -> None:
    """Check the card of a model, and name all that is wrong, not only the first.

    DIR is the folder of a model, models/MODEL, with README.md (YAML between two lines ---) or the older manifest.toml;
    where it has both they have to say the same. It may be such a file, too. The exit code is 3 where something is
    wrong.
    """
    from repro.benchmarks.proteingym.card_findings import card_findings

    card, found = card_findings(place)
    console = ctx.find_object(Console) or Console()
    if as_json:
        told = [{"message": error.message, "fix": error.fix} for error in found]
        shown = None if card is None else {key: getattr(card, key) for key in ("name", "hyper_params", "tags", "extra")}
        digest = None if card is None else card.digest
        print_json({"place": str(place), "sound": not found, "findings": told, "card": shown, "digest": digest})
    elif card is not None:
        values = "\n".join(f"{name}: {value}" for name, value in card.hyper_params.items())
        facts = [("name", card.name), ("hyper-params", values), ("tags", ", ".join(card.tags))]
        print_facts([*facts, ("more", ", ".join(card.extra)), ("digest", card.digest)])
    else:
        for error in found:
            click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}")
            if error.fix:
                click.echo(f"  do: {error.fix}")
    if found:
        console.note(f"{place}: {counted(len(found), 'finding')}")
        ctx.exit(InputFileError.exit_code)
    console.note(f"{place} is sound")
