"""What must be survived, beside what the tests of sessions, of host processes and of broken contracts hold."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from repro.errors import OutOfMemoryError, OutputError, SettingsError, WorkerStartError
from repro.runtimes.base import Limits, ModelSpec, Runtime
from repro.session import Session
from tests.integration.conftest import OpenSession
from tests.integration.hosts import wait_for

if TYPE_CHECKING:
    from docker import DockerClient

KILLS = 10
RECORDS = 5000
FULL_BYTES = 1 << 20


def answers(session: Session, records: Any) -> list[Any]:
    return list(itertools.chain.from_iterable(session.stream(records)))


class TestKillsAtRandomMoments:
    def test_every_record_is_answered_once_and_in_order(
        self, open_session: OpenSession, runtime: Runtime, request: pytest.FixtureRequest
    ) -> None:
        session = open_session(batch_size=50)
        seed = random.randrange(1 << 32)
        print(f"seed {seed}")  # shown when the test fails
        chance = random.Random(seed)
        done = threading.Event()
        kills = 0

        def kill_now_and_then() -> None:
            nonlocal kills
            while kills < KILLS and not done.wait(0.01):
                if session.is_warm:
                    done.wait(chance.uniform(0.0, 0.4))
                    kills += self.kill_worker(session, runtime, request)

        def records() -> Iterator[dict[str, Any]]:
            for number in range(RECORDS):
                if number % 50 == 0 and kills < KILLS:
                    yield {"do": "sleep", "seconds": 0.05}
                else:
                    yield {"do": "reverse", "text": f"{number:05d}"}

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        try:
            asked = []
            found = answers(session, (asked.append(record) or record for record in records()))  # type: ignore[func-returns-value]
        finally:
            done.set()
            killer.join()

        expected = [
            {"slept": record["seconds"]} if record["do"] == "sleep" else {"output": record["text"][::-1]}
            for record in asked
        ]
        assert len(found) == RECORDS
        assert found == expected
        assert kills >= KILLS // 2
        assert session.starts > 1

    @pytest.mark.parametrize("kills", [1, 3])
    def test_one_that_is_killed_while_it_loads_is_started_again_but_not_for_ever(
        self, open_session: OpenSession, runtime: Runtime, request: pytest.FixtureRequest, kills: int
    ) -> None:
        session = open_session(options={"seconds": 1.0})
        done = threading.Event()

        def kill_some() -> None:
            left = kills
            while left and not done.wait(0.05):
                left -= self.kill_worker(session, runtime, request)

        killer = threading.Thread(target=kill_some)
        killer.start()
        try:
            if kills < 3:
                assert answers(session, [{"do": "reverse", "text": "ab"}]) == [{"output": "ba"}]
            else:
                with pytest.raises(WorkerStartError, match="was killed by signal 9 before it was ready"):
                    session.start()
        finally:
            done.set()
            killer.join()

    def kill_worker(self, session: Session, runtime: Runtime, request: pytest.FixtureRequest) -> int:
        """Kill whatever worker there is, loading or computing; returns how many."""
        if runtime.name == "local":
            found = [child for child in psutil.Process().children() if "run.py" in " ".join(_command(child))]
            for child in found:
                child.kill()
            return len(found)
        import docker.errors

        engine: DockerClient = request.getfixturevalue("engine")
        killed = 0
        for container in engine.api.containers(filters={"label": f"repro.pid={os.getpid()}"}):
            try:
                engine.api.kill(container["Id"])
                killed += 1
            except docker.errors.APIError:  # it has just ended
                continue
        return killed


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class TestMemory:
    """A limit of memory is what containers have."""

    @pytest.fixture
    def runtime(self, docker_runtime: Runtime) -> Runtime:
        return docker_runtime

    LIMITS = Limits(memory_bytes=64 << 20)

    def test_a_record_that_needs_more_than_there_is_is_named_and_the_others_are_answered(
        self, open_session: OpenSession
    ) -> None:
        session = open_session(limits=self.LIMITS)
        records: list[dict[str, Any]] = [{"do": "reverse", "text": str(number)} for number in range(10)]
        records[4] = {"do": "allocate"}

        found = answers(session, records)

        error = found.pop(4)
        assert isinstance(error, OutOfMemoryError)
        assert "record 4" in error.message
        assert "memory=" in error.fix
        assert error.evidence.oom_killed is True
        assert error.evidence.exit_code == -9
        assert found == [{"output": str(number)} for number in range(10) if number != 4]

    def test_a_model_that_needs_more_than_there_is_to_load_is_told(self, open_session: OpenSession) -> None:
        session = open_session(limits=self.LIMITS, options={"at_load": "allocate"})

        with pytest.raises(OutOfMemoryError, match="while it loaded the model"):
            session.start()

        assert session.starts == 0

    def test_what_fits_is_computed(self, open_session: OpenSession) -> None:
        session = open_session(limits=self.LIMITS)

        assert answers(session, [{"do": "allocate", "megabytes": 8}]) == [{"megabytes": 8}]


def test_the_local_runtime_refuses_limits_that_it_cannot_keep(
    local_runtime: Runtime, spec: ModelSpec, tmp_path: Path
) -> None:
    from repro.session_plan import SessionPlan

    plan = SessionPlan(limits=Limits(memory_bytes=64 << 20))
    session = Session(local_runtime, lambda: local_runtime.find(spec), plan)

    with pytest.raises(SettingsError, match="cannot limit memory"):
        session.start()
    session.close()


class TestTheFolderOfTheExchange:
    @pytest.fixture
    def small_disk(self, tmp_path: Path) -> Iterator[Path]:
        """A file system of one megabyte."""
        if sys.platform != "linux" or os.getuid() != 0:
            pytest.skip("mounting a small file system needs root on Linux")
        folder = tmp_path / "small"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={FULL_BYTES}", "tmpfs", str(folder)], check=True)
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

    def test_records_that_have_no_room_are_an_output_error(self, open_session: OpenSession, small_disk: Path) -> None:
        session = open_session(exchange_root=small_disk)

        with pytest.raises(OutputError, match="No space left on device") as caught:
            answers(session, [{"do": "reverse", "text": "x" * (2 * FULL_BYTES)}])

        assert "REPRO_EXCHANGE_DIR" in caught.value.fix
        assert answers(session, [{"do": "reverse", "text": "ab"}]) == [{"output": "ba"}]

    @pytest.mark.parametrize(
        "record",
        [
            {"do": "python", "code": f"answer = 'x' * {2 * FULL_BYTES}"},
            {"do": "arrays", "shape": [2 * FULL_BYTES], "dtype": "uint8", "name": "a"},
        ],
        ids=["text", "array"],
    )
    def test_answers_that_have_no_room_are_an_output_error(
        self, open_session: OpenSession, small_disk: Path, record: dict[str, Any]
    ) -> None:
        session = open_session(exchange_root=small_disk, batch_size=2)

        with pytest.raises(OutputError, match="No space left on device") as caught:
            answers(session, [{"do": "reverse", "text": "ab"}, record])

        assert "REPRO_EXCHANGE_DIR" in caught.value.fix
        assert answers(session, [{"do": "reverse", "text": "ab"}]) == [{"output": "ba"}]
        assert session.starts == 1

    def test_a_folder_that_cannot_be_written_is_an_output_error_and_nothing_starts(
        self, open_session: OpenSession, small_disk: Path
    ) -> None:
        subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
        session = open_session(exchange_root=small_disk)

        with pytest.raises(OutputError, match="Read-only file system") as caught:
            answers(session, [{"do": "reverse", "text": "ab"}])

        assert "REPRO_EXCHANGE_DIR" in caught.value.fix
        assert session.starts == 0

    def test_a_folder_that_is_not_there_is_an_output_error(self, open_session: OpenSession, tmp_path: Path) -> None:
        session = open_session(exchange_root=tmp_path / "absent")

        with pytest.raises(OutputError, match="No such file"):
            answers(session, [{"do": "reverse", "text": "ab"}])

    def test_a_folder_that_is_removed_under_the_session_is_an_error(self, open_session: OpenSession) -> None:
        import shutil

        session = open_session(batch_size=10_000)
        session.start()
        assert session._folder is not None
        shutil.rmtree(session._folder.path)

        with pytest.raises(OutputError):
            answers(session, [{"do": "reverse", "text": "x" * 100_000}])


class TestChildren:
    def test_what_a_model_has_started_ends_with_its_worker(self, open_session: OpenSession) -> None:
        session = open_session()
        here = session.environment.runtime == "local"

        (found,) = answers(session, [{"do": "leave-a-child"}])
        session.close()

        if here:
            wait_for(lambda: not psutil.pid_exists(found["pid"]), 5, "the child has ended")

    def test_a_worker_that_dies_while_its_child_lives_is_noticed(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=1)

        found = answers(session, [{"do": "leave-a-child"}, {"do": "kill9-once"}, {"do": "reverse", "text": "ab"}])

        assert found[1:] == [{"output": "survived"}, {"output": "ba"}]
        assert session.starts == 2


def test_two_processes_may_set_the_same_model_up_at_once(
    runtime: Runtime, ready_spec: ModelSpec, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / "model"
    (folder / "src").mkdir(parents=True)
    (folder / "requirements.txt").write_text("")
    (folder / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\nWORKDIR /app\nCOPY repro_guest repro_guest\n")
    image = f"repro-tests/setup:{os.getpid()}"
    program = f"""
from pathlib import Path
from repro.runtimes.base import ModelSpec
from repro.runtimes.choice import runtime_named
from repro.settings import load_settings
runtime = runtime_named({runtime.name!r}, load_settings())
print(runtime.setup(ModelSpec("twice", Path({str(folder)!r}), {image!r}), lambda line: None).identity)
"""
    try:
        both = [
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        said = [process.communicate(timeout=120) for process in both]

        assert [process.returncode for process in both] == [0, 0], said
        assert said[0][0] == said[1][0] != ""
    finally:
        if runtime.name == "docker":
            request.getfixturevalue("engine").images.remove(image, force=True)
    if runtime.name == "local":
        made = [path.name for path in (tmp_path / "cache" / "environments").iterdir() if not path.name.startswith(".")]
        assert len(made) == 1
        assert not list((tmp_path / "cache" / "environments").glob(".*making*"))
