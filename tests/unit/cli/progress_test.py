"""What is shown while something goes on: weights that are fetched, records that are computed."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Repro

WEIGHTS = bytes(range(256)) * 4000


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def weighty(moody: None, tmp_path: Path) -> Iterator[None]:
    """The model `moody` with a variant whose weights lie on a server of this machine."""
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "small.pt").write_bytes(WEIGHTS)
    handler = functools.partial(_Quiet, directory=str(tmp_path / "served"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/small.pt"
    container = tmp_path / "packages" / "moody" / "container"
    (container / "config.yaml").write_text(
        f"models:\n  small:\n    description: A small one\n    files:\n      - url: {url}\n"
    )
    run = container / "src" / "run.py"
    run.write_text(run.read_text().replace('[("greeting"', '[("variant", ""), ("greeting"'))
    yield
    server.shutdown()
    server.server_close()


def on_a_terminal(*words: str) -> tuple[int, str]:
    """The exit code of the command line, and what it shows on a terminal."""
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen([sys.executable, "-m", "repro", *words], stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux tells that the other end has closed
        while block := os.read(ours, 65536):
            shown += block
    os.close(ours)
    return process.wait(60), shown.decode()


@pytest.mark.usefixtures("weighty")
class TestWeights:
    def test_fetch_is_told_in_lines_where_nobody_looks_on(self, repro: Repro, tmp_path: Path) -> None:
        ran = repro("setup", "moody", "--variant", "small")
        assert ran.code == 0, ran.err
        assert "fetching small.pt (1.0 MB)" in ran.err
        assert (tmp_path / "cache" / "weights" / "moody" / "small" / "small.pt").read_bytes() == WEIGHTS

    def test_fetch_shows_a_bar_on_a_terminal(self) -> None:
        code, shown = on_a_terminal("setup", "moody")
        assert code == 0
        assert "small.pt" in shown
        assert "1.0/1.0 MB" in shown

    def test_what_is_fetched_is_ready_and_its_hash_is_told_with_the_results(self, repro: Repro) -> None:
        repro("setup", "moody")
        assert "small (default)  ready" in repro("info", "moody").out
        Path("in.jsonl").write_text('{"text": "you"}\n')
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--json")
        assert ran.code == 0, ran.err
        maker = json.loads(ran.out)["maker"]
        assert maker["variant"] == "small"
        assert list(maker["weights"]) == ["small.pt"]

    def test_weights_that_the_user_names_are_used_in_their_place(self, repro: Repro, tmp_path: Path) -> None:
        Path("in.jsonl").write_text('{"text": "you"}\n')
        words = ["--weights", str(tmp_path / "served" / "small.pt")]
        assert repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", *words).code == 0


@pytest.mark.usefixtures("moody")
class TestRecords:
    def test_bar_shows_records_a_second_on_a_terminal(self) -> None:
        Path("in.jsonl").write_text('{"text": "you"}\n' * 32)
        words = ["predict", "moody", "in.jsonl", "-o", "out.jsonl", "--delay-s", "0.02"]
        code, shown = on_a_terminal(*words)
        assert code == 0
        assert "moody-model" in shown
        assert "/32" in shown
        assert "records/s" in shown

    def test_log_file_gets_lines_while_a_batch_is_computed_and_the_speed_counts_whole_batches(
        self, repro: Repro, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("repro.cli.progress._LINE_INTERVAL_S", 0.2)
        Path("in.jsonl").write_text('{"text": "you"}\n' * 16)
        ran = repro("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--delay-s", "0.1")
        told = [line for line in ran.err.splitlines() if " of 16 records, " in line]
        assert told[0].startswith("0 of 16 records, ")
        speeds = {line.split(",")[1].strip() for line in told if line.startswith("8 of 16")}
        assert len(speeds) == 1
        assert float(speeds.pop().removesuffix(" records/s")) < 11  # 8 records took 0.8 s or longer

    def test_quiet_shows_no_bar(self) -> None:
        Path("in.jsonl").write_text('{"text": "you"}\n')
        assert on_a_terminal("predict", "moody", "in.jsonl", "-o", "out.jsonl", "-q") == (0, "")

    def test_error_under_a_bar_is_readable(self) -> None:
        Path("in.jsonl").write_text('{"text": "you"}\n' * 20 + '{"text": "raise"}\n')
        code, shown = on_a_terminal("predict", "moody", "in.jsonl", "-o", "out.jsonl", "--delay-s", "0.01")
        assert code == 8
        assert "record 20: the model raised ValueError: in no mood" in shown


def test_description_of_a_model_is_cut_where_the_terminal_ends() -> None:
    ours, theirs = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    ended = subprocess.run([sys.executable, "-m", "repro", "list", "-q"], stdout=theirs, env=environ, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536).decode().splitlines()
    os.close(ours)
    assert ended.returncode == 0
    assert max(len(re.sub(r"\x1b\[\d+m", "", line)) for line in shown) <= 80
    assert any("\N{HORIZONTAL ELLIPSIS}" in line for line in shown)
