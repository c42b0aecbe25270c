"""What the docker runtime lets a model do, looked at from inside the container."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest

from repro import __version__
from repro.errors import SettingsError
from repro.guest.facts import THREAD_VARIABLES
from repro.runtimes.base import Limits, ModelSpec, Runtime
from repro.session import Session
from repro.session_plan import SessionPlan

if TYPE_CHECKING:
    from docker import DockerClient

WEIGHT = b"0.5"
LIMITS = Limits(memory_bytes=256 << 20, cpus=0.5, shm_bytes=32 << 20, pids=100)


class Inside:
    """A worker in a container that runs what it is told."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def run(self, code: str) -> Any:
        """The value of `answer` after running `code`."""
        ((answer,),) = self.session.stream([{"do": "python", "code": code}])
        assert isinstance(answer, dict), answer
        return answer["value"]

    def status(self, name: str) -> str:
        """A line of /proc/self/status."""
        lines = self.run("answer = open('/proc/self/status').read()").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith(name + ":"))

    def error_of(self, code: str) -> str:
        """Name of the exception that `code` raises, or what it comes to."""
        indented = "\n    ".join(code.splitlines())
        return str(
            self.run(f"try:\n    {indented}\n    answer = 'no error'\nexcept Exception as e: answer = type(e).__name__")
        )

    def write_error(self, path: str) -> str:
        """Why a file at `path` cannot be written; empty where it can."""
        code = f"try: open({path!r}, 'w').close(); answer = ''\nexcept OSError as e: answer = e.strerror"
        return str(self.run(code))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folders")
    for name in ("weights", "extra"):
        (folder / name).mkdir()
        (folder / name / "file.bin").write_bytes(WEIGHT)
    return folder


@pytest.fixture(scope="module")
def inside(misbehaving_image: str, folders: Path) -> Iterator[Inside]:
    """One container with every limit and mount that can be asked for."""
    from repro.runtimes.docker import DockerRuntime
    from tests.integration.misbehaving_model import FOLDER

    runtime = DockerRuntime()
    spec = ModelSpec("misbehaving", FOLDER, misbehaving_image)
    mounts = {folders / "extra": PurePosixPath("/data/extra")}
    plan = SessionPlan(weights_dir=folders / "weights", mounts=mounts, limits=LIMITS)
    session = Session(runtime, lambda: runtime.find(spec), plan)
    yield Inside(session)
    session.close()


@pytest.fixture(scope="module")
def container(inside: Inside, engine: DockerClient) -> Any:
    """The engine's own view of that container."""
    inside.session.start()
    found = engine.containers.list(filters={"label": f"repro.pid={os.getpid()}"})
    return next(one for one in found if one.attrs["HostConfig"]["Memory"] == LIMITS.memory_bytes)


def test_it_runs_as_the_user_and_the_group_who_started_it(inside: Inside) -> None:
    assert inside.run("answer = [os.getuid(), os.getgid(), os.geteuid()]") == [os.getuid(), os.getgid(), os.geteuid()]


def test_files_that_it_writes_belong_to_the_user(inside: Inside) -> None:
    inside.run("open(os.path.join(runner.options.output_dir, 'mine'), 'w').close(); answer = None")

    assert inside.session._folder is not None
    assert (inside.session._folder.output_dir / "mine").stat().st_uid == os.getuid()


def test_it_has_no_network_but_loopback(inside: Inside) -> None:
    assert inside.run("answer = os.listdir('/sys/class/net')") == ["lo"]


def test_it_can_neither_resolve_nor_connect(inside: Inside) -> None:
    assert inside.error_of("import socket; socket.getaddrinfo('pypi.org', 443)") == "gaierror"
    assert inside.error_of("import socket; socket.create_connection(('172.17.0.1', 80), timeout=3)") == "OSError"


