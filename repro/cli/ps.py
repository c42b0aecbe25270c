"""`repro ps`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json, print_table
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.housekeeping import RunningWorker


@click.command()
@json_option
@verbosity
@click.pass_obj
def command(console: Console, as_json: bool) -> None:
    """Show the workers that run.

    Containers of everybody who uses this engine, and processes of the local runtime on this machine.
    """
    from repro.housekeeping import engine_client, running_workers

    client = engine_client()
    workers = running_workers(client)
    if as_json:
        print_json([asdict(worker) for worker in workers])
        return
    if client is None:
        console.note("no Docker engine answers: only workers of the local runtime are shown")
    if not workers:
        console.note("no worker runs")
        return
    print_table(["RUNTIME", "MODEL", "WORKER", "OWNER", "STARTED"], [_row(worker) for worker in workers])
    if any(worker.owner_is_alive is False for worker in workers):
        console.note("repro clean removes those whose owner has gone")


def _row(worker: RunningWorker) -> list[str]:
    states = {True: "", False: " (gone)", None: " (on another machine)"}
    owner = f"{worker.owner_user} {worker.owner_pid or ''}".strip() + states[worker.owner_is_alive]
    return [worker.runtime, worker.model or "-", worker.name, owner, worker.started]
