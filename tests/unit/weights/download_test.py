"""Whatever a server does, its answer is the file, is asked for again, or is refused with what to do."""

from __future__ import annotations

import hashlib
import random
import socket
import subprocess
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import WeightFile
from repro.weights import Patience

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store

CONTENT = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_server_in_trouble_is_asked_again(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, statuses=[500, 503])
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT


def test_a_server_that_stays_in_trouble_is_given_up(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, statuses=[500] * 9)
    error = store.failure(server.file("w.pt"))
    assert error.message == f"cannot fetch {server.url}/w.pt: the server answers 500 Internal Server Error (3 tries)"
    assert len(server.requests) == 3


def test_a_line_that_keeps_breaking_brings_a_large_file_all_the_same(store: Store, server: FileServer) -> None:
    content = random.Random(1).randbytes(12 << 20)
    server.put("w.pt", content, cuts=[1_100_000] * 10)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == content
    assert len(server.requests) == 11


def test_what_came_before_it_was_given_up_is_kept_and_told(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, cuts=[1000, 1000, 1000])
    error = store.failure(server.file("w.pt"))
    assert "the 3,000 bytes that came are kept" in error.fix


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (403, "403 Forbidden"), (410, "410 Gone")])
def test_a_file_that_the_server_does_not_give_is_told_with_its_address(
    store: Store, server: FileServer, status: int, words: str
) -> None:
    server.put("w.pt", CONTENT, statuses=[status])
    error = store.failure(server.file("w.pt"))
    assert error.message == f"cannot fetch {server.url}/w.pt: the server answers {words}"
    assert "check the address" in error.fix
    assert len(server.requests) == 1


def test_nobody_at_the_address_is_told(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}/w.pt"
    assert store.failure(WeightFile("w.pt", url)).message == f"cannot fetch {url}: Connection refused (3 tries)"


def test_a_server_that_never_answers_is_given_up(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, stalls=[0, 0])
    error = store.failure(server.file("w.pt"), patience=Patience(attempts=2, first_wait_s=0.0, read_timeout_s=0.3))
    assert "does not answer in time" in error.message


def test_a_slow_server_is_no_silent_one(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, piece_bytes=20_000, pause_s=0.1)
    patience = Patience(attempts=1, read_timeout_s=1.0)
    store.fetch(server.file("w.pt"), patience=patience)
    assert store.path.read_bytes() == CONTENT


def test_an_html_page_is_not_taken_for_weights(store: Store, server: FileServer) -> None:
    server.put("w.pt", b"<html>log in</html>", content_type="text/html; charset=utf-8")
    assert "the server sends an HTML page, not the file" in store.failure(server.file("w.pt")).message
    assert not store.part.exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\n <!DOCTYPE html><html>log in</html>", "it is an HTML page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "it is a pointer of Git LFS"),
        (b"", "it is empty"),
    ],
)
def test_what_cannot_be_weights_is_refused_whatever_the_server_calls_it(
    store: Store, server: FileServer, content: bytes, words: str
) -> None:
    server.put("w.pt", content)
    assert words in store.failure(server.file("w.pt")).message
    assert store.names() == []


