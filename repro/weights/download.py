"""One file over HTTP: resumed where it stopped, tried again where that can help, and refused where it cannot."""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from repro._version import __version__
from repro.errors import WeightsError
from repro.weights import answer
from repro.weights.attempts import TransientError, check_status, network_errors, persist, reason, refusal
from repro.weights.errand import Errand
from repro.weights.request import CHECK_ADDRESS, Request, shown_address

if TYPE_CHECKING:
    from requests import Response, Session

# What fits into the processor's cache while it is received, written and hashed: half of the time of 1 MiB.
_CHUNK_BYTES = 1 << 18


def download(errand: Errand, ask: Callable[[], Request], address: str) -> None:
    """Bring the whole content of a file. Its hash is left to the caller.

    Where the hash of the content is known, a part is continued also when the server has no mark for the version.

    Args:
        ask: makes the request, for each attempt anew: a signature may have run out in between.
        address: as it may be shown.

    Raises:
        WeightsError: the server has no such file, sends something else, or could not be reached often enough.
        OSError: the content cannot be written.
        StoppedError: another file has failed.
    """
    from requests import Session

    with Session() as session:
        persist(_Transfer(errand, ask, address, session).attempt, errand, address)


class _Transfer:
    """The attempts to bring one file."""

    def __init__(self, errand: Errand, ask: Callable[[], Request], address: str, session: Session) -> None:
        self._errand = errand
        self._partial = errand.partial
        self._ask = ask
        self._address = address
        self._session = session

    def attempt(self) -> None:
        """Go on from what is here to the end of the file."""
        self._errand.stop.check()
        if not self._partial.complete:
            request = self._ask()
            with self._answer(request) as response:
                self._accept(response, request)
                self._errand.show()
                self._receive(response)
        self._errand.show()

    @contextmanager
    def _answer(self, request: Request) -> Iterator[Response]:
        self._refuse_untrusted(request.url)
        with network_errors(self._address):
            response = self._session.get(
                request.url,
                headers={**self._headers(), **request.headers},
                auth=request.auth,
                cookies=request.cookies,
                verify=request.verify,
                stream=True,
                timeout=(self._errand.patience.connect_timeout_s, self._errand.patience.read_timeout_s),
                hooks={"response": self._check_redirect},
            )
        with response:
            yield response

    def _headers(self) -> dict[str, str]:
        # As it is stored: a transparent compression would put its own bytes, and another length, in the file's place.
        headers = {"Accept-Encoding": "identity", "User-Agent": f"repro/{__version__}"}
        if self._partial.size_bytes and (self._partial.validator or self._errand.sha256):
            headers["Range"] = f"bytes={self._partial.size_bytes}-"
            if self._partial.validator:
                headers["If-Range"] = self._partial.validator
        return headers

    def _accept(self, response: Response, request: Request) -> None:
        status = response.status_code
        if status in (200, 206):
            self._check_kind(response)
            (self._begin if status == 200 else self._check_continuation)(response)
        elif status == 416:
            self._partial.discard()
            raise TransientError("what is here does not fit what the server has; it is fetched anew")
        else:
            check_status(status, response.reason, self._address, request.advice, answer.retry_after_s(response))
            raise refusal(self._address, f"the server answers {status} {response.reason}", request.advice)
        self._check_room()

    def _check_kind(self, response: Response) -> None:
        headers, name = response.headers, self._errand.name
        if headers.get("Content-Type", "").startswith("text/html") and not name.endswith((".html", ".htm")):
            raise refusal(
                self._address,
                "the server sends an HTML page, not the file; it may ask for a login",
                "open the address in a browser and see what it asks for",
            )
        if headers.get("Content-Encoding", "identity") != "identity":
            sent = headers["Content-Encoding"]
            raise refusal(self._address, f"the server sends it as {sent} though it was asked not to")

    def _begin(self, response: Response) -> None:
        total_bytes = answer.length(response)
        stated_bytes = self._errand.size_bytes
        if None not in (total_bytes, stated_bytes) and total_bytes != stated_bytes:
            raise refusal(
                self._address,
                f"the server has {total_bytes:,} bytes, config.yaml states {stated_bytes:,}",
                "find out which is right, and state it in config.yaml",
            )
        if total_bytes is None and stated_bytes is None and not (self._errand.sha256 or answer.chunked(response)):
            raise refusal(
                self._address,
                "the server does not say how long it is, so that a cut file could not be told from a whole one",
                "state size_bytes or sha256 of the file in config.yaml",
            )
        self._partial.begin(answer.validator(response), stated_bytes if total_bytes is None else total_bytes)

    def _check_continuation(self, response: Response) -> None:
        """Hold a partial answer against what is here: some servers and proxies send another part than was asked for."""
        if "Range" not in response.request.headers:
            raise refusal(self._address, "the server sends a part of the file, though all of it was asked for")
        partial, piece = self._partial, answer.content_range(response)
        etag = response.headers.get("ETag", "")
        other_etag = etag.startswith('"') and (partial.validator or "").startswith('"') and etag != partial.validator
        known = {partial.total_bytes, piece.total_bytes if piece is not None else None} - {None}
        if piece is None or piece.first != partial.size_bytes or other_etag or len(known) != 1:
            partial.discard()
            raise TransientError("the server continues another version of the file; it is fetched anew")
        partial.total_bytes = known.pop()

    def _check_room(self) -> None:
        check_room(self._errand, self._address)

    def _receive(self, response: Response) -> None:
        from urllib3.exceptions import HTTPError

        with self._partial.appending() as append, self._errand.stop.cutting(lambda: _cut(response)):
            while True:
                try:
                    # read1 gives what has come: after a cut, all that came before it is kept.
                    chunk = response.raw.read1(_CHUNK_BYTES, decode_content=False)
                except HTTPError as error:
                    self._errand.stop.check()
                    so_far = f"{self._partial.size_bytes:,} bytes"
                    raise TransientError(f"the transfer broke off after {so_far} ({reason(error)})") from None
                # Cut, a TLS connection gives what is still on its way without decrypting it: none of that is content.
                self._errand.stop.check()
                if not chunk:
                    break
                self._check_size(len(chunk))
                append(chunk)
                self._errand.show()
        total_bytes = self._partial.total_bytes
        if total_bytes is not None and self._partial.size_bytes < total_bytes:
            raise TransientError(f"the transfer ended after {self._partial.size_bytes:,} of {total_bytes:,} bytes")

    def _check_size(self, more_bytes: int) -> None:
        total_bytes = self._partial.total_bytes
        if total_bytes is not None and self._partial.size_bytes + more_bytes > total_bytes:
            self._partial.discard()
            raise refusal(
                self._address,
                f"the server sends more than the {total_bytes:,} bytes that the file should have; nothing was kept",
                CHECK_ADDRESS,
            )

    def _check_redirect(self, response: Response, **_: object) -> None:
        if response.is_redirect:
            try:
                target = urljoin(response.url, response.headers["Location"])
            except ValueError:
                raise refusal(self._address, "the server redirects to what is no address") from None
            self._refuse_untrusted(target)

    def _refuse_untrusted(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise refusal(self._address, f"{shown_address(url)} is no address", CHECK_ADDRESS) from None
        if parts.scheme not in ("http", "https"):
            why = f"{parts.scheme} is no kind of address that can be fetched from; http and https are"
            raise refusal(self._address, why)
        if parts.scheme == "http" and self._errand.sha256 is None and not _loopback(parts.hostname or ""):
            raise refusal(
                self._address,
                f"{shown_address(url)} is not encrypted, and no hash of the file is known",
                "use https, or state sha256 of the file in config.yaml",
            )


def check_room(errand: Errand, address: str) -> None:
    """Raises WeightsError where the disk has too little room for the rest of a file."""
    partial = errand.partial
    needed_bytes = (partial.total_bytes or partial.size_bytes) - partial.size_bytes
    free_bytes = shutil.disk_usage(partial.path.parent).free
    if needed_bytes > free_bytes:
        raise WeightsError(
            f"cannot fetch {address}: {needed_bytes:,} bytes are needed and {free_bytes:,} are free in "
            f"{partial.path.parent}",
            fix="make room, or set REPRO_WEIGHTS_DIR to a folder on a larger disk",
        )


def _cut(response: Response) -> None:
    with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended by itself
        response.raw.shutdown()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
