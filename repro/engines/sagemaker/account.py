"""An account of AWS in one region: the clients of its services."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from repro.engines.sagemaker.aws_errors import aws_errors
from repro.errors import SettingsError

_ATTEMPTS = 5


@dataclass(frozen=True)
class Account:
    """A session of boto3, which finds the credentials by its own chain, and the region that is meant."""

    session: Any
    region: str

    @classmethod
    def open(cls, region: str | None = None) -> Account:
        """Raises SettingsError: boto3 is not installed, no region is named, or a setting of AWS is wrong."""
        try:
            import boto3  # type: ignore[import-untyped]
        except ImportError:
            raise SettingsError(
                "jobs of SageMaker need the package boto3, which is not installed",
                fix='pip install "repro-models[sagemaker]"',
            ) from None
        # Its log holds requests with their signatures.
        logging.getLogger("botocore").setLevel(logging.WARNING)
        with aws_errors("open the account"):
            session = boto3.session.Session(region_name=region)
        if not session.region_name:
            fix = "name one: --region eu-west-1, AWS_DEFAULT_REGION, or aws configure"
            raise SettingsError("no region of AWS is named", fix=fix)
        return cls(session, session.region_name)

    @cached_property
    def sagemaker(self) -> Any:
        return self._client("sagemaker")

    @cached_property
    def s3(self) -> Any:
        return self._client("s3")

    @cached_property
    def ecr(self) -> Any:
        return self._client("ecr")

    @cached_property
    def iam(self) -> Any:
        return self._client("iam")

    def check_credentials(self) -> None:
        """Ask whose they are, before anything else is asked. Raises SettingsError, RuntimeUnavailableError."""
        with aws_errors("open the account"):
            self._client("sts").get_caller_identity()

    def _client(self, service: str) -> Any:
        from botocore.config import Config  # type: ignore[import-untyped]

        config = Config(retries={"mode": "standard", "max_attempts": _ATTEMPTS})
        with aws_errors(f"talk to {service}"):
            return self.session.client(service, region_name=self.region, config=config)
