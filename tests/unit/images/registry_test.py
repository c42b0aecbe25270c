"""A registry that is spoken to directly: logins by token, certificates, answers that are none."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from repro.errors import RegistryError, SettingsError
from repro.images.credentials import find_credentials
from repro.images.registry import OCI_MANIFEST, RegistryClient, digest_of
from repro.images.registry_errors import is_other_content, told_by_engine, unreachable
from repro.images.repository import Repository, tag_of

TOKEN, IDENTITY = "a token of the service", "an identity token"
PASSWORD = "open sesame"
MANIFEST = b'{"config": {"digest": "sha256:00"}}'


@dataclass
class Asked:
    """What a registry was asked for, and what it answers."""

    paths: list[str] = field(default_factory=list)
    forms: list[dict[str, list[str]]] = field(default_factory=list)
    status: int = 200
    body: bytes = MANIFEST
    realm: str = ""


def handler(asked: Asked) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """A registry that takes tokens alone, and the service that gives them."""

        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.paths.append(self.path)
            if self.path.startswith("/token"):
                basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
                self._answer(200 if self.headers.get("Authorization") == f"Basic {basic}" else 401, TOKEN_ANSWER)
            elif self.path == "/v2/":
                self._answer(200, b"{}")
            elif asked.realm and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                realm = asked.realm.format(self.headers["Host"])
                self._answer(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="tests",error="none"'})
            else:
                self._answer(asked.status, asked.body)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.forms.append(form)
            self._answer(200 if form["refresh_token"] == [IDENTITY] else 401, TOKEN_ANSWER)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", f"{OCI_MANIFEST}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


TOKEN_ANSWER = json.dumps({"access_token": TOKEN}).encode()


@contextlib.contextmanager
def served(asked: Asked, tls: ssl.SSLContext | None = None) -> Iterator[Repository]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(asked))
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield Repository(f"127.0.0.1:{server.server_port}", "lab/esm")
    server.shutdown()
    server.server_close()


@pytest.fixture
def log_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Writes docker's configuration; there is none at first."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")

    def write(host: str, password: str = PASSWORD, **entry: str) -> None:
        entry = entry or {"auth": base64.b64encode(f"ada:{password}".encode()).decode()}
        (tmp_path / "config.json").write_text(json.dumps({"auths": {host: entry}}))

    return write


@pytest.fixture(autouse=True)
def _no_login(log_in: Callable[..., None]) -> None:
    """Whoever runs the tests may be logged in somewhere."""


def client(repository: Repository) -> RegistryClient:
    return RegistryClient(repository, is_insecure=True)


def with_tokens() -> Asked:
    return Asked(realm="http://{}/token")


# ------------------------------------------------------------------------------------------------------------ logins


def test_login_is_changed_for_a_token_of_the_service_that_the_registry_names(log_in: Callable[..., None]) -> None:
    asked = with_tokens()
    with served(asked) as repository:
        log_in(repository.host)
        found = client(repository).manifest("1.0")
    assert found is not None
    assert (found.digest, found.media_type, found.config_digest) == (digest_of(MANIFEST), OCI_MANIFEST, "sha256:00")
    question = parse_qs(urlsplit(next(path for path in asked.paths if path.startswith("/token"))).query)
    assert question == {"service": ["tests"], "scope": ["repository:lab/esm:pull"]}


def test_identity_token_is_given_in_place_of_a_password(log_in: Callable[..., None]) -> None:
    asked = with_tokens()
    with served(asked) as repository:
        log_in(repository.host, identitytoken=IDENTITY)
        assert client(repository).manifest("1.0") is not None
    assert asked.forms[0]["grant_type"] == ["refresh_token"]


@pytest.mark.parametrize(("password", "told"), [("wrong", "does not take the login"), (None, "wants a login")])
def test_service_that_gives_no_token_is_a_matter_of_the_login(
    log_in: Callable[..., None], password: str | None, told: str
) -> None:
    with served(with_tokens()) as repository:
        if password is not None:
            log_in(repository.host, password)
        with pytest.raises(RegistryError, match=told) as caught:
            client(repository).manifest("1.0")
    assert caught.value.fix == f"docker login {repository.host}"


def test_login_that_is_taken_and_gives_no_access_is_no_matter_of_the_password(log_in: Callable[..., None]) -> None:
    with served(replace(with_tokens(), status=401)) as repository:
        log_in(repository.host)
        with pytest.raises(RegistryError, match="you may not do that in") as caught:
            client(repository).manifest("1.0")
    assert "check the namespace" in caught.value.fix


def test_password_is_given_to_no_service_that_is_spoken_to_in_the_clear(
    log_in: Callable[..., None], certificate: ssl.SSLContext
) -> None:
    asked = Asked(realm="http://{}/token")
    with served(asked, certificate) as repository:
        log_in(repository.host)
        with pytest.raises(RegistryError, match="no address for a password"):
            client(repository).manifest("1.0")
    assert not [path for path in asked.paths if path.startswith("/token")]


def test_password_is_given_to_no_other_host_in_the_clear(log_in: Callable[..., None]) -> None:
    asked, other = Asked(), Asked()
    with served(asked) as repository, served(other) as elsewhere:
        # Another name of this machine: a registry may name any host.
        asked.realm = f"http://localhost:{elsewhere.host.partition(':')[2]}/token"
        log_in(repository.host)
        with pytest.raises(RegistryError, match="no address for a password"):
            client(repository).manifest("1.0")
    assert other.paths == []


@pytest.mark.parametrize("realm", ["http://[::1/token", "https://[x]/token", "http://127.0.0.1:port/", "http:///", ""])
def test_service_whose_address_is_none_is_told(log_in: Callable[..., None], realm: str) -> None:
    with served(Asked(realm=realm or "{}")) as repository:
        log_in(repository.host)
        with pytest.raises(RegistryError, match="does not answer as a registry does"):
            client(repository).manifest("1.0")


@pytest.mark.parametrize("status", [403, 418])
def test_login_that_a_registry_repeats_is_not_shown(log_in: Callable[..., None], status: int) -> None:
    basic = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    said = f"{'x' * 290} {basic} no ada:{PASSWORD}, no {PASSWORD}"
    body = json.dumps({"errors": [{"message": f"{basic} and {PASSWORD}"}, {"message": said}]}).encode()
    with served(replace(with_tokens(), status=status, body=body)) as repository:
        log_in(repository.host)
        with pytest.raises(RegistryError, match=r"\*\*\* and \*\*\*; xxx") as caught:
            client(repository).manifest("1.0")
    assert PASSWORD not in str(caught.value)
    assert basic[:8] not in str(caught.value)


def test_login_that_an_engine_repeats_is_not_shown(log_in: Callable[..., None]) -> None:
    log_in("example.org")
    repository = Repository("example.org", "lab/esm")
    error = told_by_engine(repository, "1.0", f"denied: not {PASSWORD}", had_credentials=True, doing="push")
    assert error.cause == "denied: not ***"


def test_credentials_are_never_shown(log_in: Callable[..., None]) -> None:
    log_in("example.org")
    found = find_credentials("example.org")
    assert found is not None
    assert found.password == PASSWORD
    assert PASSWORD not in repr(found)


def test_credential_store_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"credsStore": "of-no-machine"}')
    with pytest.raises(RegistryError, match="credential store") as caught:
        find_credentials("example.org")
    assert caught.value.fix == "docker login example.org"


def test_credential_store_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-tests"
    helper.write_text('#!/bin/sh\necho \'{"Username": "ada", "Secret": "from the store"}\'\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    (tmp_path / "config.json").write_text('{"credHelpers": {"example.org": "tests"}}')
    found = find_credentials("example.org")
    assert found is not None
    assert (found.username, found.password) == ("ada", "from the store")


# ------------------------------------------------------------------------------------------------------ certificates


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A certificate that nobody vouches for."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    return context


def test_certificate_that_nobody_vouches_for_is_refused(certificate: ssl.SSLContext) -> None:
    with served(Asked(), certificate) as repository:
        with pytest.raises(RegistryError, match="cannot be reached") as caught:
            RegistryClient(repository).manifest("1.0")
    assert "its certificate is not to be trusted" in caught.value.cause
    assert f"/etc/docker/certs.d/{repository.host}/ca.crt" in caught.value.fix


def test_on_loopback_any_certificate_will_do(certificate: ssl.SSLContext) -> None:
    with served(Asked(), certificate) as repository:
        assert client(repository).manifest("1.0") is not None


def test_registry_without_a_certificate_is_refused_where_one_is_needed() -> None:
    with served(Asked()) as repository:
        with pytest.raises(RegistryError) as caught:
            RegistryClient(repository).manifest("1.0")
    assert "plain HTTP" in caught.value.cause


# ----------------------------------------------------------------------------------------------------------- answers


def test_what_is_not_there_is_none() -> None:
    with served(Asked(status=404)) as repository:
        assert client(repository).manifest("1.0") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b" " * (5 << 20), b"[" * 200_000], ids=range(6))
def test_answer_that_is_no_manifest_is_told(body: bytes) -> None:
    with served(Asked(body=body)) as repository:
        with pytest.raises(RegistryError, match="does not answer as a registry does"):
            client(repository).manifest("1.0")


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "you may not do that in"), (429, "answered 429"), (500, "answered 500"), (503, "answered 503")],
)
def test_refusal_is_told_with_the_words_of_the_registry(status: int, told: str) -> None:
    with served(Asked(status=status, body=b'{"errors": [{"message": "because"}]}')) as repository:
        with pytest.raises(RegistryError, match=told) as caught:
            client(repository).manifest("1.0")
    assert caught.value.cause == "because"
    assert caught.value.fix


def test_registry_that_has_gone_is_told() -> None:
    with served(Asked()) as repository:
        pass
    with pytest.raises(RegistryError) as caught:
        client(repository).manifest("1.0")
    assert caught.value.cause == "nothing listens there"


def test_host_that_does_not_exist_is_told() -> None:
    with pytest.raises(RegistryError) as caught:
        RegistryClient(Repository("registry.invalid", "lab/esm")).manifest("1.0")
    assert caught.value.cause == "there is no host of that name"


# --------------------------------------------------------------------------------------------- what an engine tells

ENGINE_TELLS = [
    ("no basic auth credentials", "wants a login", "docker login example.org"),
    ("unauthorized: authentication required", "wants a login", "docker login example.org"),
    ("denied: requested access to the resource is denied", "you may not do that in example.org/lab/esm", "namespace"),
    ("manifest for example.org/lab/esm:1.0 not found: manifest unknown", "has no such image", "check the version"),
    ("filesystem layer verification failed for digest sha256:00", "is not what its digest says", "do not use it"),
    ("write /var/lib/docker: no space left on device", "a disk is full", "repro clean"),
    ('Get "https://example.org/v2/": x509: certificate signed by unknown authority', "cannot be reached", "ca.crt"),
    ('Get "https://example.org/v2/": http: server gave HTTP response to HTTPS client', "cannot be reached", "insecure"),
    ("dial tcp 127.0.0.1:5000: connect: connection refused", "the push was cut", "run it again"),
    ("EOF", "the push was cut", "run it again"),
]


@pytest.mark.parametrize(("told", "message", "fix"), ENGINE_TELLS)
def test_each_failure_that_an_engine_tells_says_what_to_do(told: str, message: str, fix: str) -> None:
    repository = Repository("example.org", "lab/esm")
    error = told_by_engine(repository, "1.0", told, had_credentials=False, doing="push")
    assert message in error.message
    assert fix in error.fix
    assert is_other_content(error) is ("digest says" in message)


def test_what_was_told_stays_in_the_error_where_nothing_better_is_known() -> None:
    assert unreachable("example.org", "tea, not coffee").cause == "tea, not coffee"


# -------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("image", "repository", "tag"),
    [
        ("ubuntu", "docker.io/library/ubuntu", ""),
        ("lab/esm:1.0", "docker.io/lab/esm", "1.0"),
        ("localhost/esm:1.0", "localhost/esm", "1.0"),
        ("127.0.0.1:5000/lab/esm", "127.0.0.1:5000/lab/esm", ""),
        (f"example.org/lab/esm:1.0@sha256:{'0' * 64}", "example.org/lab/esm", "1.0"),
    ],
)
def test_names_of_images_are_read_as_engines_read_them(image: str, repository: str, tag: str) -> None:
    assert str(Repository.of_image(image)) == repository
    assert tag_of(image) == tag


def test_model_is_published_in_a_namespace() -> None:
    with pytest.raises(SettingsError, match="names no host and namespace"):
        Repository.of_model("localhost:5000", "esm")


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("localhost", True),
        ("127.9.9.9:5000", True),
        ("[::1]:5000", True),
        ("10.0.0.1", False),
        ("localhost.org", False),
    ],
)
def test_loopback_is_known(host: str, is_loopback: bool) -> None:
    assert Repository(host, "lab/esm").is_loopback is is_loopback
