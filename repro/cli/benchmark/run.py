"""`repro benchmark run SPEC.yaml -o DIR`"""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.benchmark.flags import marks
from repro.cli.console import Console, counted, print_json, print_table, shortened
from repro.cli.options import json_option, runtime_option, verbosity
from repro.errors import PredictionError

if TYPE_CHECKING:
    from repro.benchmarks.cache import Record
    from repro.benchmarks.cells import Cell
    from repro.benchmarks.planning import Plan
    from repro.benchmarks.resources import Machine
    from repro.benchmarks.running import Outcome
    from repro.benchmarks.spec import Spec

_EXIT_CELLS_FAILED = PredictionError.exit_code
_ERROR_WIDTH = 100


class _Devices(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.5
    """Indices of GPUs: `0,1`."""

    name = "LIST"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        words = value.split(",")
        if not all(word.strip().isdigit() for word in words):
            self.fail(f"{value!r} is no list of GPUs, such as 0,1", param, ctx)
        return tuple(dict.fromkeys(int(word) for word in words))


@click.command(options_metavar="-o DIR [OPTIONS]")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder of the results.")
@click.option("--dry-run", is_flag=True, help="Check everything and list the cells; compute none.")
@click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Cells at a time. [default: as there is room]")
@click.option("--memory", metavar="SIZE", help="Memory for all cells. [default: what is free]")
@click.option(
    "--cpus",
    type=click.FloatRange(min=0, min_open=True),
    metavar="X",
    help="Cores for all cells. [default: all]",
)
@click.option("--devices", type=_Devices(), help="GPUs that cells may hold, such as 0,1.")
@runtime_option
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    /,
    spec: Path,
    output: Path,
    dry_run: bool,
    jobs: int | None,
    memory: str | None,
    cpus: float | None,
    devices: tuple[int, ...] | None,
    runtime: str | None,
    as_json: bool,
) -> int:
    """Compute a benchmark: data sets x models x splits.

    SPEC names them; docs/benchmarking.md shows one. Everything is checked before the first cell begins. DIR gets
    results.csv, and a folder for each cell. A cell is known by what it is computed from: the content of the data, the
    card, the hyper-parameters, the image, the weights. One that is there is not computed again, whatever it is called
    now, so the same command goes on where a run was interrupted or killed.

    A cell that fails does not stop the others: its error is in the results, and the exit code is 8.
    """
    from repro.benchmarks.planning import make_plan
    from repro.benchmarks.problems import Problems
    from repro.benchmarks.running import Request, find_done, run_cells
    from repro.benchmarks.spec import read_spec
    from repro.cli.benchmark.run_display import display
    from repro.runtimes.base import parse_size
    from repro.training_output import check_output_dir

    check_output_dir(output)
    if memory is not None:
        parse_size(memory)  # before anything is read
    problems = Problems()
    wanted = read_spec(spec, devices, problems)
    if runtime is not None:
        wanted = replace(wanted, runtime=None if runtime == "auto" else runtime)
    plan = make_plan(wanted, problems)
    for note in plan.notes:
        console.note(note)
    if dry_run:
        _show_plan(console, plan, find_done(plan.cells, output), as_json)
        return 0
    request = Request(_machine(wanted, memory, cpus), plan.metrics, plan.bootstrap, jobs)
    try:
        with display(console) as watch:
            outcome = run_cells(plan.cells, output, request, watch, console.note, wanted.name)
    except (KeyboardInterrupt, SystemExit):
        console.note(f"cells that are done are kept; go on with: repro {shlex.join(sys.argv[1:])}")
        raise
    if as_json:
        print_json(_as_dict(outcome))
    else:
        _show(console, outcome)
    return _EXIT_CELLS_FAILED if outcome.failed else 0


def _machine(spec: Spec, memory: str | None, cpus: float | None) -> Machine:
    """What there is to share: as the command line says, else the file, else as it is."""
    from repro.benchmarks.resources import Machine
    from repro.runtimes.base import parse_size

    here = Machine.here()
    memory_bytes = parse_size(memory) if memory is not None else spec.memory_bytes
    return Machine(memory_bytes or here.memory_bytes, cpus or spec.cpus or here.cpus, spec.devices)


# ------------------------------------------------------------------------------------------------------- what is shown


def _show_plan(console: Console, plan: Plan, done: dict[str, Record], as_json: bool) -> None:
    rows = [(cell, "cached" if cell.key in done else "to compute") for cell in plan.cells]
    if as_json:
        print_json([{**_names(cell), "cell": cell.key, "state": state} for cell, state in rows])
        return
    print_table(
        ["DATA SET", "TARGET", "MODEL", "SPLIT", "CELL", ""], [[*cell.names, cell.key, state] for cell, state in rows]
    )
    unique = {cell.key for cell in plan.cells}
    console.note(f"{counted(len(plan.cells), 'cell')}, {len(unique - done.keys()):,} of them to compute")


def _show(console: Console, outcome: Outcome) -> None:
    """The table of scores, then what its flags mean, what failed, and where it all is."""
    from repro.benchmarks.results import flags_of

    flags, meanings = marks(flags_of(outcome.cells))
    metrics = list(dict.fromkeys(name for _, record in outcome.cells for name in record.scores))
    rows = [
        [*cell.names, *(_shown(record, name) for name in metrics), flag]
        for (cell, record), flag in zip(outcome.cells, flags, strict=True)
    ]
    print_table(
        ["DATA SET", "TARGET", "MODEL", "SPLIT", *(name.upper() for name in metrics), "FLAGS" if meanings else ""], rows
    )
    for line in meanings:
        click.echo(f"flag {line}")
    for cell, record in outcome.failed:
        first, *_ = record.error.splitlines() or [""]
        told = f"{cell.name}: {shortened(first, _ERROR_WIDTH)} (cells/{record.key}/cell.json)"
        click.echo(f"{click.style('failed:', fg='red', bold=True)} {told}", err=True)
    cached = len({record.key for _, record in outcome.cells}) - outcome.computed
    done = len(outcome.cells) - len(outcome.failed)
    console.note(
        f"{outcome.results}: {counted(len(outcome.cells), 'cell')}, {done:,} done ({cached:,} of them earlier),"
        f" {len(outcome.failed):,} failed"
    )


def _shown(record: Record, metric: str) -> str:
    score = record.scores.get(metric)
    if score is None or score["value"] is None:
        return "-"
    error = score["standard_error"]
    return f"{score['value']:.3f}" + (f" ± {error:.3f}" if error is not None else "")


def _as_dict(outcome: Outcome) -> dict[str, Any]:
    return {
        "results": str(outcome.results),
        "cells": [_cell_as_dict(cell, record) for cell, record in outcome.cells],
        "computed": outcome.computed,
        "failed": len(outcome.failed),
    }


def _cell_as_dict(cell: Cell, record: Record) -> dict[str, Any]:
    told = {"cell": record.key, "status": record.status, "seconds": record.seconds, "error": record.error}
    return {**_names(cell), **told, "scores": record.scores}


def _names(cell: Cell) -> dict[str, str]:
    return dict(zip(("dataset", "target", "model", "split"), cell.names, strict=True))
