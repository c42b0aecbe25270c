"""What AWS, or the way to it, refuses: told as errors of this side's tree, without what was signed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from repro.errors import AwsUnavailableError, ReproError, RuntimeUnavailableError, SettingsError

CREDENTIALS = "aws configure, or aws sso login; or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_NO_REGION = "name one: --region eu-west-1, AWS_DEFAULT_REGION, or aws configure"
_BAD_CREDENTIALS = frozenset(
    [
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "InvalidToken",
        "AuthFailure",
        "MissingAuthenticationToken",
    ]
)
_DENIED = frozenset(["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"])
_NO_SUCH_BUCKET = frozenset(["NoSuchBucket"])
_LIMIT = frozenset(["ResourceLimitExceeded", "ServiceQuotaExceededException"])
_TRANSIENT = frozenset(
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestLimitExceeded",
        "TooManyRequestsException",
        "SlowDown",
        "RequestTimeout",
        "RequestTimeoutException",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
    ]
)
_SERVER_ERRORS_FROM = 500


def code_of(error: Any) -> str:
    """What AWS calls a ClientError."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_denied(error: Any) -> bool:
    """Whether a ClientError says that these credentials may not ask."""
    return code_of(error) in _DENIED


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Tell what goes wrong in the block.

    Args:
        doing: what is done in it, such as "read the job x".

    Raises:
        SettingsError: there are no credentials or no region, or AWS does not take them or what was asked.
        RuntimeUnavailableError: the credentials may not do it, or a quota is reached.
        AwsUnavailableError: AWS cannot be reached, or has too much to do.
    """
    from botocore import exceptions  # type: ignore[import-untyped]

    try:
        yield
    except exceptions.ClientError as error:
        raise _refused(doing, error) from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError) as error:
        raise SettingsError(f"cannot {doing}: no credentials of AWS", cause=str(error), fix=CREDENTIALS) from None
    except (exceptions.TokenRetrievalError, exceptions.SSOError, exceptions.CredentialRetrievalError) as error:
        raise SettingsError(f"cannot {doing}: {error}", fix=CREDENTIALS) from None
    except exceptions.NoRegionError:
        raise SettingsError(f"cannot {doing}: no region of AWS is named", fix=_NO_REGION) from None
    except exceptions.ProfileNotFound as error:
        raise SettingsError(f"cannot {doing}: {error}", fix=CREDENTIALS) from None
    except exceptions.ParamValidationError as error:
        raise SettingsError(f"cannot {doing}: {error}", fix="correct what it names") from None
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise AwsUnavailableError(
            f"cannot {doing}: AWS does not answer",
            cause=str(error),
            fix="see whether this machine is online; try again",
        ) from None
    except (exceptions.BotoCoreError, ValueError) as error:
        raise SettingsError(f"cannot {doing}: {error}", fix="correct ~/.aws/config and the AWS_ variables") from None


def _refused(doing: str, error: Any) -> ReproError:
    code, said = code_of(error), str(error.response.get("Error", {}).get("Message", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _BAD_CREDENTIALS:  # its message may hold the text that was to be signed
        return SettingsError(f"cannot {doing}: AWS does not take the credentials ({code})", fix=CREDENTIALS)
    if code in _DENIED:
        operation = getattr(error, "operation_name", "this")
        fix = f"ask for the permission of {operation}, or take other credentials (AWS_PROFILE)"
        return RuntimeUnavailableError(f"cannot {doing}: the credentials may not do it ({code})", cause=said, fix=fix)
    if code in _NO_SUCH_BUCKET:
        return SettingsError(f"cannot {doing}: there is no such bucket", fix="see which there are: aws s3 ls")
    if code in _LIMIT:
        fix = "take another --instance-type, or ask for a larger quota: aws service-quotas list-service-quotas"
        return RuntimeUnavailableError(
            f"cannot {doing}: a quota of the account is reached", cause=said, fix=f"{fix} --service-code sagemaker"
        )
    if code in _TRANSIENT or status >= _SERVER_ERRORS_FROM:
        return AwsUnavailableError(
            f"cannot {doing}: AWS has too much to do ({code})", cause=said, fix="try again later"
        )
    return SettingsError(f"cannot {doing}: AWS refuses it ({code})", cause=said, fix="correct what it names")
