"""An account of AWS on this machine: moto's server on loopback, with a bucket, a role and an image in it."""

from __future__ import annotations

import io
import json
import os
import tarfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.sagemaker.models import sagemaker_backends
from moto.server import ThreadedMotoServer

REGION = "eu-west-1"
SECRET = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
REGISTRY = f"{DEFAULT_ACCOUNT_ID}.dkr.ecr.{REGION}.amazonaws.com"
IMAGE = f"{REGISTRY}/lab/trainee:1.0"
ROLE = f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/Trainer"
_NO_RETRY_MODE = "1"


@dataclass(frozen=True)
class Aws:
    """What is in the account."""

    url: str

    def client(self, service: str) -> Any:
        return _client(self.url, service)

    def objects(self, bucket: str = "lab") -> list[str]:
        return sorted(one["Key"] for one in self.client("s3").list_objects_v2(Bucket=bucket).get("Contents", []))

    def read(self, key: str) -> bytes:
        return bytes(self.client("s3").get_object(Bucket="lab", Key=key)["Body"].read())

    def put(self, key: str, content: bytes) -> None:
        self.client("s3").put_object(Bucket="lab", Key=key, Body=content)

    def describe(self, job: str) -> dict[str, Any]:
        return dict(self.client("sagemaker").describe_training_job(TrainingJobName=job))

    def job(self, name: str) -> Any:
        """The server's own object: what moto, whose jobs are all done at once, has of it."""
        return sagemaker_backends[DEFAULT_ACCOUNT_ID][REGION].training_jobs[name]

    def set_job(self, name: str, status: str, secondary: str, reason: str | None = None) -> None:
        job = self.job(name)
        job.training_job_status, job.secondary_status, job.failure_reason = status, secondary, reason


@cache
def _client(url: str, service: str) -> Any:
    """Kept: to make one, boto3 reads a description of many megabytes."""
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", SECRET, region_name=REGION)
    return session.client(service, endpoint_url=url)


def packed(files: dict[str, bytes]) -> bytes:
    """A model.tar.gz as SageMaker makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def aws_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(aws_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The account, new; nothing of the person who runs the tests is used."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", _NO_RETRY_MODE)
    urllib.request.urlopen(urllib.request.Request(f"{aws_server}/moto-api/reset", method="POST")).close()
    there = Aws(aws_server)
    there.client("s3").create_bucket(Bucket="lab", CreateBucketConfiguration={"LocationConstraint": REGION})
    there.client("iam").create_role(RoleName="Trainer", AssumeRolePolicyDocument=_trust("sagemaker.amazonaws.com"))
    there.client("iam").create_role(RoleName="Function", AssumeRolePolicyDocument=_trust("lambda.amazonaws.com"))
    ecr = there.client("ecr")
    ecr.create_repository(repositoryName="lab/trainee")
    ecr.put_image(repositoryName="lab/trainee", imageManifest=json.dumps(_MANIFEST), imageTag="1.0")
    return there


def _trust(service: str) -> str:
    allow = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow]})


_MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {
        "mediaType": "application/vnd.docker.container.image.v1+json",
        "size": 1,
        "digest": f"sha256:{'0' * 64}",
    },
    "layers": [],
}
