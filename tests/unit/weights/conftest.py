"""A store of weights, and a real HTTP server on loopback that serves it, well or badly, as a test asks for it."""

from __future__ import annotations

import re
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from repro.config import Variant, WeightFile
from repro.errors import WeightsError
from repro.weights import Patience, Progress, fetch_variant

HASTY = Patience(attempts=3, first_wait_s=0.0, longest_wait_s=0.0, connect_timeout_s=5.0, read_timeout_s=5.0)


@dataclass
class Served:
    """One file and how it is served. The lists are used up, an entry a request."""

    content: bytes
    ranges: bool = True
    if_range: bool = True
    etag: str | None = '"version-1"'
    content_type: str = "application/octet-stream"
    headers: dict[str, str] = field(default_factory=dict)
    framing: str = "length"
    """`length`, `chunked`, or `close`: how the end of the content is told."""
    announced_bytes: int | None = None
    statuses: list[int] = field(default_factory=list)
    """Answered instead of the file."""
    cuts: list[int] = field(default_factory=list)
    """The connection is closed after so many bytes."""
    stalls: list[int] = field(default_factory=list)
    """Nothing comes any more after so many bytes, and the connection stays open."""
    skew: int = 0
    """A continuation begins so many bytes too late."""
    piece_bytes: int = 1 << 16
    pause_s: float = 0.0
    """Between two pieces."""
    gate: threading.Event | None = None
    """No content before this is set."""
    redirect: str | None = None
    answers: list[bytes] = field(default_factory=list)
    """Sent as they are instead of an answer, status line and all."""


class FileServer:
    """Serves files at `http://127.0.0.1:PORT/NAME` and remembers every request."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.requests: list[tuple[str, Message]] = []
        self.closing = threading.Event()
        self.is_open = True
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def put(self, name: str, content: bytes, **behaviour: object) -> Served:
        self.files[name] = Served(content, **behaviour)  # type: ignore[arg-type]
        return self.files[name]

    def file(self, name: str, **facts: object) -> WeightFile:
        return WeightFile(name, f"{self.url}/{name}", **facts)  # type: ignore[arg-type]

    def use_tls(self, key: Path, certificate: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self.url = self.url.replace("http://", "https://")

    def ranges(self) -> list[str | None]:
        """The Range header of each request, in order."""
        return [headers["Range"] for _, headers in self.requests]

    def close(self) -> None:
        if not self.is_open:
            return
        self.is_open = False
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            name = self.path.lstrip("/").partition("?")[0]
            server.requests.append((name, self.headers))
            served = server.files.get(name)
            self.close_connection = True
            if served is None:
                self.send_error(404)
            elif served.answers:
                self.wfile.write(served.answers.pop(0))
            elif served.statuses:
                self.send_error(served.statuses.pop(0))
            elif served.redirect:
                self.send_response(302)
                self.send_header("Location", served.redirect)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")  # told, as it is done: else the client may ask on it again
                self.end_headers()
            else:
                self._send(served)

        def _send(self, served: Served) -> None:
            start = self._start(served)
            if start is not None and start >= len(served.content):
                self.send_error(416)
                return
            body = served.content if start is None else served.content[start + served.skew :]
            total = served.announced_bytes or len(served.content)
            self.send_response(200 if start is None else 206)
            if start is not None:
                self.send_header("Content-Range", f"bytes {start + served.skew}-{total - 1}/{total}")
            self._headers(served, total - (start or 0))
            try:
                self._body(served, body)
            except (BrokenPipeError, ConnectionResetError):
                return  # the client went away

        def _start(self, served: Served) -> int | None:
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
            mark = self.headers["If-Range"]
            current = (served.etag, served.headers.get("Last-Modified"))
            other = served.if_range and mark is not None and mark not in current
            return None if not asked or not served.ranges or other else int(asked[1])

        def _headers(self, served: Served, body_bytes: int) -> None:
            framing = {"length": ("Content-Length", str(body_bytes)), "chunked": ("Transfer-Encoding", "chunked")}
            told = {"Content-Type": served.content_type, "ETag": served.etag, **served.headers}
            for name, value in [*told.items(), framing.get(served.framing, ("Connection", "close"))]:
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()

        def _body(self, served: Served, body: bytes) -> None:
            if served.gate is not None:
                served.gate.wait()
            cut = served.cuts.pop(0) if served.cuts else None
            stall = served.stalls.pop(0) if served.stalls else None
            end = next((limit for limit in (cut, stall) if limit is not None), len(body))
            chunked = served.framing == "chunked"
            for at in range(0, min(end, len(body)), served.piece_bytes):
                piece = body[at : min(at + served.piece_bytes, end)]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                time.sleep(served.pause_s)
            if stall is not None:
                server.closing.wait()
            elif chunked and cut is None:
                self.wfile.write(b"0\r\n\r\n")

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FileServer()
    yield server
    server.close()


class Store:
    """A store in a folder of its own, for the variant `v` of the model `m`."""

    def __init__(self, weights_dir: Path) -> None:
        self.weights_dir = weights_dir
        self.folder = weights_dir / "m" / "v"
        self.path = self.folder / "w.pt"
        self.part = self.folder / "w.pt.part"

    def fetch(
        self,
        *files: WeightFile,
        variant: str = "v",
        progress: Progress | None = None,
        patience: Patience = HASTY,
        offline: bool = False,
        mirror: str | None = None,
    ) -> Path:
        folder = fetch_variant(
            "m",
            Variant(variant, files=files),
            self.weights_dir,
            progress=progress,
            patience=patience,
            offline=offline,
            mirror=mirror,
        )
        assert folder == self.weights_dir / "m" / variant
        return folder

    def failure(self, *files: WeightFile, patience: Patience = HASTY, mirror: str | None = None) -> WeightsError:
        with pytest.raises(WeightsError) as raised:
            self.fetch(*files, patience=patience, mirror=mirror)
        return raised.value

    def contents(self) -> list[str]:
        """The hashes of the contents in the store."""
        return sorted(path.name for path in (self.weights_dir / ".blobs").glob("*"))

    def leave_part(self, server: FileServer, **facts: object) -> None:
        """A fetch of w.pt that was given up after 100,000 bytes."""
        server.files["w.pt"].cuts = [100_000]
        self.failure(server.file("w.pt", **facts), patience=Patience(attempts=1))
        assert self.part.stat().st_size == 100_000

    def put_by_hand(self, content: bytes) -> None:
        self.folder.mkdir(parents=True)
        self.path.write_bytes(content)

    def names(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "weights")


class Counter:
    """Progress as a list of what was told, and the sum of the bytes; for files that come one after the other."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.bytes = 0

    def begin(self, name: str, total_bytes: int | None) -> Counter:
        self.told.append((name, total_bytes))
        return self

    def advance(self, n_bytes: int) -> None:
        self.bytes += n_bytes

    def done(self) -> None:
        self.told.append("done")


@pytest.fixture
def counter() -> Counter:
    return Counter()
