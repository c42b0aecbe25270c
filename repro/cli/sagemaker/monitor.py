"""`repro sagemaker monitor JOB`"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, print_json
from repro.cli.options import json_option, verbosity
from repro.cli.sagemaker.options import Duration, region_option

if TYPE_CHECKING:
    from repro.engines.sagemaker.account import Account
    from repro.engines.sagemaker.state import JobState


@click.command(options_metavar="[OPTIONS]")
@click.argument("job")
@click.option("--stop", is_flag=True, help="Tell the job to end, and wait until it has.")
@click.option("--interval", type=Duration(), default="30s", show_default=True, help="Between two looks.")
@region_option
@json_option
@verbosity
@click.pass_obj
def command(console: Console, job: str, stop: bool, interval: int, region: str | None, as_json: bool) -> None:
    """Watch a job until it has ended, and say each step that it comes to.

    A job that fails, is stopped or takes too long is an error, with its reason. Ctrl-C ends the watching alone: the job
    goes on.
    """
    from repro.engines.sagemaker.account import Account

    if interval < 1:
        raise click.UsageError("--interval is 1 second at least")
    account = Account.open(region)
    try:
        state = _watched(console, job, stop, interval, account)
    except KeyboardInterrupt:
        again = f"repro sagemaker monitor {job} --region {account.region}"
        console.note(f"the job {job} goes on; watch it again: {again}; end it: {again} --stop")
        raise
    if as_json:
        print_json(_facts(state))
    if not (stop and state.status == "Stopped"):
        state.check_completed()
    if state.status == "Completed":
        console.note(f"fetch its output: repro sagemaker fetch {job} -o DIR --region {account.region}")


def _watched(console: Console, job: str, stop: bool, interval: int, account: Account) -> JobState:
    from repro.engines.sagemaker import monitoring

    if stop:
        monitoring.stop(job, account, console.note)
    pace = monitoring.Pace(interval_s=interval, longest_s=max(interval, monitoring.Pace.longest_s))
    return monitoring.watch(job, account, console.note, time.sleep, pace)


def _facts(state: JobState) -> dict[str, object]:
    from repro.errors import redact

    return {
        "name": state.name,
        "status": state.status,
        "secondary_status": state.secondary_status,
        "reason": redact(state.reason) or None,
        "instance_type": state.instance_type,
        "artifacts": state.artifacts or None,
        "training_seconds": state.training_s,
        "billable_seconds": state.billable_s,
    }
