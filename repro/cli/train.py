"""`repro train MODEL DATASET -o DIR`"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.model_options import make_model
from repro.cli.options import json_option, model_argument, runtime_option, variant_option, verbosity
from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.training import TrainingResult

_OWN = "run.py train: "  # how run.py begins what is for people; all else that it prints is the model's
_ERROR = f"{_OWN}error: "  # which is told again, as the error that this command ends with


@click.command(options_metavar="-o DIR [OPTIONS]")
@model_argument
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder for the predictions.")
@click.option("--card", type=click.Path(path_type=Path), help="Model card, .md or .toml. [default: the model's own]")
@click.option("--target", metavar="COLUMN", help="What to predict; needed where the data set has several.")
@click.option(
    "--split",
    metavar="NAME",
    help="A split of the data set, or one to make: random_5, modulo_5, contiguous_5, train_valid_test; all, for a model"
    " that learns nothing. [default: the only one, else train_valid_test, else random_5]",
)
@click.option("--fold", type=click.IntRange(min=0), metavar="N", help="Predict this fold alone. [default: all in turn]")
@click.option(
    "-p",
    "--hyper-param",
    "hyper_params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A hyper-parameter, before that of the card; may be repeated.",
)
@click.option(
    "--reference", type=click.Path(path_type=Path), help="ProteinGym's DMS_substitutions.csv, for a CSV file."
)
@runtime_option
@variant_option()
@click.option("--device", type=int, metavar="N", help="Index of a GPU, or -1 for the CPU. [default: -1]")
@click.option("--weights", type=click.Path(exists=True), help="A file or folder in place of the fetched weights.")
@click.option("--memory", metavar="SIZE", help="Limit of memory, such as 8g (docker).")
@click.option("--cpus", type=click.FloatRange(min=0, min_open=True), metavar="X", help="Limit of CPU cores (docker).")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    /,
    model: str,
    dataset: Path,
    output_dir: Path,
    card: Path | None,
    target: str | None,
    split: str | None,
    fold: int | None,
    hyper_params: tuple[str, ...],
    reference: Path | None,
    as_json: bool,
    **keywords: Any,
) -> None:
    """Train a model on a data set, or score its variants, and write predictions of held-out rows.

    DATASET is an archive (.zip, .pgdata) or a CSV file as ProteinGym's. DIR gets DATASET_MODEL.csv, a row each that was
    held out, with what was measured (test) and predicted (pred), DATASET_MODEL.csv.repro.json, which says what made it,
    and what the model keeps. All appears when it is complete. A model learns from the rows that are not held out; one
    that learns nothing scores them.
    """
    from repro.model import Model

    given = parse_hyper_params(hyper_params)
    with make_model(Model.by_name(model), keywords, {}) as instance:
        result = instance.train(
            dataset, output_dir, card, split, fold, target, given, reference=reference, say=_told_by(console)
        )
    if as_json:
        print_json(_plain(asdict(result)))
    else:
        _show(console, result)


def parse_hyper_params(words: tuple[str, ...]) -> dict[str, str]:
    """`NAME=VALUE` words by name.

    >>> parse_hyper_params(("n-components=3", "scale=a=b"))
    {'n_components': '3', 'scale': 'a=b'}

    Raises:
        SettingsError: a word has no `=`, or a name is given twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name:
            raise SettingsError(f"{word!r} is no hyper-parameter", fix="write it as NAME=VALUE")
        if name in found:
            raise SettingsError(f"the hyper-parameter {name} is given twice", fix="give it once")
        found[name] = value
    return found


def _told_by(console: Console) -> Any:
    def say(text: str) -> None:
        if text.startswith(_OWN) and not text.startswith(_ERROR):
            console.note(text.removeprefix(_OWN))
        elif text.startswith("training "):
            console.note(text)
        else:
            console.detail(text)

    return say


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return str(value) if isinstance(value, Path) else value


def _show(console: Console, result: TrainingResult) -> None:
    training = result.training
    folds = f", {counted(len(training.folds), 'fold')}" if training.folds else ""
    console.note(
        f"{result.predictions}: {counted(result.rows, 'prediction')} of {training.target}, held out by"
        f" {training.split or 'run.py'}{folds}, {result.seconds:.1f} s"
    )
    if result.dropped:
        console.note(f"{counted(result.dropped, 'row')} without a measured value: left out")
    if result.left_out:
        console.note(f"left out, as they are no plain files: {', '.join(result.left_out)}")
    console.detail(f"what made it is written in {result.manifest}")
    if result.kept:
        console.detail(f"kept by the model: {', '.join(result.kept)}")
