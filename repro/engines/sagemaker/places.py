"""Names that AWS gives to things: places in S3, images in ECR, roles, jobs."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from repro.errors import SettingsError

_S3 = re.compile(r"s3://(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<prefix>.*))?")
_ECR = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(-fips)?\.(?P<region>[a-z]{2}[a-z-]*-\d)\.(amazonaws\.com(\.cn)?|on\.(aws|amazonwebservices\.com\.cn))"
    r"/(?P<repository>[a-z0-9]+([._/-]+[a-z0-9]+)*)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/([\w+=,.@/-]*/)?(?P<name>[\w+=,.@-]{1,64})")
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}")
_JOB = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_LONGEST_JOB = 63


@dataclass(frozen=True)
class Place:
    """A bucket and what stands before the keys in it.

    >>> Place.parse("s3://lab/jobs/").below("esm", "input/dataset.zip").address
    's3://lab/jobs/esm/input/dataset.zip'
    """

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Place:
        """Raises SettingsError."""
        found = _S3.fullmatch(text)
        if found is None:
            raise SettingsError(f"{text!r} is no place in S3", fix="write it as s3://BUCKET/PREFIX")
        key = (found["prefix"] or "").strip("/")
        if any(part in ("", ".", "..") for part in key.split("/")) and key:
            raise SettingsError(
                f"{text!r} has an empty part, or one of dots alone", fix="write it as s3://BUCKET/PREFIX"
            )
        return cls(found["bucket"], key)

    @property
    def address(self) -> str:
        return f"s3://{self.bucket}/{self.key}" if self.key else f"s3://{self.bucket}"

    def below(self, *parts: str) -> Place:
        """A place under this one."""
        return Place(self.bucket, "/".join(part for part in (self.key, *parts) if part))


@dataclass(frozen=True)
class EcrImage:
    """An image in ECR, the only registry that SageMaker pulls from.

    >>> image = EcrImage.parse(f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/lab/pls:1.0@sha256:{64 * 'a'}", "pls")
    >>> image.uri.replace("a" * 64, "...")
    '123456789012.dkr.ecr.eu-west-1.amazonaws.com/lab/pls@sha256:...'
    """

    uri: str
    account: str
    region: str
    repository: str
    tag: str
    """Empty where a digest names the image."""
    digest: str

    @classmethod
    def parse(cls, uri: str, model: str) -> EcrImage:
        """Raises SettingsError, which says how to publish the image of `model`."""
        found = _ECR.fullmatch(uri)
        if found is None:
            raise SettingsError(
                f"SageMaker cannot pull {uri!r}: it takes images from ECR alone",
                cause="an image of this machine, or of another registry, has no such name",
                fix=f"repro publish {model} --registry ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAMESPACE",
            )
        digest = found["digest"] or ""
        tag = "" if digest else found["tag"] or "latest"
        if digest:  # SageMaker takes a tag or a digest; `repro publish` prints both
            uri = f"{uri.partition('/')[0]}/{found['repository']}@{digest}"
        return cls(uri, found["account"], found["region"], found["repository"], tag, digest)

    @property
    def identifier(self) -> dict[str, str]:
        """As ECR asks for it."""
        return {"imageDigest": self.digest} if self.digest else {"imageTag": self.tag}


def role_name(role: str) -> str:
    """The name in a role's ARN, or the name itself.

    >>> role_name("arn:aws:iam::123456789012:role/service-role/Trainer"), role_name("Trainer")
    ('Trainer', 'Trainer')

    Raises:
        SettingsError: it is neither.
    """
    found = _ROLE.fullmatch(role)
    if found is not None:
        return found["name"]
    if _ROLE_NAME.fullmatch(role) is None:
        raise SettingsError(f"{role!r} is no role", fix="give its ARN: arn:aws:iam::ACCOUNT:role/NAME, or its name")
    return role


def is_arn(role: str) -> bool:
    return role.startswith("arn:")


def check_job_name(name: str) -> str:
    """`name`, where a job can have it. Raises SettingsError."""
    if _JOB.fullmatch(name) is None:
        raise SettingsError(
            f"no job can be called {name!r}",
            fix="take 63 letters, digits and hyphens at most; a hyphen is not the last",
        )
    return name


def make_job_name(model: str, dataset: str, moment: str) -> str:
    """A name that no other job has.

    Args:
        moment: the time, such as 20260131-175959.

    >>> make_job_name("ESM-2 8M", "A4_HUMAN_Seuma_2022", "20260131-175959")[:-4]
    'repro-ESM-2-8M-A4-HUMAN-Seuma-2022-20260131-175959-'
    """
    ending = f"-{moment}-{secrets.token_hex(2)}"
    about = re.sub(r"[^a-zA-Z0-9]+", "-", f"repro-{model}-{dataset}")
    return about[: _LONGEST_JOB - len(ending)].strip("-") + ending
