"""How a job is doing, as SageMaker tells it, and what it means that one has ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.aws_errors import aws_errors, code_of
from repro.engines.sagemaker.places import Place, check_job_name
from repro.errors import Evidence, SettingsError, TrainingError, redact

COMPLETED, FAILED, STOPPED = "Completed", "Failed", "Stopped"
_ENDED = (COMPLETED, FAILED, STOPPED, "Deleting")
_LATE = {
    "MaxRuntimeExceeded": ("ran longer than it might", "MaxRuntimeInSeconds", "--max-runtime"),
    "MaxWaitTimeExceeded": ("waited longer than it might", "MaxWaitTimeInSeconds", "--max-wait"),
}


@dataclass(frozen=True)
class Transition:
    """A step that a job has come to."""

    status: str
    message: str
    at: datetime


@dataclass(frozen=True)
class JobState:
    """A job, as it is now."""

    name: str
    status: str
    """InProgress, Completed, Failed, Stopping, Stopped, Deleting."""
    secondary_status: str
    reason: str
    """Why it failed: the beginning of what the container has left in /opt/ml/output/failure, or what SageMaker says."""
    transitions: tuple[Transition, ...]
    image: str
    instance_type: str
    artifacts: str
    """Where model.tar.gz lies; empty as long as there is none."""
    output: str
    limits_s: Mapping[str, int]
    created: datetime | None
    ended: datetime | None
    training_s: int
    billable_s: int

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> JobState:
        """From an answer of DescribeTrainingJob."""
        return cls(
            name=answer["TrainingJobName"],
            status=answer["TrainingJobStatus"],
            secondary_status=answer.get("SecondaryStatus", ""),
            reason=answer.get("FailureReason", ""),
            transitions=tuple(
                Transition(one["Status"], one.get("StatusMessage", ""), one["StartTime"])
                for one in answer.get("SecondaryStatusTransitions", [])
            ),
            image=answer.get("AlgorithmSpecification", {}).get("TrainingImage", ""),
            instance_type=answer.get("ResourceConfig", {}).get("InstanceType", ""),
            artifacts=answer.get("ModelArtifacts", {}).get("S3ModelArtifacts", ""),
            output=answer.get("OutputDataConfig", {}).get("S3OutputPath", ""),
            limits_s=answer.get("StoppingCondition", {}),
            created=answer.get("CreationTime"),
            ended=answer.get("TrainingEndTime"),
            training_s=answer.get("TrainingTimeInSeconds", 0),
            billable_s=answer.get("BillableTimeInSeconds", 0),
        )

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED

    @property
    def output_place(self) -> Place:
        """Where the folder of the job's output lies."""
        return Place.parse(self.output)

    def check_completed(self) -> None:
        """Raise TrainingError, with the reason, where the job ended in any other way."""
        if self.status != COMPLETED:
            raise self._failure()

    def _failure(self) -> TrainingError:
        first, *rest = self.reason.strip().splitlines() or [""]
        seen = Evidence(runtime="sagemaker", image=self.image or None, log_tail=tuple(line for line in rest if line))
        log = f"its log: aws logs tail /aws/sagemaker/TrainingJobs --since 28d --log-stream-name-prefix {self.name}/"
        if self.secondary_status in _LATE:
            how, limit, option = _LATE[self.secondary_status]
            said = f"the job {self.name} {how}{_shown_limit(self.limits_s.get(limit))}, and was stopped"
            fix = f"create it again with a larger {option}; {log}"
            return TrainingError(said, cause=first, fix=fix, evidence=seen)
        if self.status == STOPPED:
            return TrainingError(f"the job {self.name} was stopped", cause=first, fix=log, evidence=seen)
        reason = first or "SageMaker gives no reason"
        return TrainingError(f"the job {self.name} ended as {self.status}: {reason}", fix=log, evidence=seen)


def _shown_limit(seconds: int | None) -> str:
    return "" if seconds is None else f" ({seconds:,} s)"


def shown(text: str) -> str:
    """What AWS or a container says, in one line without secrets."""
    return redact(" ".join(text.split()))


def read_state(name: str, account: Account) -> JobState:
    """Ask for a job.

    Raises:
        SettingsError: there is none of that name, or the credentials are not taken.
        RuntimeUnavailableError: the credentials may not ask, or AWS does not answer (AwsUnavailableError).
    """
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    check_job_name(name)
    with aws_errors(f"read the job {name}"):
        try:
            answer = account.sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if code_of(error) not in ("ValidationException", "ResourceNotFound"):
                raise
            raise SettingsError(
                f"there is no job called {name} in {account.region}",
                fix="aws sagemaker list-training-jobs shows which there are; another region: --region",
            ) from None
    return JobState.of(answer)
