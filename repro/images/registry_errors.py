"""What goes wrong between here and a registry, told so that one knows what to do: by the registry's own answer, or by
what an engine says of it (engines tell such errors as text alone).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import Evidence, RegistryError
from repro.images.credentials import find_credentials, login_command
from repro.images.repository import Repository

if TYPE_CHECKING:
    from requests import Response

CERTIFICATES = Path("/etc/docker/certs.d")
"""Where engines look for certificates of registries: `HOST/ca.crt`."""

_LOGIN = re.compile(
    r"no basic auth credentials|unauthorized|authentication required|incorrect username or password", re.I
)
_DENIED = re.compile(r"denied|forbidden|insufficient_scope|name unknown|NAME_UNKNOWN|403", re.I)
_NOT_THERE = re.compile(r"manifest unknown|manifest for .* not found|not found: manifest|repository .* not found", re.I)
_OTHER_CONTENT = re.compile(r"verification failed|digest (?:mismatch|did not match)|unexpected commit digest", re.I)
_FULL = re.compile(r"no space left", re.I)


def words_of(response: Response) -> str:
    """What a registry itself says of an error; empty where it says nothing."""
    try:
        errors = response.json()["errors"]
        return "; ".join(str(error.get("message") or error["code"]) for error in errors)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def login_wanted(host: str, had_credentials: bool) -> RegistryError:
    """The error of a registry that wants a login, or does not take the one there is."""
    what = "does not take the login that docker has for it" if had_credentials else "wants a login"
    return RegistryError(f"{host} {what}", fix=login_command(host))


def denied(repository: str, told: str) -> RegistryError:
    """The error of a registry that knows who one is, and still refuses."""
    return RegistryError(
        f"you may not do that in {repository}",
        cause=told or "it does not exist, or is somebody else's",
        fix=f"check the namespace; make it in the registry first where it has to be; "
        f"{login_command(repository.partition('/')[0])} as one who may",
    )


def unreachable(host: str, told: str) -> RegistryError:
    """The error of a registry that does not answer, with what was told of it."""
    low = told.lower()
    if "gave http response" in low or "wrong version number" in low:
        cause = "it speaks plain HTTP, and this is taken from loopback alone"
        fix = f'let the registry have a certificate, or list {host} under "insecure-registries" of the engine'
    elif "x509" in low or "certificate" in low or "ssl" in low or "tls" in low:
        cause = "its certificate is not to be trusted, or is for another name"
        fix = f"check the host's name; for an authority of your own put its certificate at {CERTIFICATES}/{host}/ca.crt"
    elif "refused" in low:
        cause, fix = "nothing listens there", "start it, or check the host and the port"
    elif "no such host" in low or "name or service not known" in low or "resolve" in low:
        cause, fix = "there is no host of that name", "check the name, and the network"
    else:
        cause, fix = told.strip().splitlines()[-1][:300] if told.strip() else "", "check the network, and try again"
    return RegistryError(f"the registry {host} cannot be reached", cause=cause, fix=fix)


def other_content(message: str, image: str, digest: str, *, cause: str, fix: str) -> RegistryError:
    """The error of a registry that has something else than it should. It alone tells a digest as evidence."""
    return RegistryError(message, cause=cause, fix=fix, evidence=Evidence(image=image, digest=digest))


def is_other_content(error: RegistryError) -> bool:
    """Whether what a registry has is not what it should be, which is no matter of trying again."""
    return error.evidence.digest is not None


def told_by_engine(
    repository: Repository, reference: str, told: str, *, had_credentials: bool, doing: str
) -> RegistryError:
    """The error for what an engine says when it cannot push or pull.

    Args:
        repository: to or from where.
        reference: tag or digest.
        told: the engine's own words.
        had_credentials: whether docker has a login for the registry.
        doing: `push` or `pull`.
    """
    if had_credentials and (login := find_credentials(repository.host)) is not None:
        told = login.hidden_in(told)  # engines repeat what a registry says
    if _OTHER_CONTENT.search(told):
        return other_content(
            f"what {repository} sends is not what its digest says",
            str(repository),
            reference,
            cause=f"it was changed, there or on the way: {told}",
            fix="do not use it; tell who keeps the registry",
        )
    if _NOT_THERE.search(told):
        return RegistryError(f"{repository} has no such image", cause=told, fix="check the version and the digest")
    if _LOGIN.search(told):
        return login_wanted(repository.host, had_credentials)
    if _DENIED.search(told):
        return denied(str(repository), told)
    if _FULL.search(told):
        return RegistryError(f"{doing}: a disk is full", cause=told, fix="make room (`repro clean`), and run it again")
    error = unreachable(repository.host, told)
    fix = f"{error.fix}; then run it again: layers that have come over are skipped"
    return RegistryError(
        f"the {doing} was cut: {error.message}", cause=error.cause, fix=fix, evidence=Evidence(log_tail=(told,))
    )
