"""Weights survive what happens to processes: killed in the middle, or two that want the same at once."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store

CONTENT = random.Random(3).randbytes(3_000_000)
WITHIN_S = 60.0

FETCH = """
import sys
from pathlib import Path
from repro.config import Variant, WeightFile
from repro.weights import fetch_variant
fetch_variant("m", Variant("v", files=(WeightFile("w.pt", sys.argv[1]),)), Path(sys.argv[2]))
"""


def start_fetch(store: Store, server: FileServer) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", FETCH, f"{server.url}/w.pt", str(store.weights_dir)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def part_bytes(store: Store) -> int:
    return store.part.stat().st_size if store.part.exists() else 0


def kill_at(process: subprocess.Popen[str], store: Store, n_bytes: int) -> None:
    """Kill -9 when so much has come, or a little later; never mind if it was done by then."""
    deadline = time.monotonic() + WITHIN_S
    while process.poll() is None and part_bytes(store) < n_bytes and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    process.communicate()


def test_killed_at_random_points_a_fetch_goes_on_and_ends_with_the_right_content(
    store: Store, server: FileServer
) -> None:
    server.put("w.pt", CONTENT, piece_bytes=20_000, pause_s=0.004)
    for point in sorted(random.sample(range(1, len(CONTENT) - 200_000), 5)):
        kill_at(start_fetch(store, server), store, point)
        left = store.path if store.path.exists() else store.part
        assert CONTENT.startswith(left.read_bytes())
    process = start_fetch(store, server)
    assert process.wait(WITHIN_S) == 0, process.communicate()
    assert store.path.read_bytes() == CONTENT
    assert store.names() == [".hashes.json", "w.pt"]
    assert all(asked for asked in server.ranges()[1:])


def test_two_processes_that_want_the_same_weights_fetch_them_once(store: Store, server: FileServer) -> None:
    gate = threading.Event()
    server.put("w.pt", CONTENT, gate=gate)
    first = start_fetch(store, server)
    deadline = time.monotonic() + WITHIN_S
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start_fetch(store, server)
    assert second.stderr is not None
    assert "another process fetches these weights, or removes them; waiting for it" in second.stderr.readline()
    gate.set()
    assert [process.wait(WITHIN_S) for process in (first, second)] == [0, 0]
    assert store.path.read_bytes() == CONTENT
    assert len(server.requests) == 1
    for process in (first, second):
        process.communicate()


def test_a_process_that_is_killed_lets_the_one_that_waits_go_on(store: Store, server: FileServer) -> None:
    gate = threading.Event()
    server.put("w.pt", CONTENT, gate=gate)
    first = start_fetch(store, server)
    deadline = time.monotonic() + WITHIN_S
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    second = start_fetch(store, server)
    assert second.stderr is not None
    assert "another process" in second.stderr.readline()
    first.kill()
    first.communicate()
    gate.set()
    assert second.wait(WITHIN_S) == 0
    second.communicate()
    assert store.path.read_bytes() == CONTENT
