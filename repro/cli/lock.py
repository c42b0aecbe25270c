"""`repro lock MODEL`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, model_argument, verbosity

if TYPE_CHECKING:
    from repro.images.locking import Locked


@click.command()
@model_argument
@click.option("--upgrade", is_flag=True, help="Take the newest versions that go together, not those that are locked.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, model: str, upgrade: bool, as_json: bool) -> None:
    """Pin what a model's image is built from.

    Writes requirements.lock (the version of every package, from the public index) and the digests of the base images
    in image.lock, into the model's folder. MODEL may also be a base image's folder, such as bases/torch.
    """
    from repro import MODELS_ROOT
    from repro.images.locking import lock_model

    bases_dir = Path(MODELS_ROOT) / "bases"
    folder = _folder(model, bases_dir)
    locked = lock_model(folder, bases_dir, console.note, upgrade=upgrade)
    if as_json:
        print_json(
            {
                "folder": str(folder),
                "packages": locked.packages,
                "base": dict(locked.base),
                "not_asked": dict(locked.not_asked),
            }
        )
        return
    for name, why in locked.not_asked.items():
        kept = "its digest stays as it was" if name in locked.base else "it stays without a digest"
        console.note(f"{name}: no registry answers ({why.strip()}); {kept}")
    console.note(_said(locked, folder))


def _said(locked: Locked, folder: Path) -> str:
    """What was locked now: not what keeps the digest that it had."""
    images = [name for name in locked.base if name not in locked.not_asked]
    counts = ((locked.packages, "package"), (len(images), "base image"))
    said = [f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts if count]
    return f"locked {' and '.join(said)} in {folder}" if said else f"nothing was locked anew in {folder}"


def _folder(model: str, bases_dir: Path) -> Path:
    """The container side of a model, or the folder of a base."""
    from repro.setting_up import model_to_set_up

    base = bases_dir / model.removeprefix("bases/")
    if model.startswith("bases/") and (base / "Dockerfile").is_file():
        return base
    return model_to_set_up(model).container_folder()
