"""One file over HTTP: resumed where it stopped, tried again where that can help, and refused where it cannot."""

from __future__ import annotations

import ipaddress
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from repro._version import __version__
from repro.config import WeightFile
from repro.errors import WeightsError
from repro.weights import answer
from repro.weights.partial import Partial
from repro.weights.progress import Progress

if TYPE_CHECKING:
    from requests import Response, Session

log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_WORTH_BYTES = 1 << 20
"""So much new content makes up for the failures before: a line that breaks every minute still brings the file."""
_TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server, and how often to try again."""

    attempts: int = 6
    """Failures in a row, with no content worth a name between them, after which it is given up."""
    first_wait_s: float = 0.5
    """Pause after the first failure; it doubles with each."""
    longest_wait_s: float = 30.0
    connect_timeout_s: float = 15.0
    read_timeout_s: float = 60.0
    """Silence of the server that counts as a failure. A slow server is no silent one."""


class _TransientError(Exception):
    """What may well work when it is tried again."""

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


def shown_address(url: str) -> str:
    """An address as it may be shown: no user, no password, no query (where signed addresses carry their secret).

    >>> shown_address("https://ada:hunter2@example.org/x.pt?Signature=abc#top")
    'https://example.org/x.pt'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def download(file: WeightFile, partial: Partial, *, sha256: str | None, progress: Progress, patience: Patience) -> None:
    """Bring the whole content of `file` into `partial`. Its hash is left to the caller.

    Args:
        sha256: the hash that the content has to have, where it is known: then a part can be continued also when the
            server has no mark for the version of a file.

    Raises:
        WeightsError: the server has no such file, sends something else, or could not be reached often enough.
        OSError: the content cannot be written.
    """
    from requests import Session

    furthest_bytes, failures = partial.size_bytes, 0
    with Session() as session:
        transfer = _Transfer(file, partial, sha256, progress, patience, session)
        while True:
            try:
                return transfer.attempt()
            except _TransientError as problem:
                if partial.size_bytes >= furthest_bytes + _WORTH_BYTES:
                    furthest_bytes, failures = partial.size_bytes, 0
                failures += 1
                if failures >= patience.attempts:
                    raise _given_up(file, partial, str(problem), failures) from None
                wait_s = max(patience.first_wait_s * 2 ** (failures - 1), problem.wait_s)
                log.warning("%s: %s; trying again", file.name, problem)
                time.sleep(min(wait_s, patience.longest_wait_s))


def _given_up(file: WeightFile, partial: Partial, problem: str, failures: int) -> WeightsError:
    kept = f"the {partial.size_bytes:,} bytes that came are kept, and the next try goes on from there"
    return WeightsError(
        f"cannot fetch {shown_address(file.url)}: {problem} ({failures} tries)",
        cause="the network, a proxy, or the server",
        fix=f"try again later{f'; {kept}' if partial.size_bytes else ''}",
    )


