"""`repro weights fetch MODEL`"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, model_argument, variant_option, verbosity

if TYPE_CHECKING:
    from repro.config import ModelConfig, Variant


@click.command(name="fetch")
@model_argument
@variant_option(multiple=True)
@click.option("--all", "everything", is_flag=True, help="All variants of the model.")
@click.option("--offline", is_flag=True, help="Use no network: what is missing is an error (REPRO_OFFLINE=1).")
@click.option("--again", is_flag=True, help="Read what is here first, and fetch anew what is damaged.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    model: str,
    variant: tuple[str, ...],
    everything: bool,
    offline: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Fetch the weights of a model.

    `repro setup` does it too. A fetch that was interrupted goes on where it stopped; what is there is not fetched
    again. REPRO_WEIGHTS_MIRROR names an address or folder that is asked first.
    """
    from repro.cli.progress import DownloadBars
    from repro.model import Model
    from repro.settings import load_settings
    from repro.weights import fetch_variants
    from repro.weights.removal import remove_damaged

    settings = load_settings()
    chosen = Model.by_name(model)
    variants = _chosen(chosen.config(), variant, everything)
    if again:
        for one in variants:
            remove_damaged(settings.weights_dir, chosen.folder_name(), one)
    with DownloadBars(console) as bars:
        folders = fetch_variants(
            chosen.folder_name(),
            variants,
            settings.weights_dir,
            progress=bars,
            offline=offline or settings.offline,
            mirror=settings.weights_mirror,
        )
    if as_json:
        print_json({one.name: folder and str(folder) for one, folder in zip(variants, folders, strict=True)})
        return
    for one, folder in zip(variants, folders, strict=True):
        console.note(f"{one.name}: {folder}" if folder else _nothing_to_fetch(model, one))


def _nothing_to_fetch(model: str, variant: Variant) -> str:
    from repro.config import IMPLICIT_VARIANT

    if variant == IMPLICIT_VARIANT:
        return f"{model} has no weights that are fetched"
    return f"{variant.name}: comes with the packages of the model; there is nothing to fetch"


def _chosen(config: ModelConfig, names: tuple[str, ...], everything: bool) -> list[Variant]:
    if everything:
        return list(config.variants.values())
    return [config.variant(name) for name in names] or [config.variant()]
