"""`repro benchmark report DIR`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.benchmark.flags import told
from repro.cli.console import Console, counted, print_json, print_table
from repro.cli.options import json_option, verbosity
from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.benchmarks.report import Report

_FILES = (".html", ".md", ".csv")
_OTHER_FILES = (".pdf", ".htm", ".txt", ".json", ".tsv", ".xlsx", ".parquet", ".png", ".svg", ".docx", ".markdown")


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "out",
    metavar="OUT",
    type=click.Path(path_type=Path),
    help="A folder, or one file: .html, .md or .csv. [default: DIR/report]",
)
@click.option("--title", help="What the page and the document are headed with. [default: the benchmark's name]")
@click.option(
    "--dataset", "datasets", metavar="NAME", multiple=True, help="This data set alone; may be given several times."
)
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console, folder: Path, out: Path | None, title: str | None, datasets: tuple[str, ...], as_json: bool
) -> None:
    """Write what a benchmark found: tables, and a page to look at.

    DIR is what `repro benchmark run` wrote. OUT gets report.html (opens from disk, with no network: results that sort
    and filter, predicted against measured, heat maps of mutations, profiles by position), report.md, results.csv (a
    line a cell) and summary.csv (a line a model and a split).
    """
    from repro.benchmarks.report import write_report

    _check_out(out)
    report = write_report(folder, out, title=title, datasets=datasets)
    if as_json:
        print_json(_as_dict(report))
        return
    _print_means(report)
    for line in told([cell.name for cell in report.cells], report.flags):
        console.note(f"note: {line}")
    if report.failed:
        console.note(f"{counted(len(report.failed), 'cell')} failed: the means leave them out")
    for file in report.files:
        console.note(f"wrote {file}")


def _check_out(out: Path | None) -> None:
    """Raises SettingsError, OutputError where that can be neither a folder nor one of the files."""
    from repro.training_output import check_output_dir

    if out is None or out.suffix.lower() in _FILES:
        return
    if out.suffix.lower() in _OTHER_FILES and not out.is_dir():
        fix = f"-o {out.with_suffix('.html')}; .md and .csv will do too, or a folder"
        raise SettingsError(f"{out}: no report is written as {out.suffix}", fix=fix)
    check_output_dir(out)


def _print_means(report: Report) -> None:
    """A line a model and a split; beside a mean of some assays, of how many."""
    rows = [
        [
            line.model,
            line.split,
            *(_mean(line.means.get(m), line.scored.get(m, 0), line.assays) for m in report.metrics),
        ]
        for line in report.means
    ]
    print_table(["MODEL", "SPLIT", *map(str.upper, report.metrics)], rows)


def _mean(mean: float | None, scored: int, assays: int) -> str:
    if mean is None:
        return "-"
    return f"{mean:.3f}" if scored == assays else f"{mean:.3f} ({scored} of {assays})"


def _as_dict(report: Report) -> dict[str, Any]:
    return {
        "files": [str(file) for file in report.files],
        "cells": len(report.cells),
        "failed": [
            {
                "dataset": cell.dataset,
                "target": cell.target,
                "model": cell.model,
                "split": cell.split,
                "error": cell.error,
            }
            for cell in report.failed
        ],
        "flagged": [
            {
                "dataset": cell.dataset,
                "target": cell.target,
                "model": cell.model,
                "split": cell.split,
                "flags": list(flags),
            }
            for cell, flags in zip(report.cells, report.flags, strict=True)
            if flags
        ],
        "means": [
            {
                "model": line.model,
                "split": line.split,
                "means": dict(line.means),
                "scored": dict(line.scored),
                "assays": line.assays,
            }
            for line in report.means
        ],
    }
