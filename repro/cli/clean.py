"""`repro clean`"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.housekeeping import Leftover

_EXIT_NOT_ALL = 1
_UNITS = ("B", "kB", "MB", "GB", "TB")


@click.command()
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would be removed.")
@click.option("--envs", is_flag=True, help="Also the environments of the local runtime; repro setup makes them again.")
@click.option("--all", "everything", is_flag=True, help="Also these environments, and weights that came halfway.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, dry_run: bool, envs: bool, everything: bool, as_json: bool) -> int:
    """Remove what processes that were killed have left.

    Containers and exchange folders whose owner has gone, and half-made environments. What somebody uses, whole
    weights, and images stay.
    """
    from repro.housekeeping import engine_client, environments, leftovers, partial_downloads
    from repro.settings import load_settings

    settings = load_settings()
    client = engine_client()
    if client is None:
        console.note("no Docker engine answers: containers are not looked for")
    found = leftovers(settings, client)
    found += environments(settings) if envs or everything else []
    found += partial_downloads(settings) if everything else []
    failures = {} if dry_run else _remove(found)
    if as_json:
        print_json({"dry_run": dry_run, "leftovers": [_summary(one, failures, dry_run) for one in found]})
    else:
        _show(console, found, failures, dry_run)
    return _EXIT_NOT_ALL if failures else 0


def _remove(found: list[Leftover]) -> dict[str, str]:
    """Remove all that can be removed; what cannot, by name, with the reason."""
    failures = {}
    for leftover in found:
        try:
            leftover.remove()
        except OSError as error:
            failures[leftover.name] = error.strerror or str(error)
    return failures


def _summary(leftover: Leftover, failures: dict[str, str], dry_run: bool) -> dict[str, Any]:
    return {
        "kind": leftover.kind,
        "name": leftover.name,
        "size_bytes": leftover.size_bytes,
        "removed": not dry_run and leftover.name not in failures,
        "failure": failures.get(leftover.name),
    }


def _show(console: Console, found: list[Leftover], failures: dict[str, str], dry_run: bool) -> None:
    for leftover in found:
        reason = failures.get(leftover.name)
        done = "would remove" if dry_run else "cannot remove" if reason else "removed"
        size = f", {shown_size(leftover.size_bytes)}" if leftover.size_bytes else ""
        click.echo(f"{done} {leftover.kind} {leftover.name}{size}{f': {reason}' if reason else ''}")
    freed = sum(one.size_bytes for one in found if one.name not in failures)
    if found:
        console.note(f"{shown_size(freed)} {'would be' if dry_run else 'were'} freed")
    else:
        console.note("nothing to remove")


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
