"""The engine is stopped and started between calls, and in the middle of one. With an engine of the test's own."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repro.errors import EngineUnavailableError, RuntimeUnavailableError, WorkerCrashedError
from repro.runtimes.base import ModelSpec
from repro.runtimes.choice import choose_runtime
from repro.runtimes.docker import DockerRuntime
from repro.session import Session
from repro.session_plan import SessionPlan
from repro.settings import Settings
from tests.integration.hosts import wait_for

if TYPE_CHECKING:
    from docker import DockerClient


def _may_start_an_engine() -> bool:
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("unshare"):
        return False
    return subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not _may_start_an_engine(), reason="a second Docker engine needs root on Linux, dockerd and unshare"
)

REVERSE = {"do": "reverse", "text": "abc"}
ANSWER = {"output": "cba"}


class SecondEngine:
    """A Docker engine beside the one that is there, its files in a folder and its network in a namespace of its own.

    In the network of this machine `--bridge=none` would take away the other engine's bridge.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"unix://{folder}/docker.sock"

    def start(self) -> None:
        folder = self._folder
        (folder / "tmp").mkdir(exist_ok=True)
        with (folder / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("unshare", "--net"),
                    "dockerd",
                    f"--host={self.address}",
                    f"--data-root={folder}/data",
                    f"--exec-root={folder}/exec",
                    f"--pidfile={folder}/docker.pid",
                    "--bridge=none",
                    "--iptables=false",
                    "--ip6tables=false",
                ],
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_for(self.answers, 60, f"the engine answers, see {folder}/dockerd.log")

    def answers(self) -> bool:
        import docker
        from docker.errors import DockerException

        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "dockerd.log").read_text()[-2000:]
        try:
            client = docker.DockerClient(self.address, timeout=5)
        except DockerException:
            return False
        client.close()
        return True

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def load(self, image: Iterator[bytes]) -> None:
        import docker

        client = docker.DockerClient(self.address, timeout=120)
        client.images.load(image)
        client.close()


@pytest.fixture(scope="module")
def second_engine(engine: DockerClient, misbehaving_image: str) -> Iterator[SecondEngine]:
    # A short path: that of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="repro-engine-", dir="/var/tmp"))
    second = SecondEngine(folder)
    try:
        second.start()
        second.load(engine.images.get(misbehaving_image).save(named=True))
        yield second
    finally:
        second.stop()
        for mount in Path("/proc/self/mounts").read_text().splitlines():  # what an engine leaves when it stops
            if mount.split()[1].startswith(str(folder)):
                subprocess.run(["umount", "--lazy", mount.split()[1]], check=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def session(
    second_engine: SecondEngine, misbehaving_image: str, spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    monkeypatch.setenv("DOCKER_HOST", second_engine.address)
    runtime = DockerRuntime()
    there = replace(spec, image=misbehaving_image)
    session = Session(runtime, lambda: runtime.find(there), SessionPlan(batch_size=1, start_timeout_s=60))
    yield session
    session.close()


def call(session: Session, *records: dict[str, Any]) -> list[Any]:
    return list(itertools.chain.from_iterable(session.stream(records)))


def test_a_call_after_a_restart_gets_its_answer(session: Session, second_engine: SecondEngine) -> None:
    assert call(session, REVERSE) == [ANSWER]

    second_engine.stop()
    second_engine.start()

    assert call(session, REVERSE) == [ANSWER]
    assert session.starts == 2


def test_a_call_while_it_is_stopped_says_so_and_the_next_one_works_when_it_is_back(
    session: Session, second_engine: SecondEngine
) -> None:
    assert call(session, REVERSE) == [ANSWER]

    second_engine.stop()
    try:
        with pytest.raises(EngineUnavailableError) as caught:
            call(session, REVERSE)
        with pytest.raises(RuntimeUnavailableError, match="docker"):
            choose_runtime("docker", Settings())
        chosen = choose_runtime(None, Settings())
    finally:
        second_engine.start()

    assert second_engine.address in caught.value.message
    assert "start an engine" in caught.value.fix
    assert chosen.name == "local"
    assert call(session, REVERSE) == [ANSWER]


def test_closing_while_it_is_stopped_is_fine(session: Session, second_engine: SecondEngine) -> None:
    assert call(session, REVERSE) == [ANSWER]

    second_engine.stop()
    try:
        session.close()
    finally:
        second_engine.start()


def test_a_stop_in_the_middle_of_a_call_loses_nothing_when_it_comes_back(
    session: Session, second_engine: SecondEngine
) -> None:
    records = [{"do": "sleep", "seconds": 0.2}] * 10
    session.start()
    found: list[Any] = []
    raised: list[Exception] = []

    def run() -> None:
        try:
            found.extend(call(session, *records))
        except (EngineUnavailableError, WorkerCrashedError) as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.7)
    second_engine.stop()
    second_engine.start()
    thread.join(timeout=60)

    # Whether it is back when the batch is sent again is a matter of milliseconds: all answers, or an error
    assert raised or found == [{"slept": 0.2}] * 10
    assert call(session, REVERSE) == [ANSWER]
