"""A registry, spoken to directly: what an engine does not tell of it (which content a version has), or does not do
(attach a document to an image). Pushing and pulling is the engine's work.

The protocol is the OCI distribution specification's, https://github.com/opencontainers/distribution-spec.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

from repro._version import __version__
from repro.errors import RegistryError
from repro.images.credentials import HIDDEN, Credentials, find_credentials
from repro.images.registry_errors import CERTIFICATES, denied, login_wanted, unreachable, words_of
from repro.images.repository import DOCKER_HUB, Repository

if TYPE_CHECKING:
    from docker import DockerClient
    from requests import Response

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    OCI_MANIFEST,
    OCI_INDEX,
)
_TIMEOUT_S = (10, 60)
_HUB_HOST = "registry-1.docker.io"
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_MAX_MANIFEST_BYTES = 4 << 20
_LONGEST_TOLD = 300


@dataclass(frozen=True)
class Manifest:
    """What a tag or a digest stands for in a registry."""

    digest: str
    media_type: str
    size_bytes: int
    document: Mapping[str, Any]

    @property
    def config_digest(self) -> str:
        """The digest of the image's configuration, which engines call the image's ID; empty for an index."""
        config = self.document.get("config")
        return str(config.get("digest", "")) if isinstance(config, dict) else ""


@dataclass(frozen=True)
class Descriptor:
    """A piece of content in a registry, as manifests refer to it."""

    media_type: str
    digest: str
    size_bytes: int

    def as_json(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}


@dataclass(frozen=True)
class PutManifest:
    """A manifest that was put into a registry."""

    descriptor: Descriptor
    knows_subjects: bool
    """Whether the registry has noted by itself which manifest this one is about."""


def digest_of(content: bytes) -> str:
    """The digest by which content is known.

    >>> digest_of(b"")
    'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    """
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class RegistryClient:
    """One repository of a registry.

    Every method raises RegistryError where the registry cannot be reached, wants a login, or refuses; says what to do.

    Args:
        repository: the one.
        is_insecure: whether plain HTTP, or a certificate that nothing vouches for, will do.
    """

    def __init__(self, repository: Repository, *, is_insecure: bool = False) -> None:
        import requests

        self.repository = repository
        self._is_insecure = is_insecure
        self._credentials = find_credentials(repository.host)
        self._http = requests.Session()
        # Of this machine, requests shall know the proxies; what ~/.netrc says is for somebody else.
        self._http.auth = _no_auth
        self._http.headers["User-Agent"] = f"repro/{__version__}"
        self._base = ""
        self._authorization = ""

    @classmethod
    def as_engine(cls, engine: DockerClient, repository: Repository) -> RegistryClient:
        """One that trusts what an engine trusts: registries on loopback, and those that it was told to."""
        told = (engine.info().get("RegistryConfig") or {}).get("IndexConfigs") or {}
        is_secure = (told.get(repository.host) or {}).get("Secure", True)
        return cls(repository, is_insecure=repository.is_loopback or not is_secure)

    def manifest(self, reference: str) -> Manifest | None:
        """What a tag or digest stands for; None where the repository has none of that name."""
        accept = {"Accept": ", ".join(_MANIFESTS)}
        response = self._request("GET", f"manifests/{reference}", headers=accept, stream=True)
        if response.status_code == 404:
            return None
        self._expect(response, 200)
        content = b""
        for part in response.iter_content(_MAX_MANIFEST_BYTES):
            content += part
            if len(content) > _MAX_MANIFEST_BYTES:
                raise self._odd(f"a manifest of more than {_MAX_MANIFEST_BYTES} bytes")
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):  # the second: nested too deeply
            raise self._odd("a manifest that is no JSON") from None
        if not isinstance(document, dict):
            raise self._odd("a manifest that is no JSON object")
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        return Manifest(digest_of(content), media_type, len(content), document)

    def put_manifest(self, document: Mapping[str, Any], tag: str | None = None) -> PutManifest:
        """Put a manifest into the repository, under a tag, or under its digest alone."""
        content = json.dumps(document, separators=(",", ":")).encode()
        descriptor = Descriptor(str(document["mediaType"]), digest_of(content), len(content))
        headers = {"Content-Type": descriptor.media_type}
        response = self._request("PUT", f"manifests/{tag or descriptor.digest}", data=content, headers=headers)
        self._expect(response, 201)
        return PutManifest(descriptor, "OCI-Subject" in response.headers)

    def put_blob(self, content: bytes, media_type: str) -> Descriptor:
        """Put content into the repository, unless it is there."""
        digest = digest_of(content)
        descriptor = Descriptor(media_type, digest, len(content))
        there = self._request("HEAD", f"blobs/{digest}")
        if there.status_code == 200:
            return descriptor
        begun = self._request("POST", "blobs/uploads/")
        self._expect(begun, 202)
        told = begun.headers.get("Location", "")
        self._address(told)
        location = urljoin(begun.url, told)
        target = f"{location}{'&' if urlsplit(location).query else '?'}digest={digest}"
        headers = {"Content-Type": "application/octet-stream"}
        self._expect(self._request("PUT", target, data=content, headers=headers), 201)
        return descriptor

    def _request(self, method: str, path: str, **keywords: Any) -> Response:
        """A request about the repository, or to a whole address; with a login where the registry asks for one."""
        url = path if "://" in path else f"{self._reach()}/v2/{self._path}/{path}"
        response = self._send(method, url, **keywords)
        if response.status_code == 401:
            challenge = response.headers.get("WWW-Authenticate", "")
            # To read asks for less than to write, so a token that was given for one may not do for the other.
            actions = "pull" if method in ("GET", "HEAD") else "pull,push"
            self._authorization = self._answer(challenge, actions)
            response = self._send(method, url, **keywords)
        return response

    def _send(self, method: str, url: str, **keywords: Any) -> Response:
        import requests

        headers = dict(keywords.pop("headers", {}))
        if self._authorization and urlsplit(url)[:2] == urlsplit(self._base)[:2]:  # scheme, host and port
            headers["Authorization"] = self._authorization
        try:
            with warnings.catch_warnings():
                if self._is_insecure:  # which was wanted
                    warnings.simplefilter("ignore")
                return self._http.request(
                    method, url, headers=headers, timeout=_TIMEOUT_S, verify=self._verify(), **keywords
                )
        except requests.RequestException as error:
            raise unreachable(self.repository.host, self._hidden(str(error))) from None

    @property
    def _path(self) -> str:
        return self.repository.path

    def _reach(self) -> str:
        """Its address. One that may be insecure is asked by HTTPS first, then by HTTP, as engines do."""
        if self._base:
            return self._base
        host = _HUB_HOST if self.repository.host == DOCKER_HUB else self.repository.host
        self._base = f"https://{host}"
        if self._is_insecure:
            try:
                self._send("GET", f"{self._base}/v2/")
            except RegistryError:
                self._base = f"http://{host}"
        return self._base

    def _verify(self) -> bool | str:
        """What vouches for the registry: the certificates that docker has for it, or else those that Python has."""
        own = CERTIFICATES / self.repository.host / "ca.crt"
        if own.is_file():
            return str(own)
        return not self._is_insecure

    def _answer(self, challenge: str, actions: str) -> str:
        """The header that answers a registry's question who one is."""
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() == "basic" and self._credentials is not None and not self._authorization:
            return self._credentials.basic
        if scheme.lower() == "bearer":
            return f"Bearer {self._token(dict(_CHALLENGE.findall(rest)), actions)}"
        raise login_wanted(self.repository.host, self._credentials is not None)

    def _token(self, challenge: Mapping[str, str], actions: str) -> str:
        """A token for the repository, from the service that the registry names."""
        import requests

        realm = challenge.get("realm", "")
        self._check_realm(realm)
        asked = {"scope": f"repository:{self._path}:{actions}"}
        if "service" in challenge:
            asked["service"] = challenge["service"]
        try:
            response = self._ask_for_token(realm, asked, self._credentials)
        except requests.RequestException as error:
            raise unreachable(urlsplit(realm).netloc, self._hidden(str(error))) from None
        if response.status_code in (400, 401, 403):
            raise login_wanted(self.repository.host, self._credentials is not None)
        self._expect(response, 200)
        try:
            answer = response.json()
            return str(answer.get("token") or answer["access_token"])
        except (ValueError, KeyError, AttributeError, RecursionError):
            raise self._odd(f"no token from {urlsplit(realm).netloc}") from None

    def _ask_for_token(self, realm: str, asked: dict[str, str], credentials: Credentials | None) -> Response:
        if credentials is not None and credentials.identity_token:
            form = {
                **asked,
                "grant_type": "refresh_token",
                "client_id": "repro",
                "refresh_token": credentials.identity_token,
            }
            # Where it redirects to would get the form, which is as good as a password.
            return self._http.post(realm, data=form, timeout=_TIMEOUT_S, verify=self._verify(), allow_redirects=False)
        headers = {"Authorization": credentials.basic} if credentials is not None else {}
        return self._http.get(realm, params=asked, headers=headers, timeout=_TIMEOUT_S, verify=self._verify())

    def _check_realm(self, realm: str) -> None:
        """A password goes nowhere in the clear, except to a registry that itself is spoken to so."""
        address, own = self._address(realm), self._address(self._base)
        is_own = address.scheme == own.scheme == "http" and address.hostname == own.hostname
        if not address.hostname or not (address.scheme == "https" or is_own):
            raise self._odd(f"to log in at {realm!r}, which is no address for a password")

    def _address(self, url: str) -> SplitResult:
        try:
            address = urlsplit(url)
            _ = address.port  # is read, and may be none, only now
        except ValueError:
            raise self._odd(f"{url!r}, which is no address") from None
        return address

    def _told(self, response: Response) -> str:
        return self._hidden(words_of(response))[:_LONGEST_TOLD]  # cut last: half a password is to be hidden, too

    def _hidden(self, text: str) -> str:
        """What was told, without the login."""
        token = self._authorization.partition(" ")[2]
        text = text.replace(token, HIDDEN) if token else text
        return self._credentials.hidden_in(text) if self._credentials is not None else text

    def _expect(self, response: Response, status: int) -> None:
        if response.status_code == status:
            return
        # A token was given for the login, and does not do: the registry knows who one is.
        is_known = self._credentials is not None and self._authorization.startswith("Bearer")
        if response.status_code == 401 and not is_known:
            raise login_wanted(self.repository.host, self._credentials is not None)
        if response.status_code in (401, 403):
            raise denied(str(self.repository), self._told(response))
        answer = f"{response.status_code} {self._hidden(str(response.reason))}"
        raise RegistryError(
            f"{self.repository.host} answered {answer} about {self._path}",
            cause=self._told(response),
            fix="wait and try again" if response.status_code in (429, 500, 502, 503, 504) else "",
        )

    def _odd(self, what: str) -> RegistryError:
        return RegistryError(
            f"{self.repository.host} does not answer as a registry does: {self._hidden(what)}",
            fix="check the name of the host",
        )


def _no_auth(request: Any) -> Any:
    return request