class _Transfer:
    """The attempts to bring one file."""

    def __init__(
        self,
        file: WeightFile,
        partial: Partial,
        sha256: str | None,
        progress: Progress,
        patience: Patience,
        session: Session,
    ) -> None:
        self._file = file
        self._partial = partial
        self._sha256 = sha256
        self._progress = progress
        self._patience = patience
        self._session = session
        self._shown_bytes: int | None = None

    def attempt(self) -> None:
        """Go on from what is here to the end of the file."""
        if not self._partial.complete:
            with self._ask() as response:
                self._accept(response)
                self._show()
                self._receive(response)
        self._show()

    @contextmanager
    def _ask(self) -> Iterator[Response]:
        import requests

        # As it is stored: a transparent compression would put its own bytes, and another length, in the file's place.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"repro/{__version__}"}
        if self._partial.size_bytes and (self._partial.validator or self._sha256):
            headers["Range"] = f"bytes={self._partial.size_bytes}-"
            if self._partial.validator:
                headers["If-Range"] = self._partial.validator
        timeout = (self._patience.connect_timeout_s, self._patience.read_timeout_s)
        hooks = {"response": self._check_redirect}
        self._refuse_untrusted(self._file.url)
        # None of the errors of requests is chained: their texts hold the whole address, and with it any secret.
        try:
            response = self._session.get(self._file.url, headers=headers, stream=True, timeout=timeout, hooks=hooks)
        except requests.exceptions.SSLError as error:
            why = f"the certificate is not accepted: {_reason(error)}"
            raise self._refusal(why, "set REQUESTS_CA_BUNDLE where a proxy signs") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.Timeout) as error:
            raise _TransientError(_reason(error)) from None
        except requests.exceptions.RequestException as error:
            raise self._refusal(f"{type(error).__name__}: {_reason(error)}") from None
        with response:
            yield response

    def _accept(self, response: Response) -> None:
        status = response.status_code
        if status in (200, 206):
            self._check_kind(response)
            (self._begin if status == 200 else self._check_continuation)(response)
        elif status == 416:
            self._partial.discard()
            raise _TransientError("what is here does not fit what the server has; it is fetched anew")
        elif status in _TRY_AGAIN:
            raise _TransientError(f"the server answers {status} {response.reason}", answer.retry_after_s(response))
        else:
            raise self._refusal(
                f"the server answers {status} {response.reason}",
                "check the address in config.yaml, or take the weights from a file that you have",
            )
        self._check_room()

    def _check_kind(self, response: Response) -> None:
        headers = response.headers
        if headers.get("Content-Type", "").startswith("text/html") and not self._file.name.endswith((".html", ".htm")):
            raise self._refusal("the server sends an HTML page, not the file; it may ask for a login")
        if headers.get("Content-Encoding", "identity") != "identity":
            raise self._refusal(f"the server sends it as {headers['Content-Encoding']} though it was asked not to")

    def _begin(self, response: Response) -> None:
        total_bytes = answer.length(response)
        stated_bytes = self._file.size_bytes
        if None not in (total_bytes, stated_bytes) and total_bytes != stated_bytes:
            raise self._refusal(f"the server has {total_bytes:,} bytes, config.yaml states {stated_bytes:,}")
        if total_bytes is None and stated_bytes is None and self._sha256 is None and not answer.chunked(response):
            raise self._refusal(
                "the server does not say how long it is, so that a cut file could not be told from a whole one",
                "state size_bytes or sha256 of the file in config.yaml",
            )
        self._partial.begin(answer.validator(response), stated_bytes if total_bytes is None else total_bytes)

    def _check_continuation(self, response: Response) -> None:
        """Hold a partial answer against what is here: some servers and proxies send another part than was asked for."""
        partial = self._partial
        first, total_bytes = answer.content_range(response)
        etag = response.headers.get("ETag", "")
        other_etag = etag.startswith('"') and (partial.validator or "").startswith('"') and etag != partial.validator
        other_length = None not in (total_bytes, partial.total_bytes) and total_bytes != partial.total_bytes
        if first != partial.size_bytes or other_etag or other_length:
            partial.discard()
            raise _TransientError("the server continues another version of the file; it is fetched anew")

    def _check_room(self) -> None:
        total_bytes = self._partial.total_bytes or self._partial.size_bytes
        needed_bytes = total_bytes - self._partial.size_bytes
        free_bytes = shutil.disk_usage(self._partial.path.parent).free
        if needed_bytes > free_bytes:
            raise self._refusal(
                f"{needed_bytes:,} bytes are needed and {free_bytes:,} are free in {self._partial.path.parent}",
                "make room, or set REPRO_WEIGHTS_DIR to a folder on a larger disk",
            )

    def _receive(self, response: Response) -> None:
        from urllib3.exceptions import HTTPError

        with self._partial.appending() as append:
            while True:
                try:
                    # read1 gives what has come: after a cut, all that came before it is kept.
                    chunk = response.raw.read1(_CHUNK_BYTES, decode_content=False)
                except HTTPError as error:
                    so_far = f"{self._partial.size_bytes:,} bytes"
                    raise _TransientError(f"the transfer broke off after {so_far} ({_reason(error)})") from None
                if not chunk:
                    break
                append(chunk)
                self._show()
        total_bytes = self._partial.total_bytes
        if total_bytes is not None and self._partial.size_bytes < total_bytes:
            raise _TransientError(f"the transfer ended after {self._partial.size_bytes:,} of {total_bytes:,} bytes")

    def _show(self) -> None:
        if self._shown_bytes is None:
            self._progress.start(self._file.name, self._partial.total_bytes)
            self._shown_bytes = 0
        if self._partial.size_bytes != self._shown_bytes:
            self._progress.advance(self._partial.size_bytes - self._shown_bytes)
            self._shown_bytes = self._partial.size_bytes

    def _check_redirect(self, response: Response, **_: object) -> None:
        if response.is_redirect:
            self._refuse_untrusted(urljoin(response.url, response.headers["Location"]))

    def _refuse_untrusted(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise self._refusal(f"{parts.scheme} is no kind of address that can be fetched from; http and https are")
        if parts.scheme == "http" and self._sha256 is None and not _loopback(parts.hostname or ""):
            raise self._refusal(
                f"{shown_address(url)} is not encrypted, and no hash of the file is known",
                "use https, or state sha256 of the file in config.yaml",
            )

    def _refusal(self, why: str, fix: str = "") -> WeightsError:
        return WeightsError(f"cannot fetch {shown_address(self._file.url)}: {why}", fix=fix)


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _reason(error: BaseException) -> str:
    """What the system says in the end: the innermost error of the chain, whose text holds no address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        if isinstance(cause, TimeoutError):
            return "the server does not answer in time"
        error, cause = cause, cause.__cause__ or cause.__context__
    return type(error).__name__