def test_a_size_that_is_not_the_stated_one_is_refused_before_anything_comes(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    error = store.failure(server.file("w.pt", size_bytes=5))
    assert "the server has 300,000 bytes, config.yaml states 5" in error.message
    assert store.names() == []


def test_a_file_sent_in_chunks_is_brought_and_a_cut_in_it_noticed(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, framing="chunked", cuts=[100_000])
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT
    assert len(server.requests) == 2


def test_a_file_of_unknown_length_is_refused_as_a_cut_would_not_be_noticed(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, framing="close")
    assert "does not say how long it is" in store.failure(server.file("w.pt")).message


@pytest.mark.parametrize("facts", [{"size_bytes": 300_000}, {"sha256": SHA256}])
def test_a_file_of_unknown_length_is_held_against_its_stated_size_or_hash(
    store: Store, server: FileServer, facts: dict[str, object]
) -> None:
    server.put("w.pt", CONTENT[:-1], framing="close", ranges=False)
    store.failure(server.file("w.pt", **facts))
    assert not store.path.exists()
    server.put("w.pt", CONTENT, framing="close")
    store.fetch(server.file("w.pt", **facts))
    assert store.path.read_bytes() == CONTENT


def test_a_file_that_comes_compressed_is_refused(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, headers={"Content-Encoding": "gzip"})
    assert "sends it as gzip" in store.failure(server.file("w.pt")).message
    assert server.requests[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("behaviour", [{"statuses": [404]}, {"statuses": [500] * 3}, {"cuts": [5] * 3}])
def test_secrets_of_an_address_are_never_shown(
    store: Store, server: FileServer, behaviour: dict[str, list[int]], caplog: pytest.LogCaptureFixture
) -> None:
    server.put("w.pt", CONTENT, **behaviour)
    url = server.url.replace("//", "//ada:hunter2@") + "/w.pt?Signature=topsecret"
    error = store.failure(WeightFile("w.pt", url))
    everything = "".join(traceback.format_exception(error)) + caplog.text + str(error)
    assert "/w.pt" in everything
    assert "hunter2" not in everything
    assert "topsecret" not in everything


def test_secrets_are_not_shown_when_nobody_answers(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://ada:hunter2@127.0.0.1:{free.getsockname()[1]}/w.pt?Signature=topsecret"
    everything = "".join(traceback.format_exception(store.failure(WeightFile("w.pt", url))))
    assert "hunter2" not in everything
    assert "topsecret" not in everything


def test_a_redirect_is_followed(store: Store, server: FileServer) -> None:
    server.put("w.pt", b"", redirect="/moved/w.pt")
    server.put("moved/w.pt", CONTENT)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT


def test_a_redirect_to_an_address_that_is_not_encrypted_is_not_followed(store: Store, server: FileServer) -> None:
    server.put("w.pt", b"", redirect="http://192.0.2.1/w.pt")
    error = store.failure(server.file("w.pt"))
    assert "http://192.0.2.1/w.pt is not encrypted, and no hash of the file is known" in error.message


def test_an_address_of_a_kind_that_is_not_known_is_refused(store: Store) -> None:
    error = store.failure(WeightFile("w.pt", "ftp://example.org/w.pt"))
    assert error.message == "cannot fetch ftp://example.org/w.pt: ftp is no kind of address that can be fetched from"
    assert error.fix == "known are https, s3, gdrive, hf, pypi and file"


def test_a_redirect_to_another_kind_of_address_is_not_followed(store: Store, server: FileServer) -> None:
    server.put("w.pt", b"", redirect="file:///etc/passwd")
    error = store.failure(server.file("w.pt"))
    assert "file is no kind of address that can be fetched from; http and https are" in error.message


def test_a_certificate_that_nobody_vouches_for_is_refused(store: Store, tmp_path: Path, server: FileServer) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    try:
        subprocess.run([*make, "-keyout", key, "-out", certificate], capture_output=True, check=True)
    except FileNotFoundError:
        pytest.skip("openssl, which makes the certificate, is not installed")
    server.put("w.pt", CONTENT)
    server.use_tls(key, certificate)
    error = store.failure(server.file("w.pt"))
    assert "the certificate is not accepted" in error.message
    assert "REQUESTS_CA_BUNDLE" in error.fix
    assert server.requests == []


def answer(status: str, *headers: str, content: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode("latin-1") + content


@pytest.mark.parametrize("facts", [{}, {"size_bytes": 300_000}, {"sha256": SHA256}])
def test_a_part_that_nobody_asked_for_is_not_taken_for_the_file(
    store: Store, server: FileServer, facts: dict[str, object]
) -> None:
    part = answer("206 Partial Content", "Content-Range: bytes 0-9/10", "Content-Length: 10", content=CONTENT[:10])
    server.put("w.pt", CONTENT, answers=[part])
    error = store.failure(server.file("w.pt", **facts))
    assert "sends a part of the file, though all of it was asked for" in error.message
    assert store.names() == []
    assert not (store.weights_dir / "weights.lock").exists()


@pytest.mark.parametrize(
    "stated",
    [
        "bytes 100000-299999/300001",
        "bytes 100000-99999/300000",
        "bytes 100000-300000/300000",
        "bytes 100000-299999/299999",
        f"bytes 100000-{'9' * 5000}/300000",
        "bytes 100000-",
        "",
    ],
)
def test_a_continuation_whose_range_does_not_fit_is_not_appended(store: Store, server: FileServer, stated: str) -> None:
    rest = answer("206 Partial Content", f"Content-Range: {stated}", 'ETag: "version-1"', content=CONTENT[::-1])
    server.put("w.pt", CONTENT)
    store.leave_part(server)
    server.files["w.pt"].answers = [rest]
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-", None]


def test_the_whole_length_is_taken_from_the_range_where_nothing_else_says_it(store: Store, server: FileServer) -> None:
    piece = answer(
        "206 Partial Content",
        "Content-Range: bytes 100000-100009/300000",
        'ETag: "version-1"',
        "Content-Length: 10",
        content=CONTENT[100_000:100_010],
    )
    server.put("w.pt", CONTENT, framing="chunked")
    store.leave_part(server)
    server.files["w.pt"].answers = [piece]
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-", "bytes=100010-"]


@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("facts", [{"size_bytes": 1000}, {"size_bytes": 1000, "sha256": SHA256}])
def test_a_server_that_sends_more_than_is_stated_is_left(
    store: Store, server: FileServer, framing: str, facts: dict[str, object]
) -> None:
    server.put("w.pt", bytes(20 << 20), framing=framing)
    error = store.failure(server.file("w.pt", **facts))
    assert "the server sends more than the 1,000 bytes that the file should have" in error.message
    assert store.names() == []


def test_lengths_of_thousands_of_digits_are_no_lengths(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, answers=[answer("200 OK", f"Content-Length: {'9' * 5000}", content=CONTENT)])
    assert "does not say how long it is" in store.failure(server.file("w.pt")).message


@pytest.mark.parametrize(
    ("target", "words"),
    [("http://[::1", "redirects to what is no address"), ("https:///bob:hunter2@host/x", "cannot fetch")],
)
def test_a_redirect_to_what_is_no_address_is_told(store: Store, server: FileServer, target: str, words: str) -> None:
    server.put("w.pt", CONTENT, redirect=target)
    error = store.failure(server.file("w.pt"))
    assert words in error.message
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("address", ["https://bob:hunter2@[::1/w.pt", "https:///bob:hunter2@host/w.pt"])
def test_of_what_is_no_address_no_password_is_shown(
    store: Store, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    error = store.failure(WeightFile("w.pt", address, mirrors=(address,)))
    assert "https:***" in error.message
    assert "hunter2" not in str(error) + caplog.text


def test_what_a_server_says_moves_no_cursor_also_where_it_is_only_logged(
    store: Store, server: FileServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.put("w.pt", CONTENT, answers=[answer("503 \x1b[31mbusy\x07"), answer("404 \x1b[31mgone\x9b")])
    error = store.failure(server.file("w.pt"))
    assert "the server answers 404 \N{REPLACEMENT CHARACTER}[31mgone\N{REPLACEMENT CHARACTER}" in error.message
    assert "the server answers 503 \N{REPLACEMENT CHARACTER}[31mbusy" in caplog.text
    assert "\x1b" not in caplog.text
