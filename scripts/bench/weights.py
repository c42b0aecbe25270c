"""Measure how weights are fetched: speed against curl, and whether interrupted fetches end as they should.

A server on loopback, a process of its own, serves a file of random bytes. repro and curl fetch it in turn, so that a
machine that speeds up or slows down does so for both. repro hashes what comes and puts it into its store; curl writes a
file and does no more. Figures are medians.

    python scripts/bench/weights.py [--bytes N] [--rounds N] [--kills N] [--json FILE]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.config import Variant, WeightFile
from repro.weights import Patience, fetch_variant, file_sha256

TARGET_RATIO = 0.9
WITHIN_S = 120.0
VARIANT_DIR = Path("bench") / "v"

# One file, over and over, with ranges, as fast as the kernel sends it.
SERVER = r"""
import os, re, socket, sys, threading
path = sys.argv[1]
size = os.path.getsize(path)
server = socket.create_server(("127.0.0.1", 0), backlog=64)
print(server.getsockname()[1], flush=True)
def serve(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        block = connection.recv(65536)
        if not block:
            return
        head += block
    asked = re.search(rb"\r\nrange: bytes=(\d+)-", head, re.IGNORECASE)
    first = int(asked[1]) if asked else 0
    status = b"206 Partial Content" if asked else b"200 OK"
    answer = b"HTTP/1.1 %b\r\nContent-Length: %d\r\nETag: \"1\"\r\nConnection: close\r\n" % (status, size - first)
    if asked:
        answer += b"Content-Range: bytes %d-%d/%d\r\n" % (first, size - 1, size)
    try:
        connection.sendall(answer + b"\r\n")
        with open(path, "rb") as stream:
            connection.sendfile(stream, offset=first)
    except OSError:
        pass  # the client was killed
    finally:
        connection.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
FETCH = """
import sys
from pathlib import Path
from repro.config import Variant, WeightFile
from repro.weights import fetch_variant
fetch_variant("bench", Variant("v", files=(WeightFile("w.pt", sys.argv[1], sha256=sys.argv[2]),)), Path(sys.argv[3]))
"""


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """The address of a file, for the time of the block."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/w.pt"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def write_random(path: Path, n_bytes: int) -> str:
    """Fill a file with random bytes, and give their hash."""
    digest, generator = hashlib.sha256(), random.Random(0)
    with path.open("wb") as stream:
        for at in range(0, n_bytes, 1 << 20):
            block = generator.randbytes(min(1 << 20, n_bytes - at))
            digest.update(block)
            stream.write(block)
    return digest.hexdigest()


def curl_s(url: str, folder: Path) -> float:
    """Seconds that curl takes to write the file."""
    target = folder / "curl.bin"
    os.sync()  # what the round before wrote is not this one's to wait for
    start = time.perf_counter()
    subprocess.run(["curl", "--silent", "--fail", "--output", target, url], check=True)
    taken_s = time.perf_counter() - start
    target.unlink()
    return taken_s


def repro_s(url: str, sha256: str, folder: Path) -> float:
    """Seconds that repro takes until the file lies in its store, hashed and checked."""
    store = folder / "store"
    variant = Variant("v", files=(WeightFile("w.pt", url, sha256=sha256),))
    os.sync()
    start = time.perf_counter()
    fetch_variant("bench", variant, store)
    taken_s = time.perf_counter() - start
    shutil.rmtree(store)
    return taken_s


def repro_process_s(url: str, sha256: str, folder: Path) -> float:
    """The same with the start of a Python process."""
    store = folder / "store"
    os.sync()
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", FETCH, url, sha256, str(store)], check=True)
    taken_s = time.perf_counter() - start
    shutil.rmtree(store)
    return taken_s


def resume_s(url: str, sha256: str, folder: Path, content: Path) -> float:
    """Seconds to go on from a file of which all but the last MiB is here: it is read, and hashed, again."""
    store = folder / "store"
    target = store / VARIANT_DIR / "w.pt"
    target.parent.mkdir(parents=True)
    part = target.with_name("w.pt.part")
    shutil.copyfile(content, part)
    os.truncate(part, content.stat().st_size - (1 << 20))
    note = {"address": url, "validator": '"1"', "total_bytes": content.stat().st_size, "sha256": sha256}
    target.with_name("w.pt.part.json").write_text(json.dumps(note))
    return repro_s(url, sha256, folder)


def survives_kill(url: str, sha256: str, folder: Path, n_bytes: int) -> tuple[bool, bool]:
    """Kill a fetch when `n_bytes` have come, and go on. Whether it was at work, and whether the hash is right then."""
    store = folder / "store"
    part = store / VARIANT_DIR / "w.pt.part"
    process = subprocess.Popen([sys.executable, "-c", FETCH, url, sha256, str(store)])
    deadline = time.monotonic() + WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        if part.exists() and part.stat().st_size >= n_bytes:
            break
        time.sleep(0.0005)
    at_work = process.poll() is None
    process.kill()
    process.wait()
    fetched = fetch_variant(
        "bench", Variant("v", files=(WeightFile("w.pt", url, sha256=sha256),)), store, patience=Patience()
    )
    assert fetched is not None
    right = file_sha256(fetched / "w.pt") == sha256
    shutil.rmtree(store)
    return at_work, right


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="size of the file [default: 1 GB]")
    parser.add_argument("--rounds", type=int, default=7, help="times that each fetches it [default: 7]")
    parser.add_argument("--kills", type=int, default=20, help="random points to kill a fetch at [default: 20]")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    return parser.parse_args()


def main() -> int:
    asked = arguments()
    os.environ["NO_PROXY"] = "127.0.0.1"
    figures: dict[str, object] = {"bytes": asked.bytes, "rounds": asked.rounds}
    with tempfile.TemporaryDirectory(prefix="repro-bench-") as place:
        folder = Path(place)
        content = folder / "content.bin"
        sha256 = write_random(content, asked.bytes)
        with serving(content) as url:
            curl, ours, process = [], [], []
            for number in range(asked.rounds + 1):
                times = (curl_s(url, folder), repro_s(url, sha256, folder), repro_process_s(url, sha256, folder))
                if number:  # the first warms up
                    for taken, all_taken in zip(times, (curl, ours, process), strict=True):
                        all_taken.append(taken)
            figures["curl_s"], figures["repro_s"] = statistics.median(curl), statistics.median(ours)
            figures["repro_with_start_of_python_s"] = statistics.median(process)
            figures["speed_of_curl"] = statistics.median(curl) / statistics.median(ours)
            figures["resume_at_the_end_s"] = resume_s(url, sha256, folder, content)
            points = [random.randrange(asked.bytes) for _ in range(asked.kills)]
            ends = [survives_kill(url, sha256, folder, point) for point in points]
            figures["killed_at_work"] = sum(at_work for at_work, _ in ends)
            figures["right_hash_in_the_end"] = sum(right for _, right in ends)
    for name, value in figures.items():
        print(f"{name:32} {value:,.2f}" if isinstance(value, float) else f"{name:32} {value:,}")
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n")
    reached = figures["speed_of_curl"] >= TARGET_RATIO and figures["right_hash_in_the_end"] == asked.kills
    print(f"target: {TARGET_RATIO} of curl's speed, {asked.kills} of {asked.kills} right: {'yes' if reached else 'NO'}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
