"""Watching a job: its steps once each, patience while AWS does not answer, stopping. No test sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.stub import Stubber

from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.monitoring import Pace, stop, watch
from repro.errors import AwsUnavailableError, RuntimeUnavailableError, SettingsError

AT = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
ASKED = {"TrainingJobName": "first"}


@pytest.fixture
def account() -> Account:
    """Of which only SageMaker is asked."""
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", "not-a-secret", region_name="eu-west-1")
    account = Account(session, "eu-west-1")
    account.__dict__["sagemaker"] = session.client("sagemaker", config=Config(retries={"max_attempts": 0}))
    return account


@pytest.fixture
def answers(account: Account) -> Iterator[Stubber]:
    with Stubber(account.sagemaker) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def _answer(status: str, *steps: str) -> dict[str, Any]:
    return {
        "TrainingJobName": "first",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/first",
        "ModelArtifacts": {"S3ModelArtifacts": "s3://lab/jobs/first/output/model.tar.gz"},
        "TrainingJobStatus": status,
        "SecondaryStatus": steps[-1],
        "AlgorithmSpecification": {"TrainingInputMode": "File"},
        "ResourceConfig": {"VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "CreationTime": AT,
        "SecondaryStatusTransitions": [
            {"Status": step, "StartTime": AT, "StatusMessage": f"{step} it"} for step in steps
        ],
    }


def _told(answers: Stubber, *given: dict[str, Any] | str) -> None:
    for one in given:
        if isinstance(one, str):
            status = 500 if one == "InternalFailure" else 400
            answers.add_client_error("describe_training_job", one, "no", http_status_code=status)
        else:
            answers.add_response("describe_training_job", one, ASKED)


def test_each_step_is_told_once_and_the_pause_is_the_interval(account: Account, answers: Stubber) -> None:
    said: list[str] = []
    slept: list[float] = []
    _told(
        answers,
        _answer("InProgress", "Starting"),
        _answer("InProgress", "Starting", "Training"),
        _answer("Completed", "Starting", "Training", "Completed"),
    )

    state = watch("first", account, said.append, slept.append)

    assert state.status == "Completed"
    assert said == [
        "12:00:00  Starting: Starting it",
        "first: InProgress (Starting)",
        "12:00:00  Training: Training it",
        "12:00:00  Completed: Completed it",
        "first: Completed",
    ]
    assert slept == [30, 30]


def test_throttling_and_faults_of_aws_are_waited_out_longer_each_time(account: Account, answers: Stubber) -> None:
    slept: list[float] = []
    _told(answers, "ThrottlingException", "InternalFailure", "ThrottlingException", _answer("Completed", "Completed"))

    assert watch("first", account, lambda _: None, slept.append, Pace(10, 25)).status == "Completed"
    assert slept == [10, 20, 25]


def test_patience_ends(account: Account, answers: Stubber) -> None:
    slept: list[float] = []
    _told(answers, *["ThrottlingException"] * 3)

    with pytest.raises(AwsUnavailableError, match="too much to do"):
        watch("first", account, lambda _: None, slept.append, Pace(attempts=3))
    assert slept == [30, 60]


def test_missing_permission_is_told_at_once(account: Account, answers: Stubber) -> None:
    _told(answers, "AccessDeniedException")

    with pytest.raises(RuntimeUnavailableError, match="the credentials may not do it") as told:
        watch("first", account, lambda _: None, lambda _: None)
    assert "DescribeTrainingJob" in told.value.fix


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException", "SignatureDoesNotMatch"])
def test_credentials_that_are_not_taken_are_told(account: Account, answers: Stubber, code: str) -> None:
    _told(answers, code)

    with pytest.raises(SettingsError, match="does not take the credentials"):
        watch("first", account, lambda _: None, lambda _: None)


def test_stop_tells_the_job_to_end_and_watching_sees_it(account: Account, answers: Stubber) -> None:
    _told(answers, _answer("InProgress", "Training"))
    answers.add_response("stop_training_job", {}, ASKED)
    _told(answers, _answer("Stopping", "Stopping"), _answer("Stopped", "Stopped"))

    stop("first", account, lambda _: None)
    assert watch("first", account, lambda _: None, lambda _: None).status == "Stopped"


def test_job_that_ends_just_before_it_is_stopped_is_no_error(account: Account, answers: Stubber) -> None:
    _told(answers, _answer("InProgress", "Training"))
    answers.add_client_error("stop_training_job", "ValidationException", "it is not in progress")
    _told(answers, _answer("Completed", "Completed"))

    assert stop("first", account, lambda _: None).status == "Completed"
