"""`run.py train`, run to its end with folders laid out as SageMaker lays them: in a container, or as a process.

In a container they lie below /opt/ml, and `train` is started with nothing behind it, as SageMaker does. What is read is
mounted read-only; `model` and `output` are for writing, and nothing else is.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import repro.guest
from repro.errors import Evidence, SettingsError, WorkerStartError
from repro.guest.training import END_WITH_STDIN
from repro.guest.training_options import TrainingPaths
from repro.runtimes import local
from repro.runtimes.base import Device, Environment, Exit, Launch, Limits
from repro.runtimes.classic import END_WITH_HOST
from repro.runtimes.container import ContainerPlan, run_to_end
from repro.runtimes.gpu import check_gpu
from repro.runtimes.log import LogTail

_READ_BYTES = 1 << 16
_LOG_ENDS_WITHIN_S = 5.0
# An image that SageMaker can start has a program `train` on its PATH; one that has none has its run.py.
_TRAIN = "if command -v train >/dev/null 2>&1; then set -- train; fi; "


@dataclass(frozen=True)
class TrainingLaunch:
    """How to start one training: everything that is needed, but for what lies in the folders."""

    prefix: Path
    """The folder that stands for /opt/ml: `input` with all that is read, `model` and `output` empty."""
    weights_dir: Path | None = None
    """A folder with pretrained weights, or one file of them."""
    mounts: Mapping[Path, PurePosixPath] = field(default_factory=dict)
    """Further folders to read from: path here -> path in the container."""
    device: Device = Device()
    network: bool = False
    limits: Limits = Limits()


def weights_dir_inside(environment: Environment, launch: TrainingLaunch) -> str | None:
    """Where run.py finds the weights."""
    if launch.weights_dir is None:
        return None
    if environment.runtime != "docker":
        return str(launch.weights_dir)
    inside = PurePosixPath(TrainingPaths().weights_dir)
    return str(inside / launch.weights_dir.name if launch.weights_dir.is_file() else inside)


def run_training(environment: Environment, launch: TrainingLaunch, log: LogTail) -> tuple[Exit, Evidence]:
    """Start `train`, wait until it ends, and leave nothing of it running, however this is left.

    Args:
        log: gets all that it prints.

    Raises:
        NotSetUpError, WorkerStartError, DeviceError, RuntimeUnavailableError, SettingsError: it could not start.
    """
    run = _run_in_container if environment.runtime == "docker" else _run_locally
    return run(environment, launch, log)


def check_launch(environment: Environment, launch: TrainingLaunch) -> None:
    """Raise what would keep it from starting and can be known before. SettingsError, DeviceError."""
    if environment.runtime == "docker":
        _read_only(launch)
        return
    if launch.limits != Limits() or launch.mounts:
        what = "limit memory, CPU or shared memory" if launch.limits != Limits() else "mount anything"
        raise SettingsError(f"the local runtime cannot {what}", fix='take Docker (--runtime docker, runtime="docker")')
    if launch.device.is_gpu:
        check_gpu(launch.device)


def _run_in_container(environment: Environment, launch: TrainingLaunch, log: LogTail) -> tuple[Exit, Evidence]:
    spec, here, inside = environment.spec, TrainingPaths(launch.prefix), TrainingPaths()
    output, output_inside = Path(here.failure_file).parent, PurePosixPath(inside.failure_file).parent
    plan = ContainerPlan(
        image=environment.identity,
        command=("/bin/sh", "-c", _TRAIN + END_WITH_HOST, "sh", *spec.command, "train"),
        read_only=_read_only(launch),
        writable={Path(here.output_dir): PurePosixPath(inside.output_dir), output: output_inside},
        device=launch.device,
        network=launch.network,
        limits=launch.limits,
        labels={"repro.model": spec.name, "repro.image": spec.image},
        name=f"repro-{spec.name}-train-{secrets.token_hex(6)}",
    )
    return run_to_end(plan, log)


def _read_only(launch: TrainingLaunch) -> dict[Path, PurePosixPath]:
    inside = TrainingPaths()
    top = PurePosixPath(inside.prefix)
    mounts = {launch.prefix / "input": top / "input"}
    if launch.weights_dir is not None:
        folder = launch.weights_dir.parent if launch.weights_dir.is_file() else launch.weights_dir
        mounts[folder] = PurePosixPath(inside.weights_dir)
    for path, place in launch.mounts.items():
        if not place.is_absolute() or place == top or top in place.parents:
            raise SettingsError(f"{path} cannot be mounted at {place}", fix=f"name an absolute path outside {top}")
        if not path.exists():
            raise SettingsError(f"{path} cannot be mounted: it does not exist")
        mounts[path] = place
    return mounts


def _run_locally(environment: Environment, launch: TrainingLaunch, log: LogTail) -> tuple[Exit, Evidence]:
    home = launch.prefix.parent / "home"
    (home / "work").mkdir(parents=True)
    (home / "repro_guest").symlink_to(Path(repro.guest.__file__).parent)
    worker = Launch({}, home, home, device=launch.device)
    command = local.worker_command(environment, worker)
    try:
        process = subprocess.Popen(
            [*command[: command.index("serve")], "train", "--prefix", str(launch.prefix)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=home / "work",
            env={**local.worker_environment(os.environ, home, worker), END_WITH_STDIN: "1"},
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )
    except OSError as error:
        raise WorkerStartError(
            f"the interpreter {environment.python} cannot be started: {error.strerror}",
            fix=f"repro setup {environment.spec.name} --runtime local",
            evidence=environment.evidence,
        ) from None
    code = _wait(process, log)
    return Exit(code), replace(environment.evidence, exit_code=code, log_tail=log.lines())


def _wait(process: subprocess.Popen[bytes], log: LogTail) -> int:
    """Wait for a process while its output is read; what it has started ends with it."""
    reader = threading.Thread(target=_drain, args=(process, log), name="repro-log", daemon=True)
    reader.start()
    try:
        return process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        reader.join(_LOG_ENDS_WITHIN_S)  # what has left the group may hold the pipe open
        assert process.stdin is not None
        process.stdin.close()
        log.close()


def _drain(process: subprocess.Popen[bytes], log: LogTail) -> None:
    assert process.stdout is not None
    with process.stdout as stream:
        while data := os.read(stream.fileno(), _READ_BYTES):
            log.feed(data)
