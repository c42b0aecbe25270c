"""`repro clean`"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.housekeeping import Finding, Leftover

_EXIT_NOT_ALL = 1
_UNITS = ("B", "kB", "MB", "GB", "TB")


@click.command()
@click.option("--images", is_flag=True, help="Also the images of models that no container uses.")
@click.option("--envs", is_flag=True, help="Also the environments of the local runtime in which nothing runs.")
@click.option("--weights", is_flag=True, help="Also fetched weights, whole ones and those that came halfway.")
@click.option("--all", "everything", is_flag=True, help="All of these.")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="Only what is this model's; several times.")
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask. Needed where there is no terminal to ask on.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    images: bool,
    envs: bool,
    weights: bool,
    everything: bool,
    models: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    """Remove what is left behind, or what can be made again.

    By default what processes that were killed have left: containers, workers and folders whose owner has gone.
    Images, environments and weights go when they are asked for; what somebody uses stays, and so does everything
    that repro did not make.

    SIZE is what is freed: layers that other images have too, and files that other environments or uv's cache have too
    (hard links), do not count. `repro list` counts them, and shows more.
    """
    from repro.housekeeping import Wanted, engine_client, plan_cleaning
    from repro.settings import load_settings

    client = engine_client()
    if client is None:
        console.note("no Docker engine answers: containers and images are not looked for")
    names = frozenset(name.removesuffix("-model") for name in models)
    wanted = Wanted(images or everything, envs or everything, weights or everything, names)
    found = plan_cleaning(load_settings(), client, wanted)
    _check_names(names, found)
    if not as_json:
        _show(console, found)
    is_blind = as_json or not (sys.stdin.isatty() and sys.stderr.isatty())
    removed = not dry_run and _agreed(found.leftovers, yes, is_blind)
    failures = _remove(found.leftovers) if removed else {}
    if as_json:
        print_json(_summary(found, failures, removed))
    else:
        _tell(console, found.leftovers, failures, removed, dry_run)
    return _EXIT_NOT_ALL if failures else 0


def _check_names(names: Iterable[str], found: Finding) -> None:
    """A name that no model has may still be that of a base image, or of a model whose package has gone."""
    from repro.registry import catalogue

    known = {one.model for one in found.leftovers}.union(catalogue.sources)
    for name in names:
        if name not in known:
            raise catalogue.unknown(name, [], [])


def _agreed(found: Iterable[Leftover], yes: bool, is_blind: bool) -> bool:
    """Whether all of it may go. Asked where something is costly to have again, and a person sees what that is."""
    if yes or not any(one.is_costly for one in found):
        return True
    if is_blind:
        raise click.UsageError("nothing was removed: images, environments and weights go with --yes (--dry-run shows)")
    return click.confirm("remove all of these?", default=False, err=True)


def _remove(found: Iterable[Leftover]) -> dict[str, str]:
    """Remove all that can be removed; what cannot, by name, with the reason."""
    failures = {}
    for leftover in found:
        try:
            leftover.remove()
        except OSError as error:
            failures[leftover.name] = error.strerror or str(error)
    return failures


def _summary(found: Finding, failures: dict[str, str], removed: bool) -> dict[str, Any]:
    return {
        "dry_run": not removed,
        "leftovers": [
            {
                "kind": one.kind,
                "name": one.name,
                "model": one.model,
                "size_bytes": one.size_bytes,
                "why": one.why,
                "removed": removed and one.name not in failures,
                "failure": failures.get(one.name),
            }
            for one in found.leftovers
        ],
        "kept": [{"kind": one.kind, "name": one.name, "why": one.why} for one in found.kept],
        "size_bytes": sum(one.size_bytes for one in found.leftovers if one.name not in failures),
    }


def _show(console: Console, found: Finding) -> None:
    if found.leftovers:
        rows = [[one.kind, shown_size(one.size_bytes), one.name, one.why] for one in found.leftovers]
        print_table(["KIND", "SIZE", "NAME", "WHY IT MAY GO"], rows)
    else:
        console.note("nothing to remove")
    for one in found.kept:
        console.note(f"stays: {one.kind} {one.name}: {one.why}")


def _tell(console: Console, found: Iterable[Leftover], failures: dict[str, str], removed: bool, dry_run: bool) -> None:
    found = list(found)
    if not removed and not dry_run:
        console.note("nothing was removed")
        return
    for name, reason in failures.items():
        click.echo(f"cannot remove {name}: {reason}", err=True)
    if found:
        gone = [one for one in found if one.name not in failures]
        freed = shown_size(sum(one.size_bytes for one in gone))
        console.note(
            f"{len(gone)} {'removed' if removed else 'to remove'}, {freed} {'were' if removed else 'would be'} freed"
        )


def shown_size(size_bytes: float) -> str:
    """A size as people read it.

    >>> shown_size(999), shown_size(1697724)
    ('999 B', '1.7 MB')
    """
    for unit in _UNITS[:-1]:
        if size_bytes < 1000:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} {_UNITS[-1]}"
