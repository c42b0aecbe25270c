"""`repro benchmark score`"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, counted, print_json, print_table
from repro.cli.options import json_option, verbosity

if TYPE_CHECKING:
    from repro.benchmarks.scoring import TableScores

_HEADER = ["PREDICTIONS", "METRIC", "VALUE", "STANDARD ERROR"]
_NONE = "-"
_RESAMPLES = 1000


@click.command(name="score")
@click.argument("predictions", metavar="PREDICTIONS.csv")
@click.option("--truth", required=True, metavar="COLUMN", help="What was measured; or native sequences.")
@click.option(
    "--pred", "preds", required=True, multiple=True, metavar="COLUMN", help="What was predicted; may be given often."
)
@click.option("--bin", "binary", metavar="COLUMN", help="Whether a row is in the upper class, 0 or 1: for AUC and MCC.")
@click.option("--fold", metavar="COLUMN", help="Score each fold on its own, and take the mean.")
@click.option("--metrics", default="all", show_default=True, metavar="NAMES", help="Names with commas between them.")
@click.option("--mean", "with_mean", is_flag=True, help="Score the mean of the prediction columns too (an ensemble).")
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=_RESAMPLES, show_default=True, help="Resamples; 0 for none."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resamples.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    predictions: str,
    truth: str,
    preds: tuple[str, ...],
    binary: str | None,
    fold: str | None,
    metrics: str,
    with_mean: bool,
    bootstrap: int,
    seed: int,
    as_json: bool,
) -> None:
    """Hold predictions against what was measured.

    \b
    repro benchmark score predictions.csv --truth test --pred pred
    repro benchmark score BLAT.csv --truth DMS_score --pred esm --bin DMS_score_bin --metrics spearman,auc --json

    The metrics are ProteinGym's, with standard errors by the bootstrap. Every row counts: a value that is missing is an
    error that names it. A metric that is undefined, as a correlation with a constant, is said to be so.
    """
    from repro.benchmarks.scoring import Columns, score_table

    names = [name.strip() for name in metrics.split(",") if name.strip()]
    columns = Columns(truth, preds, binary, fold)
    found = score_table(predictions, columns, names, bootstrap, seed, with_mean)
    if as_json:
        print_json({"file": predictions, **asdict(columns), "bootstrap": bootstrap, "seed": seed, **asdict(found)})
    else:
        print_table(_HEADER, _table(found))
    _say_notes(console, found)


def _table(found: TableScores) -> list[list[str]]:
    return [
        [column, metric, _shown(score.value), _shown(score.standard_error)]
        for column, scores in found.scores.items()
        for metric, score in scores.items()
    ]


def _shown(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4f}"


def _say_notes(console: Console, found: TableScores) -> None:
    for column, scores in found.scores.items():
        for metric, score in scores.items():
            if score.note:
                console.note(f"{column}, {metric}: {score.note}")
    for metric, reason in found.left_out.items():
        console.note(f"{metric} is left out: {reason} (--bin COLUMN)")
    console.note(f"{counted(found.rows, 'row')} scored")
