"""An interrupted fetch goes on where it stopped, and only if it is still the same file."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest

from repro.config import WeightFile
from repro.weights import Patience

if TYPE_CHECKING:
    from tests.unit.weights.conftest import Counter, FileServer, Store

CONTENT = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_broken_transfer_goes_on_where_it_broke(store: Store, server: FileServer, counter: Counter) -> None:
    server.put("w.pt", CONTENT, cuts=[100_000, 50_000])
    store.fetch(server.file("w.pt"), progress=counter)
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-", "bytes=150000-"]
    assert counter.told == [("w.pt", 300_000), "done"]
    assert counter.bytes == 300_000


def test_a_fetch_that_was_given_up_goes_on_where_it_broke(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.leave_part(server)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-"]
    assert server.requests[1][1]["If-Range"] == '"version-1"'


def test_a_whole_part_needs_no_server(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.leave_part(server)
    store.part.write_bytes(CONTENT)
    store.fetch(server.file("w.pt"))
    assert len(server.requests) == 1


def test_a_server_without_ranges_is_asked_for_all_of_it_again(
    store: Store, server: FileServer, counter: Counter
) -> None:
    server.put("w.pt", CONTENT, ranges=False, cuts=[100_000])
    store.fetch(server.file("w.pt"), progress=counter)
    assert store.path.read_bytes() == CONTENT
    assert counter.bytes == 300_000


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_changed_in_between_is_fetched_anew(store: Store, server: FileServer, if_range: bool) -> None:
    server.put("w.pt", CONTENT[::-1])
    store.leave_part(server)
    server.put("w.pt", CONTENT, etag='"version-2"', if_range=if_range)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT


def test_a_file_that_became_shorter_than_its_part_is_fetched_anew(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.leave_part(server)
    server.put("w.pt", CONTENT[:50_000], if_range=False)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT[:50_000]


def test_an_answer_that_goes_on_at_another_place_is_not_appended(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, cuts=[100_000], skew=10)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT


def test_a_part_of_another_address_is_not_continued(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT[::-1])
    store.leave_part(server)
    server.put("mirror/w.pt", CONTENT)
    store.fetch(WeightFile("w.pt", f"{server.url}/mirror/w.pt"))
    assert server.ranges() == [None, None]


@pytest.mark.parametrize(("facts", "asked"), [({}, None), ({"sha256": SHA256}, "bytes=100000-")])
def test_without_a_mark_of_the_version_a_part_is_continued_only_if_the_hash_is_known(
    store: Store, server: FileServer, facts: dict[str, str], asked: str | None
) -> None:
    server.put("w.pt", CONTENT, etag='W/"weak"')
    store.leave_part(server, **facts)
    store.fetch(server.file("w.pt", **facts))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges()[1] == asked


def test_a_date_serves_as_the_mark_of_the_version(store: Store, server: FileServer) -> None:
    date = "Wed, 21 Oct 2015 07:28:00 GMT"
    server.put("w.pt", CONTENT, etag=None, headers={"Last-Modified": date})
    store.leave_part(server)
    store.fetch(server.file("w.pt"))
    assert (server.ranges()[1], server.requests[1][1]["If-Range"]) == ("bytes=100000-", date)


def test_a_part_that_suffered_is_dropped_and_the_file_fetched_anew(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.leave_part(server, sha256=SHA256)
    store.part.write_bytes(bytes(100_000))
    store.fetch(server.file("w.pt", sha256=SHA256))
    assert store.path.read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["", "[]", '{"address": 1'])
def test_a_part_whose_note_is_damaged_is_dropped(store: Store, server: FileServer, note: str) -> None:
    server.put("w.pt", CONTENT)
    store.leave_part(server)
    store.part.with_name("w.pt.part.json").write_text(note)
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, None]


def test_a_server_that_falls_silent_is_left_and_asked_for_the_rest(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, stalls=[100_000])
    store.fetch(server.file("w.pt"), patience=Patience(first_wait_s=0.0, read_timeout_s=0.3))
    assert store.path.read_bytes() == CONTENT
    assert server.ranges() == [None, "bytes=100000-"]
