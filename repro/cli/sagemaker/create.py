"""`repro sagemaker create MODEL DATASET`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from repro.cli.console import Console, print_json
from repro.cli.model_options import make_model
from repro.cli.options import json_option, model_argument, variant_option, verbosity
from repro.cli.sagemaker.options import Duration, region_option
from repro.cli.train import parse_hyper_params
from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.engines.sagemaker.planning import JobPlan, JobRequest

_S3 = "s3://BUCKET/PREFIX"


@click.command(options_metavar="--image URI --role ROLE --s3 s3://BUCKET/PREFIX [OPTIONS]")
@model_argument
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--image", required=True, metavar="URI", help="The model's image in ECR, as repro publish prints it.")
@click.option("--role", required=True, help="ARN or name of the role that the job has.")
@click.option("--s3", "place", required=True, metavar=_S3, help="Where each job gets a folder of its own.")
@region_option
@click.option("--output-s3", metavar=_S3, help="Where the output goes. [default: as --s3]")
@click.option(
    "--instance-type",
    default="ml.m5.xlarge",
    show_default=True,
    metavar="TYPE",
    help="What it runs on. One of the families g and p has a GPU, which the model is told to use.",
)
@click.option(
    "--volume", type=click.IntRange(min=1), default=30, show_default=True, metavar="GB", help="Size of the disk."
)
@click.option(
    "--max-runtime", type=Duration(), default="24h", show_default=True, help="Longer, and the job is stopped."
)
@click.option("--spot", is_flag=True, help="On instances that are cheaper and may be taken away: it begins again then.")
@click.option(
    "--max-wait", type=Duration(), help="With --spot: for waiting and running. [default: twice --max-runtime]"
)
@click.option(
    "--checkpoints", metavar=_S3, help="What lies in /opt/ml/checkpoints is kept there. [with --spot: under --s3]"
)
@click.option("--card", type=click.Path(path_type=Path), help="Model card, .md or .toml. [default: the model's own]")
@click.option("--target", metavar="COLUMN", help="What to predict; needed where the data set has several.")
@click.option("--split", metavar="NAME", help="As for repro train.")
@click.option("--fold", type=click.IntRange(min=0), metavar="N", help="Predict this fold alone. [default: all in turn]")
@click.option("-p", "--hyper-param", "hyper_params", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option(
    "--reference", type=click.Path(path_type=Path), help="ProteinGym's DMS_substitutions.csv, for a CSV file."
)
@variant_option()
@click.option(
    "--weights", metavar="PATH|s3://...", help="Weights, here or in S3. [default: the fetched ones are uploaded]"
)
@click.option("--baked-weights", is_flag=True, help="The image has the weights in it (repro setup --bake).")
@click.option("--name", metavar="NAME", help="Name of the job. [default: one that no other has]")
@click.option(
    "--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A tag, beside those of repro; may be repeated."
)
@click.option("-n", "--dry-run", is_flag=True, help="Check everything, and print what SageMaker would be asked for.")
@json_option
@verbosity
@click.pass_obj
def command(console: Console, /, region: str | None, dry_run: bool, as_json: bool, **words: Any) -> None:
    """Create a job that trains MODEL on DATASET, and print its name.

    All is checked first: the data set, the card, the hyper-parameters, as repro train does; then bucket, role, image
    and name in the account. What the job needs is uploaded then, and the job created, with no network inside.
    """
    from repro.engines.sagemaker.account import Account
    from repro.engines.sagemaker.creating import create_job, prepare_job

    request = _request(**words)
    account = Account.open(region)
    plan = prepare_job(request, account, console.note)
    if dry_run:
        _show_plan(plan)
        return
    job = create_job(plan, account, console.detail)
    if as_json:
        print_json({"name": job.name, "arn": job.arn, "region": account.region, **_places(plan)})
    else:
        click.echo(job.name)
    console.note(f"watch it: repro sagemaker monitor {job.name} --region {account.region}")


def _request(
    model: str,
    dataset: Path,
    weights: str | None,
    baked_weights: bool,
    variant: str | None,
    spot: bool,
    **words: Any,
) -> JobRequest:
    from repro.engines.sagemaker.planning import JobRequest, Resources
    from repro.model import Model
    from repro.training import TrainingRequest

    if weights and baked_weights:
        raise click.UsageError("--weights and --baked-weights exclude each other")
    lies_in_s3 = weights is not None and weights.startswith("s3://")
    # No engine here is asked: the job's image is elsewhere.
    keywords = {"runtime": "local", "variant": variant, "weights": None if lies_in_s3 else weights}
    training = TrainingRequest(
        dataset,
        Path(),
        words["card"],
        words["target"],
        words["split"],
        words["fold"],
        parse_hyper_params(words["hyper_params"]),
        words["reference"],
    )
    return JobRequest(
        model=make_model(Model.by_name(model), keywords, {}),
        training=training,
        image=words["image"],
        role=words["role"],
        place=words["place"],
        resources=Resources(words["instance_type"], words["volume"], words["max_runtime"], spot, words["max_wait"]),
        output=words["output_s3"],
        checkpoints=words["checkpoints"],
        weights=weights if lies_in_s3 else None,
        has_baked_weights=baked_weights,
        name=words["name"],
        tags=_parse_tags(words["tags"]),
    )


def _parse_tags(words: tuple[str, ...]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise SettingsError(f"{word!r} is no tag", fix="write it as NAME=VALUE")
        tags[name] = value
    return tags


def _places(plan: JobPlan) -> dict[str, Any]:
    return {
        "channels": {name: place.address for name, place in plan.channels.items()},
        "output": plan.output.below(plan.name, "output/model.tar.gz").address,
        "checkpoints": plan.checkpoints.address if plan.checkpoints else None,
    }


def _show_plan(plan: JobPlan) -> None:
    from repro.engines.sagemaker.planning import request_body
    from repro.provenance.privacy import without_secrets

    print_json(without_secrets(request_body(plan)))
