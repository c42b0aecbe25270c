"""`repro weights remove`"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from repro.cli.clean import shown_size
from repro.cli.console import Console, print_json
from repro.cli.options import json_option, verbosity
from repro.cli.weights_choice import model_argument_or_all, stored

if TYPE_CHECKING:
    from repro.weights.removal import Removed


@click.command(name="remove")
@model_argument_or_all
@click.option("--all", "everything", is_flag=True, help="All variants: of MODEL, or without MODEL of all models.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Without a terminal nothing is asked.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    model: str | None,
    variants: tuple[str, ...],
    everything: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove weights.

    A content that another variant has too stays. The hashes stay known: what is fetched again has to be the same.
    """
    from repro.settings import load_settings
    from repro.weights.removal import plan_removal, remove_variants

    if everything and variants:
        raise click.UsageError("--all and --variant exclude each other")
    if model is not None and not (variants or everything):
        raise click.UsageError("name a --variant, or say --all")
    weights_dir = load_settings().weights_dir
    names = [one.name for one in stored(model, variants, everything)]
    planned = plan_removal(weights_dir, names)
    if not (dry_run or yes or as_json or _agreed(console, planned)):
        console.note("nothing was removed")
        return
    removed = planned if dry_run else remove_variants(weights_dir, names)
    if as_json:
        print_json(_summary(removed, dry_run))
    else:
        _show(console, removed, dry_run)


def _agreed(console: Console, planned: Removed) -> bool:
    """Whether all of it may go. A person is asked, who sees what it is; a script has said what it wants."""
    if not planned.variants or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    _show(console, planned, dry_run=True)
    return click.confirm("remove all of these?", default=False, err=True)


def _show(console: Console, removed: Removed, dry_run: bool) -> None:
    done = "would remove" if dry_run else "removed"
    for variant in removed.variants:
        click.echo(f"{done} {variant.name}, {shown_size(variant.size_bytes)}")
    if not removed.variants:
        console.note("nothing to remove")
        return
    kept = f"; {shown_size(removed.kept_bytes)} stay, as others have them too" if removed.kept_bytes else ""
    console.note(f"{shown_size(removed.freed_bytes)} {'would be' if dry_run else 'were'} freed{kept}")


def _summary(removed: Removed, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "variants": [
            {"model": one.model, "variant": one.variant, "size_bytes": one.size_bytes} for one in removed.variants
        ],
        "freed_bytes": removed.freed_bytes,
        "kept_bytes": removed.kept_bytes,
    }
