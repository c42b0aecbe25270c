"""Weights survive what happens to processes: killed in the middle, or two that want the same at once."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

import pytest

from repro.config import Variant
from repro.weights import fetch_variant

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


def kill_at(process: subprocess.Popen[str] | BaseProcess, store: Store, n_bytes: int) -> bool:
    """Kill -9 when so much has come, or a little later; whether it was still at work then."""
    deadline = time.monotonic() + WITHIN_S
    while is_at_work(process) and part_bytes(store) < n_bytes and time.monotonic() < deadline:
        time.sleep(0.001)
    at_work = is_at_work(process)
    process.kill()
    (process.join if isinstance(process, BaseProcess) else process.communicate)()
    return at_work


def is_at_work(process: subprocess.Popen[str] | BaseProcess) -> bool:
    return process.is_alive() if isinstance(process, BaseProcess) else process.poll() is None


@pytest.fixture(scope="module")
def quick() -> ForkServerContext:
    """Makes processes that need not import everything first: forty of them take seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["repro.weights.fetch", "repro.weights.sources", "requests", "filelock"])
    return context


def test_killed_at_twenty_random_points_each_fetch_goes_on_and_ends_with_the_right_content(
    store: Store, server: FileServer, quick: ForkServerContext
) -> None:
    server.put("w.pt", CONTENT, piece_bytes=20_000, pause_s=0.001)
    wanted = ("m", Variant("v", files=(server.file("w.pt"),)), store.weights_dir)
    right, killed = 0, 0
    for point in random.Random().sample(range(len(CONTENT)), 20):
        process = quick.Process(target=fetch_variant, args=wanted)
        process.start()
        killed += kill_at(process, store, point)
        left = store.path if store.path.exists() else store.part
        assert CONTENT.startswith(left.read_bytes() if left.exists() else b"")
        fetch_variant(*wanted)
        right += store.path.read_bytes() == CONTENT
        assert store.names() == [".hashes.json", "w.pt"]
        shutil.rmtree(store.weights_dir)
    assert right == 20
    assert killed >= 10  # the others had ended before they could be killed


def test_killed_again_and_again_a_fetch_never_begins_anew(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, piece_bytes=20_000, pause_s=0.004)
    for point in sorted(random.sample(range(1, len(CONTENT) - 200_000), 3)):
        kill_at(start_fetch(store, server), store, point)
    process = start_fetch(store, server)
    assert process.wait(WITHIN_S) == 0, process.communicate()
    process.communicate()
    assert store.path.read_bytes() == CONTENT
    assert all(asked for asked in server.ranges()[1:])


def test_interrupted_by_the_user_files_that_come_side_by_side_end_at_once_and_keep_what_came(
    store: Store, server: FileServer
) -> None:
    names = ["w.pt", "x.pt"]
    for name in names:
        server.put(name, CONTENT, stalls=[1_000_000])
    code = FETCH.replace(
        '(WeightFile("w.pt", sys.argv[1]),)', "[WeightFile(n, sys.argv[1] + n) for n in ('w.pt', 'x.pt')]"
    )
    command = [sys.executable, "-c", code, f"{server.url}/", str(store.weights_dir)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    parts = [store.folder / f"{name}.part" for name in names]
    deadline = time.monotonic() + WITHIN_S
    while not all(part.exists() and part.stat().st_size == 1_000_000 for part in parts):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)  # both wait for a server that has fallen silent
    _, said = process.communicate(timeout=WITHIN_S / 2)
    assert "KeyboardInterrupt" in said
    assert [part.stat().st_size for part in parts] == [1_000_000] * 2


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
