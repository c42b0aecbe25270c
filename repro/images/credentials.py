"""Who one is to a registry: what `docker login` has left in docker's own configuration, or in its credential store."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from repro.errors import RegistryError
from repro.images.repository import DOCKER_HUB

HIDDEN = "***"


@dataclass(frozen=True)
class Credentials:
    """A user's name with a password, or a token in its place. Never shown: neither is in `repr`."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The header `Authorization` of HTTP's basic authentication."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    def hidden_in(self, text: str) -> str:
        """`text` without the login, as it is and in base64: a registry may repeat what it was asked with.

        >>> Credentials("ada", "open sesame").hidden_in("ada:open sesame is YWRhOm9wZW4gc2VzYW1l")
        '*** is ***'
        """
        pairs = f"{self.username}:{self.password}", self.basic.removeprefix("Basic ")
        secrets = [*(pairs if self.password else ()), self.password, self.identity_token]
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            for form in (secret, quote(secret, safe=""), quote_plus(secret)):
                text = text.replace(form, HIDDEN)
        return text


def find_credentials(host: str) -> Credentials | None:
    """What docker knows for a registry: its configuration (DOCKER_CONFIG), or the credential store named there.

    Raises:
        RegistryError: the credential store does not answer.
    """
    import docker.auth
    import docker.credentials
    import docker.errors

    try:
        found = docker.auth.load_config().resolve_authconfig(None if host == DOCKER_HUB else host)
    except (docker.errors.DockerException, docker.credentials.StoreError) as error:
        raise RegistryError(
            f"docker's credential store does not tell who you are to {host}: {error}", fix=login_command(host)
        ) from None
    known = {key.lower(): value for key, value in (found or {}).items() if isinstance(value, str)}
    credentials = Credentials(known.get("username", ""), known.get("password", ""), known.get("identitytoken", ""))
    return credentials if credentials != Credentials() else None


def login_command(host: str) -> str:
    """What to type to log in.

    >>> login_command("registry.example.org"), login_command("docker.io")
    ('docker login registry.example.org', 'docker login')
    """
    return "docker login" if host == DOCKER_HUB else f"docker login {host}"
