"""`repro pull MODEL`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, model_argument, verbosity

if TYPE_CHECKING:
    from repro.images.pull import Pulled


@click.command()
@model_argument
@click.option("--digest", metavar="SHA256", help="What it must be: sha256:... [default: as image.lock records it]")
@click.option(
    "--registry", metavar="HOST/NAMESPACE", help="Where from. [default: where it was published, or as its name says]"
)
@json_option
@verbosity
@click.pass_obj
def command(console: Console, model: str, digest: str | None, registry: str | None, as_json: bool) -> None:
    """Get a model's published image.

    It is pulled by its digest and gets the model's name; what has another digest is refused, and gets no name.
    """
    from repro.cli.layers import LayerBars
    from repro.images.pull import pull_image, what_to_pull
    from repro.images.transfer import SILENCE_LIMIT_S
    from repro.model import Model
    from repro.runtimes.engine import connect

    chosen = Model.by_name(model)
    wanted = what_to_pull(chosen.spec(), registry, digest)
    if wanted.digest is None:
        console.note(
            f"no digest of {wanted.image} is recorded: what comes is taken as it is (--digest holds it to one)"
        )
    client = connect(timeout_s=SILENCE_LIMIT_S)
    with LayerBars(console) as bars:
        pulled = pull_image(client, wanted, bars)
    if as_json:
        print_json(_summary(pulled))
        return
    console.note(f"{wanted.image} {'was here already' if pulled.was_there else 'is here'}, from {wanted.repository}")
    click.echo(f"{wanted.repository}@{pulled.digest}")


def _summary(pulled: Pulled) -> dict[str, Any]:
    return {
        "model": pulled.wanted.model,
        "image": pulled.wanted.image,
        "identity": pulled.facts.identity,
        "repository": str(pulled.wanted.repository),
        "digest": pulled.digest,
        "was_here_already": pulled.was_there,
    }