@pytest.mark.parametrize("kind", ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"])
def test_it_has_no_capability(inside: Inside, kind: str) -> None:
    assert int(inside.status(kind), 16) == 0


def test_it_can_gain_no_privilege(inside: Inside) -> None:
    assert inside.status("NoNewPrivs") == "1"


@pytest.mark.parametrize("path", ["/file", "/app/run.py", "/usr/local/file", "/etc/passwd", "/root/file"])
def test_the_root_file_system_is_read_only(inside: Inside, path: str) -> None:
    assert inside.write_error(path) in ("Read-only file system", "Permission denied")
    assert inside.run("answer = os.statvfs('/').f_flag & os.ST_RDONLY") == os.ST_RDONLY


@pytest.mark.parametrize("path", ["/tmp/file", "/home/repro/file", "/dev/shm/file"])
def test_temporary_folder_home_and_shared_memory_can_be_written(inside: Inside, path: str) -> None:
    assert inside.write_error(path) == ""


def test_home_is_a_folder_in_memory_and_what_is_compiled_there_can_be_loaded(inside: Inside) -> None:
    lines = inside.run("answer = open('/proc/mounts').read()").splitlines()
    mounts = {line.split()[1]: line.split()[3].split(",") for line in lines if line.split()[2] == "tmpfs"}

    assert inside.run("answer = os.environ['HOME']") == "/home/repro"
    for place in ("/tmp", "/home/repro"):
        assert {"nosuid", "nodev"} <= set(mounts[place])
        assert "noexec" not in mounts[place]


@pytest.mark.parametrize("path", ["/repro/in/file", "/repro/weights/file.bin", "/data/extra/file.bin"])
def test_inputs_weights_and_further_folders_are_mounted_read_only(inside: Inside, path: str) -> None:
    assert inside.write_error(path) == "Read-only file system"


@pytest.mark.parametrize("path", ["/repro/weights/file.bin", "/data/extra/file.bin"])
def test_weights_and_further_folders_can_be_read(inside: Inside, path: str) -> None:
    assert inside.run(f"answer = open({path!r}).read()").encode() == WEIGHT


def test_an_init_process_collects_what_has_ended(inside: Inside) -> None:
    assert "init" in inside.run("answer = open('/proc/1/comm').read()")
    inside.run(
        "child = os.fork()\n"
        "if child == 0:\n"
        "    if os.fork() == 0: os._exit(0)\n"
        "    os._exit(0)\n"
        "answer = os.waitpid(child, 0)[0]"
    )

    states = (
        "import time; time.sleep(0.2)\n"
        "pids = [name for name in os.listdir('/proc') if name.isdigit()]\n"
        "answer = [open('/proc/%s/stat' % pid).read().rpartition(')')[2].split()[0] for pid in pids]"
    )
    assert "Z" not in inside.run(states)


def test_processes_are_limited(inside: Inside) -> None:
    limit = (
        "from glob import glob\n"
        "(path,) = glob('/sys/fs/cgroup/pids/pids.max') or glob('/sys/fs/cgroup/pids.max')\n"
        "answer = int(open(path).read())"
    )

    assert inside.run(limit) == LIMITS.pids


def test_shared_memory_has_the_size_that_was_asked_for(inside: Inside) -> None:
    assert inside.run("s = os.statvfs('/dev/shm'); answer = s.f_frsize * s.f_blocks") == LIMITS.shm_bytes


def test_by_default_shared_memory_is_enough_for_pytorch() -> None:
    assert Limits().shm_bytes >= 1 << 30


def test_memory_and_cpu_are_limited_on_request(container: Any) -> None:
    host = container.attrs["HostConfig"]

    assert host["Memory"] == host["MemorySwap"] == LIMITS.memory_bytes  # no swap on top
    assert host["NanoCpus"] == 500_000_000


def test_only_the_folders_that_are_meant_are_mounted(container: Any) -> None:
    mounts = {mount["Destination"]: mount["RW"] for mount in container.attrs["Mounts"]}

    assert mounts == {"/repro/in": False, "/repro/out": True, "/repro/weights": False, "/data/extra": False}


def test_its_labels_name_version_owner_session_and_model(container: Any, inside: Inside) -> None:
    labels = container.labels

    assert labels["repro"] == __version__
    assert labels["repro.owner"]
    assert labels["repro.host"] == platform.node()
    assert labels["repro.pid"] == str(os.getpid())
    assert labels["repro.model"] == "misbehaving"
    assert labels["repro.session"] in container.name


def test_nothing_that_it_prints_is_kept_on_the_engines_disk(container: Any) -> None:
    assert container.attrs["HostConfig"]["LogConfig"]["Type"] == "none"


def test_it_is_not_privileged_and_shares_no_namespace_with_the_host(container: Any) -> None:
    host = container.attrs["HostConfig"]

    assert host["Privileged"] is False
    assert (host["PidMode"], host["UTSMode"], host["IpcMode"]) == ("", "", "private")
    assert host["NetworkMode"] == "none"
    assert host["Devices"] in ([], None)


def test_it_sees_no_process_of_the_host(inside: Inside) -> None:
    assert len(inside.run("answer = [name for name in os.listdir('/proc') if name.isdigit()]")) < 10


def test_its_environment_holds_what_the_image_says_and_little_else(container: Any, engine: DockerClient) -> None:
    given = {item.partition("=")[0] for item in container.attrs["Config"]["Env"]}
    image = {item.partition("=")[0] for item in container.image.attrs["Config"]["Env"]}

    added = given - image
    assert added <= {
        "HOME",
        "PYTHONDONTWRITEBYTECODE",
        "PYTHONUNBUFFERED",
        "NVIDIA_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
        *THREAD_VARIABLES,
    }


def test_it_computes_with_as_many_threads_as_its_limit_has_cores(inside: Inside) -> None:
    told = inside.run(f"answer = [os.environ.get(name) for name in {THREAD_VARIABLES}]")
    assert told == ["1"] * len(THREAD_VARIABLES)


def test_threads_that_the_user_names_are_taken(
    docker_runtime: Runtime, spec: ModelSpec, misbehaving_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    there = replace(spec, image=misbehaving_image)
    session = Session(docker_runtime, lambda: docker_runtime.find(there), SessionPlan(limits=LIMITS))
    try:
        told = Inside(session).run("answer = [os.environ.get(name) for name in ('OMP_NUM_THREADS', 'MKL_NUM_THREADS')]")
    finally:
        session.close()
    assert told == ["3", None]


def test_the_network_is_there_on_request(docker_runtime: Runtime, spec: ModelSpec, misbehaving_image: str) -> None:
    there = replace(spec, image=misbehaving_image)
    session = Session(docker_runtime, lambda: docker_runtime.find(there), SessionPlan(network=True))
    try:
        assert "eth0" in Inside(session).run("answer = os.listdir('/sys/class/net')")
    finally:
        session.close()


@pytest.mark.parametrize("place", ["/repro/out", "/repro", "relative"])
def test_a_mount_over_what_repro_needs_is_refused(
    docker_runtime: Runtime, spec: ModelSpec, misbehaving_image: str, tmp_path: Path, place: str
) -> None:
    there = replace(spec, image=misbehaving_image)
    plan = SessionPlan(mounts={tmp_path: PurePosixPath(place)})
    session = Session(docker_runtime, lambda: docker_runtime.find(there), plan)
    try:
        with pytest.raises(SettingsError, match="cannot be mounted"):
            session.start()
    finally:
        session.close()


def test_a_folder_that_is_not_there_cannot_be_mounted(
    docker_runtime: Runtime, spec: ModelSpec, misbehaving_image: str, tmp_path: Path
) -> None:
    there = replace(spec, image=misbehaving_image)
    plan = SessionPlan(mounts={tmp_path / "absent": PurePosixPath("/data")})
    session = Session(docker_runtime, lambda: docker_runtime.find(there), plan)
    try:
        with pytest.raises(SettingsError, match="does not exist"):
            session.start()
    finally:
        session.close()
