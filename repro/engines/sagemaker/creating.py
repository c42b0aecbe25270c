"""Create a job: all is checked, then uploaded, then asked for; what was uploaded in vain is removed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from repro.data.output import temporary_folder
from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.aws_errors import aws_errors
from repro.engines.sagemaker.checking import Say, checked_plan
from repro.engines.sagemaker.places import Place
from repro.engines.sagemaker.planning import JobPlan, JobRequest, check_readable, plan_job, request_body
from repro.errors import ReproError


@dataclass(frozen=True)
class CreatedJob:
    """A job that SageMaker has taken."""

    name: str
    arn: str
    plan: JobPlan


def prepare_job(request: JobRequest, account: Account, say: Say) -> JobPlan:
    """Check a request in full, on this machine and in the account. Raises what `plan_job`, `checked_plan` raise."""
    plan = plan_job(request, account)
    check_readable(plan)
    return checked_plan(plan, account, say)


def create_job(plan: JobPlan, account: Account, say: Say) -> CreatedJob:
    """Upload what a checked plan needs, and create its job.

    Raises:
        SettingsError, RuntimeUnavailableError: AWS refuses it. What was uploaded is removed.
    """
    uploads = _Uploads(account, say)
    try:
        _upload_all(plan, uploads)
        with aws_errors(f"create the job {plan.name}"):
            answer = account.sagemaker.create_training_job(**request_body(plan))
    except BaseException:
        uploads.remove()
        raise
    return CreatedJob(plan.name, answer["TrainingJobArn"], plan)


def _upload_all(plan: JobPlan, uploads: _Uploads) -> None:
    with _archive(plan) as archive:
        uploads.put(archive, plan.dataset_place)
    for upload in plan.uploads:
        uploads.put(upload.source, upload.target)
    uploads.put_bytes(plan.record.to_json(), plan.record_place)


@contextmanager
def _archive(plan: JobPlan) -> Iterator[Path]:
    """The data set as a file that a container can read."""
    if plan.task.archive is not None:
        yield plan.task.archive
        return
    with temporary_folder(None) as folder:
        path = folder / "dataset.zip"
        plan.task.dataset.save(path)
        yield path


@dataclass
class _Uploads:
    """What was put into S3."""

    account: Account
    say: Say
    done: list[Place] = field(default_factory=list)

    def put(self, source: Path, target: Place) -> None:
        self.say(f"uploading {target.address}")
        with source.open("rb") as file:
            self._put(file, target)

    def put_bytes(self, content: bytes, target: Place) -> None:
        self._put(io.BytesIO(content), target)

    def _put(self, file: BinaryIO, target: Place) -> None:
        self.done.append(target)
        with aws_errors(f"upload {target.address}"):
            self.account.s3.upload_fileobj(file, target.bucket, target.key)

    def remove(self) -> None:
        """Remove all of it, as far as the credentials may: what went wrong first is what is told."""
        for place in self.done:
            with suppress(ReproError), aws_errors(f"remove {place.address}"):
                self.account.s3.delete_object(Bucket=place.bucket, Key=place.key)
