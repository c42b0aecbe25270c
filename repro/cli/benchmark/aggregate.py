"""`repro benchmark aggregate`"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.benchmarks.aggregate import Average, Reference

_DIGITS = 6
_SHOWN = 3


@click.command(name="aggregate")
@click.argument("table", metavar="TABLE.csv")
@click.option(
    "--reference", "reference_file", required=True, metavar="FILE", help="ProteinGym's DMS_substitutions.csv."
)
@click.option("-o", "--output", metavar="OUT.csv", help="Where to write. [default: stdout]")
@click.option("--partial", is_flag=True, help="Take a table that lacks assays; OUT then says how many each model has.")
@click.option("--ignore", "ignored", multiple=True, metavar="COLUMN", help="A column of TABLE that is no model.")
@click.option(
    "--metric", default="spearman", show_default=True, metavar="NAME", help="Of a table with a row a score: which."
)
@click.option("--split", metavar="NAME", help="Of a table with a row a score: which, where there are several.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    table: str,
    reference_file: str,
    output: str | None,
    partial: bool,
    ignored: tuple[str, ...],
    metric: str,
    split: str | None,
    as_json: bool,
) -> None:
    """Average scores over assays, as ProteinGym does.

    \b
    repro benchmark aggregate Spearman_DMS_level.csv --reference DMS_substitutions.csv -o averages.csv

    TABLE has a row an assay and a column a model. Its scores are averaged over the assays of a protein and selection
    type, those over a type, and the types give the average. Every assay of the reference must be there, and no other
    (--partial: fewer). A single cell may be empty: it is left out of its mean, as in the published averages, and told.
    TABLE may also have a row a score: the results.csv of a benchmark, whose data sets are called as the assays are, or
    the scores of ProteinGym's supervised models (model_name, DMS_id, fold_variable_name, Spearman, MSE).
    """
    from repro.benchmarks.aggregate import average, read_reference, read_scores

    reference = read_reference(reference_file)
    averages = average(read_scores(table, reference, partial, ignored, metric, split), reference, partial)
    rows = [_row(one, reference, partial) for one in averages]
    if output is not None:
        _write(Path(output), _csv(rows))
    elif not as_json:
        click.echo(_csv(rows), nl=False)
    if as_json:
        print_json([_summary(one, reference) for one in averages])
    _tell_missing(console, averages, reference)
    console.note(f"{counted(len(averages), 'model')} on {counted(len(reference.assays), 'assay')}")


def _row(one: Average, reference: Reference, partial: bool) -> dict[str, object]:
    types = {kind: round(one.types[kind], _DIGITS) if kind in one.types else "" for kind in reference.types}
    scored = {"assays": len(reference.assays) - len(one.missing)} if partial else {}
    return {"model": one.model, "average": round(one.average, _DIGITS), **types, **scored}


def _summary(one: Average, reference: Reference) -> dict[str, object]:
    types = {kind: one.types.get(kind) for kind in reference.types}
    return {"model": one.model, "average": one.average, "types": types, "missing": list(one.missing)}


def _csv(rows: Sequence[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    from repro.data.output import complete_file

    with complete_file(path) as file:
        file.write(text.encode())


def _tell_missing(console: Console, averages: Sequence[Average], reference: Reference) -> None:
    by_missing: dict[tuple[str, ...], list[str]] = {}
    for one in averages:
        if one.missing:
            by_missing.setdefault(one.missing, []).append(one.model)
    for missing, models in by_missing.items():
        shown = ", ".join(missing[:_SHOWN]) + (", ..." if len(missing) > _SHOWN else "")
        several = len(models) > 1
        who = f"{len(models)} models ({_named(models)}) have" if several else f"{models[0]} has"
        whose = "their averages are" if several else "its average is"
        told = f"{who} no score of {len(missing)} of {len(reference.assays)} assays ({shown})"
        console.note(f"{told}: {whose} over the others")


def _named(models: Sequence[str]) -> str:
    return ", ".join(models[:_SHOWN]) + (", ..." if len(models) > _SHOWN else "")
