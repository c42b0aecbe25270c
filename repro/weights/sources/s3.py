"""`s3://bucket/key`: an object in a bucket, of Amazon or of any server that speaks the same (AWS_ENDPOINT_URL)."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from repro.errors import WeightsError
from repro.weight_address import BucketAddress
from repro.weights.download import download
from repro.weights.errand import Errand
from repro.weights.request import Request
from repro.weights.sources.base import missing_extra

_VALID_S = 3600
_REFUSED = (
    "check bucket and key, the credentials (AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) and the "
    "region (AWS_DEFAULT_REGION); a public bucket takes `unsigned: true` in config.yaml"
)


@dataclass(frozen=True)
class BucketSource:
    """An object in a bucket. boto3 finds the credentials and signs an address, which is fetched like any other."""

    place: BucketAddress
    unsigned: bool = False
    needs_network = True
    is_folder = False

    @property
    def address(self) -> str:
        return f"s3://{self.place.bucket}/{self.place.key}"

    def bring(self, errand: Errand) -> None:
        client = self._client()
        download(errand, lambda: self._request(client), self.address)

    def _client(self) -> Any:
        try:
            import boto3  # type: ignore[import-untyped]
        except ImportError:
            raise missing_extra("boto3", self.address) from None
        from botocore import UNSIGNED  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

        # Its log holds requests with their signatures.
        logging.getLogger("botocore").setLevel(logging.WARNING)
        config = Config(signature_version=UNSIGNED if self.unsigned else "s3v4")
        try:
            # A session of its own: boto3's shared one is not for several threads, and keeps old credentials.
            return boto3.session.Session().client("s3", config=config)
        except (BotoCoreError, ValueError) as error:
            raise self._no_signature(error) from None

    def _request(self, client: Any) -> Request:
        from botocore.exceptions import BotoCoreError

        place = {"Bucket": self.place.bucket, "Key": self.place.key}
        try:
            url = client.generate_presigned_url("get_object", Params=place, ExpiresIn=_VALID_S)
        except (BotoCoreError, ValueError) as error:
            raise self._no_signature(error) from None
        return Request(url, advice=_REFUSED)

    def _no_signature(self, error: Exception) -> WeightsError:
        return WeightsError(f"cannot sign a request for {self.address}: {error}", fix=_REFUSED)
