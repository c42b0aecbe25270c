"""`repro predict MODEL INPUT -o OUTPUT`"""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.model_options import ModelCommand, given_options, make_model
from repro.cli.options import json_option, model_argument, runtime_option, variant_option, verbosity
from repro.cli.worker_options import WORKER_KEYWORDS, worker_options
from repro.errors import PredictionError, SettingsError

if TYPE_CHECKING:
    from repro.file_run import FileRun, Outcome
    from repro.model import Model

_EXIT_RECORDS_FAILED = PredictionError.exit_code
RECORDED_KEYWORDS = ("weights", "memory", "cpus")
_INPUT_FORMATS = ["fasta", "jsonl", "csv", "tsv", "parquet"]
_OUTPUT_FORMATS = ["jsonl", "csv", "tsv", "parquet", "npz"]


@click.command(cls=ModelCommand, options_metavar="-o OUTPUT [OPTIONS]")
@model_argument
@click.argument("input", type=click.Path(allow_dash=True))
@click.option(
    "-o", "--output", required=True, type=click.Path(allow_dash=True), help="Where to write; - is standard output."
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on where an interrupted run with the same settings stopped; leave its complete output.",
)
@click.option(
    "--on-error",
    type=click.Choice(["raise", "return"]),
    default="raise",
    show_default=True,
    help="When the model fails for a record: stop, or write the error in the record's row and go on (exit code 8).",
)
@click.option("--map", "mapping", multiple=True, metavar="KEY=COLUMN", help="Which column is a key of the model.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N records.")
@click.option("--input-format", type=click.Choice(_INPUT_FORMATS), help="[default: as the input's ending says]")
@click.option(
    "--format", "output_format", type=click.Choice(_OUTPUT_FORMATS), help="[default: as the output's ending says]"
)
@runtime_option
@variant_option()
@worker_options
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    /,
    model: str,
    input: str,
    output: str,
    resume: bool,
    on_error: str,
    mapping: tuple[str, ...],
    limit: int | None,
    input_format: str | None,
    output_format: str | None,
    as_json: bool,
    **values: Any,
) -> int:
    """Run a model on the records of a file.

    INPUT is FASTA, JSONL, CSV, TSV or Parquet (text also with .gz), or - for JSONL on standard input. OUTPUT is JSONL,
    CSV, TSV, Parquet or .npz, as its ending says; it appears when it is complete. Columns that are not for the model,
    such as id, are carried into the output. Beside a file, OUTPUT.repro.json says what made it: see `repro rerun`.

    `repro predict MODEL --help` also shows the model's own options; `repro info MODEL` its inputs and variants.
    """
    from repro.data.fields import parse_mapping
    from repro.file_run import FileRun
    from repro.model import Model
    from repro.record_source import InputFile

    if as_json and output == "-":
        raise SettingsError("--json and -o - both write to standard output", fix="name a file for one of them")
    run = FileRun(
        input=InputFile(input, input_format, parse_mapping(mapping), limit),
        output=output,
        output_format=output_format,
        on_error="return" if on_error == "return" else "raise",
        resume=resume,
        keywords={name: values[name] for name in RECORDED_KEYWORDS},
    )
    chosen = Model.by_name(model)
    keywords = {name: values[name] for name in WORKER_KEYWORDS}
    with make_model(chosen, keywords, given_options(chosen, values)) as instance:
        outcome = _predict(console, instance, run)
    if as_json:
        print_json({**asdict(outcome), "records_per_s": outcome.records_per_s})
    else:
        _show(console, outcome)
    return _EXIT_RECORDS_FAILED if outcome.failed else 0


def _predict(console: Console, model: Model, run: FileRun) -> Outcome:
    from repro.cli.progress import record_progress
    from repro.file_run import predict_file

    try:
        return predict_file(model, run, say=console.note, watch=record_progress(console, model.name))
    except PredictionError as error:
        if run.on_error == "raise":
            error.fix = "--on-error return writes such errors into the output and goes on"
        raise
    except (KeyboardInterrupt, SystemExit):
        _tell_how_to_go_on(console, run)
        raise


def _tell_how_to_go_on(console: Console, run: FileRun) -> None:
    from repro.data.spool import partial_folder

    if str(run.output) != "-" and partial_folder(run.output).exists():
        again = [word for word in sys.argv[1:] if word != "--resume"]
        console.note(f"what was computed is kept; go on with: repro {shlex.join([*again, '--resume'])}")


def _show(console: Console, outcome: Outcome) -> None:
    """The last lines: what was done, and what did it."""
    from repro.cli.progress import shown_rate

    maker, worker = outcome.maker, outcome.worker
    rate = shown_rate(outcome.records - outcome.resumed, outcome.seconds)
    output = "standard output" if outcome.output == "-" else outcome.output
    resumed = f" ({outcome.resumed:,} of them earlier)" if outcome.resumed else ""
    console.note(
        f"{output}: {counted(outcome.records, 'record')}{resumed}, {outcome.failed:,} failed,"
        f" {outcome.seconds:.1f} s{rate and f', {rate}'} (start {outcome.start_s:.1f} s)"
    )
    device = " ".join(str(part) for part in (worker.get("device", maker.device), worker.get("device_name")) if part)
    facts = [f"made by {maker.model} on {maker.runtime}", device, maker.variant or "", _weights(maker.weights)]
    place = maker.image if maker.runtime == "docker" else "environment"
    console.note(", ".join(fact for fact in [*facts, f"{place} {maker.environment}"] if fact))
    if outcome.manifest:
        console.detail(f"what made it is written in {outcome.manifest}")
    if outcome.failed:
        console.note(f"{counted(outcome.failed, 'record')} failed: the column or key `error` in the row says why")


def _weights(hashes: Any) -> str:
    shown = [f"{name} sha256 {digest[:12]}" for name, digest in hashes.items()]
    return f"weights {' '.join(shown)}" if shown else ""
