"""What only AWS can tell of a plan: whether bucket, role and image are there, and the name is free."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.aws_errors import aws_errors, code_of, is_denied
from repro.engines.sagemaker.places import is_arn, role_name
from repro.engines.sagemaker.planning import JobPlan
from repro.errors import RuntimeUnavailableError, SettingsError

Say = Callable[[str], None]
_TRUSTED = "sagemaker.amazonaws.com"


def checked_plan(plan: JobPlan, account: Account, say: Say) -> JobPlan:
    """The plan, with the role's ARN; `say` is told what could not be checked.

    Raises:
        SettingsError: there is no such bucket, role, image or instance type, or there is a job of that name.
        RuntimeUnavailableError: the credentials may not look, or AWS cannot be reached.
    """
    account.check_credentials()
    _check_instance_type(plan, account)
    used = (plan.place, plan.output, plan.checkpoints, plan.weights)
    for bucket in sorted({place.bucket for place in used if place is not None}):
        _check_bucket(bucket, account)
    _check_weights(plan, account)
    _check_image(plan, account, say)
    _check_name_is_free(plan.name, account)
    return replace(plan, role=_role_arn(plan.role, account, say))


def _check_instance_type(plan: JobPlan, account: Account) -> None:
    wanted = plan.resources.instance_type
    known: Any = account.sagemaker.meta.service_model.shape_for("TrainingInstanceType").enum
    if wanted not in known:
        import difflib

        near = ", ".join(difflib.get_close_matches(wanted, known, n=3)) or "ml.m5.xlarge, ml.g5.xlarge"
        raise SettingsError(
            f"boto3 knows no instance type {wanted} for training",
            fix=f"take another, such as {near}; or pip install -U boto3, where it is a new one",
        )


def _check_bucket(bucket: str, account: Account) -> None:
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    with aws_errors(f"look at the bucket {bucket}"):
        try:
            found = account.s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if code_of(error) not in ("404", "NoSuchBucket"):
                raise
            raise SettingsError(
                f"there is no bucket {bucket}", fix=f"aws s3 mb s3://{bucket} --region {account.region}"
            ) from None
    headers = found.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    region = found.get("BucketRegion") or headers.get("x-amz-bucket-region") or account.region
    if region != account.region:
        raise SettingsError(
            f"the bucket {bucket} is in {region}, the job would be in {account.region}",
            fix="take a bucket of that region, or --region",
        )


def _check_weights(plan: JobPlan, account: Account) -> None:
    if plan.weights is None:
        return
    with aws_errors(f"look at {plan.weights.address}"):
        prefix = f"{plan.weights.key}/" if plan.weights.key else ""
        found = account.s3.list_objects_v2(Bucket=plan.weights.bucket, Prefix=prefix, MaxKeys=1)
    if not found.get("KeyCount"):
        raise SettingsError(f"there are no weights under {plan.weights.address}/", fix="aws s3 ls that place")


def _check_image(plan: JobPlan, account: Account, say: Say) -> None:
    from botocore.exceptions import ClientError

    image = plan.image
    with aws_errors(f"look for the image {image.uri}"):
        try:
            account.ecr.describe_images(
                registryId=image.account, repositoryName=image.repository, imageIds=[image.identifier]
            )
        except ClientError as error:
            if is_denied(error):
                say("the credentials may not look into ECR: whether the image is there is not checked")
                return
            if code_of(error) not in ("RepositoryNotFoundException", "ImageNotFoundException"):
                raise
            registry = image.uri.partition("/")[0]
            raise SettingsError(
                f"there is no image {image.uri}",
                fix=f"repro publish {plan.task.model.folder_name()} --registry {registry}/NAMESPACE",
            ) from None


def _check_name_is_free(name: str, account: Account) -> None:
    from botocore.exceptions import ClientError

    with aws_errors(f"look for a job called {name}"):
        try:
            account.sagemaker.describe_training_job(TrainingJobName=name)
        except ClientError as error:
            if code_of(error) not in ("ValidationException", "ResourceNotFound"):
                raise
            return
    raise SettingsError(f"there is a job called {name}", fix="give another --name, or none")


def _role_arn(role: str, account: Account, say: Say) -> str:
    from botocore.exceptions import ClientError

    with aws_errors(f"look for the role {role}"):
        try:
            found = account.iam.get_role(RoleName=role_name(role))["Role"]
        except ClientError as error:
            if is_denied(error) and is_arn(role):
                say("the credentials may not look at roles: whether the role is there is not checked")
                return role
            if is_denied(error):
                raise RuntimeUnavailableError(
                    "the credentials may not look at roles", fix="give the whole ARN: --role arn:aws:iam::..."
                ) from None
            if code_of(error) != "NoSuchEntity":
                raise
            raise SettingsError(f"there is no role {role}", fix="aws iam list-roles shows which there are") from None
    arn = str(found["Arn"])
    if is_arn(role) and role != arn:
        raise SettingsError(f"there is no role {role}", fix=f"one of that name is {arn}")
    _check_trust(arn, found.get("AssumeRolePolicyDocument"))
    return arn


def _check_trust(role: str, policy: Any) -> None:
    """See that SageMaker may take the role."""
    text = json.dumps(policy) if not isinstance(policy, str) else unquote(policy)
    if _TRUSTED not in text:
        raise SettingsError(
            f"SageMaker may not take the role {role}: its trust policy does not name {_TRUSTED}",
            fix=f"allow sts:AssumeRole to the service {_TRUSTED} in the role's trust policy",
        )
