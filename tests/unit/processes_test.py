"""Whether a process that owns something still lives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from repro.processes import is_alive, parent_pid, process_start

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")  # noqa: PTH110


def test_this_process_lives_and_another_of_its_number_would_not_be_it() -> None:
    started = process_start(os.getpid())

    assert started is not None
    assert is_alive(os.getpid(), started)
    assert is_alive(os.getpid(), "")
    assert not is_alive(os.getpid(), str(int(started) - 1))


def test_one_that_has_gone_does_not_live() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = process_start(process.pid) or ""
    process.wait()

    assert not is_alive(process.pid, started)
    assert process_start(process.pid) is None


def test_one_that_has_ended_and_that_nobody_has_waited_for_does_not_live() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = process_start(process.pid) or ""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    try:
        assert not is_alive(process.pid, started)
    finally:
        process.wait()


def test_a_name_with_blanks_and_brackets_is_no_trouble() -> None:
    program = (
        "import ctypes, sys; ctypes.CDLL(None).prctl(15, b'a) b (1 2', 0, 0, 0); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()

        assert parent_pid(process.pid) == os.getpid()
        assert is_alive(process.pid, process_start(process.pid) or "")
