"""Which variants a command is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from repro.errors import ModelNotFoundError

if TYPE_CHECKING:
    from repro.config import Variant
    from repro.weights.inventory import StoredVariant


def declared_variants() -> dict[tuple[str, str], Variant]:
    """All variants of all models, by folder name and variant; of a model that cannot be read, none."""
    from repro.errors import ReproError
    from repro.model import Model

    found = {}
    for name in Model.list():
        try:
            model = Model.by_name(name)
            config = model.config()
        except ReproError:  # `repro doctor` tells of it
            continue
        found.update({(model.folder_name(), variant.name): variant for variant in config.variants.values()})
    return found


def stored(model: str | None, variants: tuple[str, ...], everything: bool) -> list[StoredVariant]:
    """The variants in the store that are meant. A model need not be installed any more.

    Raises:
        ModelNotFoundError: nothing of it is in the store.
    """
    from repro.settings import load_settings
    from repro.weights.inventory import read_inventory

    if model is None and not everything:
        raise click.UsageError("name a MODEL, or say --all")
    folder = model and folder_of(model)
    here = [
        one for one in read_inventory(load_settings().weights_dir) if folder in (None, one.model) and _is_there(one)
    ]
    known = [one.variant for one in here]
    for name in variants:
        if name not in known:
            fix = f"there are: {', '.join(known)}" if known else "repro weights list shows what is there"
            raise ModelNotFoundError(f"{model}: no weights of {name!r} are here", fix=fix)
    return [one for one in here if not variants or one.variant in variants]


def _is_there(variant: StoredVariant) -> bool:
    """Whether anything of a variant is there: a fetch that failed at once leaves its folder."""
    return bool(variant.files) or any(path.is_file() for path in variant.folder.rglob("*"))


def folder_of(model: str) -> str:
    """The folder of a model in the store, also of one that is not installed any more.

    Raises:
        ModelNotFoundError: there is no such model, and nothing of it in the store.
    """
    from repro.model import Model
    from repro.settings import load_settings

    try:
        return Model.by_name(model).folder_name()
    except ModelNotFoundError:
        place = load_settings().weights_dir / model
        if "/" in model or model.startswith(".") or not place.is_dir():
            raise
        return model


def model_argument_or_all(function: click.decorators.FC) -> click.decorators.FC:
    """[MODEL], and --variant."""
    from repro.cli.options import complete_models, complete_variants

    option = click.option(
        "--variant",
        "variants",
        metavar="NAME",
        multiple=True,
        shell_complete=complete_variants,
        help="Only this variant.",
    )
    return click.argument("model", required=False, shell_complete=complete_models)(option(function))
