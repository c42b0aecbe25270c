"""`repro sagemaker fetch JOB -o DIR`"""

from __future__ import annotations

from pathlib import Path

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.options import json_option, verbosity
from repro.cli.sagemaker.options import region_option


@click.command(options_metavar="-o DIR [OPTIONS]")
@click.argument("job")
@click.option("-o", "--output-dir", required=True, type=click.Path(path_type=Path), help="Folder for what it has left.")
@region_option
@json_option
@verbosity
@click.pass_obj
def command(console: Console, job: str, output_dir: Path, region: str | None, as_json: bool) -> None:
    """Fetch what a job has left: its predictions, what made them, and what the model keeps.

    DIR gets the same as from repro train, when all is complete. A job that failed is an error, with its reason.
    """
    from repro.engines.sagemaker.account import Account
    from repro.engines.sagemaker.fetching import fetch_job

    fetched = fetch_job(job, output_dir, Account.open(region), console.detail)
    if as_json:
        print_json(
            {
                "name": fetched.name,
                "predictions": str(fetched.predictions),
                "manifest": str(fetched.manifest),
                "rows": fetched.rows,
                "kept": list(fetched.kept),
            }
        )
        return
    console.note(f"{fetched.predictions}: {counted(fetched.rows, 'prediction')}")
    console.detail(f"what made it is written in {fetched.manifest}")
