"""The local runtime: each worker in an isolated Python environment on this machine.

What it isolates: the packages and the interpreter's settings of a model (an environment of its own, made by uv from the
model's requirements.txt; no user site, no variables of yours but the few that are named here, a HOME of its own).

What it does not isolate: the worker runs as you, sees your files and the network, and has no limit on memory or CPU.
For a model whose code you do not trust, use the docker runtime.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import repro.guest
from repro.errors import NotSetUpError, SettingsError, WorkerStartError
from repro.guest.facts import THREAD_VARIABLES
from repro.runtimes import environments
from repro.runtimes.base import NOTHING_SPECIAL, BuildOptions, Environment, Exit, Launch, Limits, ModelSpec
from repro.runtimes.gpu import check_gpu, physical_gpu
from repro.runtimes.lines import FLOODED, LineCutter
from repro.runtimes.log import LogTail
from repro.settings import Settings

_KEPT = [
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    *THREAD_VARIABLES,
    "CUDA_HOME",
    "CUDA_PATH",
]
_READ_BYTES = 1 << 16
_IN_DOCKER = 'take Docker (--runtime docker, in Python runtime="docker")'


class LocalRuntime:
    """Runs workers as processes. See `Runtime` for what the methods promise."""

    name = "local"

    def __init__(self, settings: Settings, *, instead_of_docker: str = "") -> None:
        self._settings = settings
        self.instead_of_docker = instead_of_docker
        """Why it was taken though nobody asked for it: what keeps docker from being used; else empty."""

    def why_unavailable(self) -> str | None:
        return None if os.name == "posix" else "the local runtime needs Linux or macOS"

    def find(self, spec: ModelSpec) -> Environment:
        named = self._settings.local_python
        if named is not None:
            identity = f"interpreter:{named}+{source_digest(spec.folder / 'src')}"
            return Environment(self.name, spec, identity, _checked_interpreter(named))
        wanted = environments.wanted(spec, self._settings)
        if not wanted.is_ready:
            raise NotSetUpError(
                f"no local environment for {spec.name} is set up",
                cause=self._why_local(),
                fix=f"{self._start_engine()}repro setup {spec.name} --runtime local",
            )
        identity = f"{wanted.key}+{source_digest(spec.folder / 'src')}"
        return Environment(self.name, spec, identity, wanted.python)

    def _why_local(self) -> str:
        reason = self.instead_of_docker
        return reason and f"Docker would be taken and cannot be used, nor what is set up there: {reason}"

    def _start_engine(self) -> str:
        return "start the Docker engine (`repro doctor` says more), or " if self.instead_of_docker else ""

    def setup(
        self, spec: ModelSpec, report: Callable[[str], None], options: BuildOptions = NOTHING_SPECIAL
    ) -> Environment:
        _refuse_what_is_for_images(options)
        if self._settings.local_python is None:
            environments.make(environments.wanted(spec, self._settings), report, anew=options.no_cache)
        return self.find(spec)

    def start(self, environment: Environment, launch: Launch) -> LocalWorker:
        if launch.limits != Limits():
            raise SettingsError("the local runtime cannot limit memory, CPU or shared memory", fix=_IN_DOCKER)
        if launch.mounts:
            raise SettingsError(
                "the local runtime mounts nothing: the worker sees your files as they are", fix=_IN_DOCKER
            )
        if launch.device.is_gpu:
            check_gpu(launch.device)
        return LocalWorker.start(environment, launch)


class LocalWorker:
    """A worker as a process in a group of its own. See `WorkerProcess`."""

    def __init__(self, process: subprocess.Popen[bytes], home: Path) -> None:
        self._process = process
        self._home = home
        self._log = LogTail()
        self._send_lock = threading.Lock()
        self.name = f"process {process.pid}"
        self._log_thread = threading.Thread(target=self._drain_log, name="repro-log", daemon=True)
        self._log_thread.start()
        self._exit_thread = threading.Thread(target=self._end_group, name="repro-exit", daemon=True)
        self._exit_thread.start()

    @classmethod
    def start(cls, environment: Environment, launch: Launch) -> LocalWorker:
        home = Path(tempfile.mkdtemp(prefix="repro-home-", dir=launch.scratch_dir))
        try:
            (home / "repro_guest").symlink_to(Path(repro.guest.__file__).parent)
            (home / "work").mkdir()
            process = subprocess.Popen(
                worker_command(environment, launch),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=home / "work",
                env=worker_environment(os.environ, home, launch),
                start_new_session=True,  # Ctrl-C in a terminal is for the host, which ends the worker
            )
        except OSError as error:
            shutil.rmtree(home, ignore_errors=True)
            raise WorkerStartError(
                f"the interpreter {environment.python} cannot be started: {error.strerror}",
                fix=f"repro setup {environment.spec.name} --runtime local",
                evidence=environment.evidence,
            ) from None
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(process, home)

    def send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with self._send_lock:
            view = memoryview(line)
            try:
                while view:  # an unbuffered pipe may take less than it is given
                    view = view[self._process.stdin.write(view) or 0 :]
            except ValueError:  # how Python tells that `stop` has closed the pipe
                raise BrokenPipeError(f"{self.name} was stopped") from None

    def lines(self) -> Iterator[bytes]:
        assert self._process.stdout is not None
        cutter = LineCutter()
        while not cutter.is_flooded and (data := self._process.stdout.read(_READ_BYTES)):
            yield from cutter.cut(data)
        if cutter.is_flooded:
            self._log.feed(FLOODED)

    def log_tail(self) -> tuple[str, ...]:
        return self._log.lines()

    def stop(self, grace_s: float) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._kill_group()
        self._exit_thread.join()

    def wait(self) -> Exit:
        code = self._process.wait()
        self._log_thread.join(timeout=1)  # the last lines say why
        return Exit(code)

    def release_in_child(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _drain_log(self) -> None:
        assert self._process.stderr is not None
        while data := self._process.stderr.read(_READ_BYTES):
            self._log.feed(data)

    def _end_group(self) -> None:
        """When the worker ends, end what it has started too: it would hold the pipes open, and outlive the session."""
        self._process.wait()
        self._kill_group()
        shutil.rmtree(self._home, ignore_errors=True)

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def worker_command(environment: Environment, launch: Launch) -> list[str]:
    spec = environment.spec
    interpreter = str(environment.python)
    words = [interpreter if word == "python" else word for word in spec.command]
    words = [str(spec.folder / "src" / word) if word.startswith("run.") else word for word in words]
    words += ["serve", "--input-dir", str(launch.input_dir), "--output-dir", str(launch.output_dir)]
    words += ["--device", "cuda" if launch.device.is_gpu else "cpu", "--options", json.dumps(launch.options)]
    if launch.weights_dir is not None:
        words += ["--weights-dir", str(launch.weights_dir)]
    return words


def worker_environment(environ: Mapping[str, str], home: Path, launch: Launch) -> dict[str, str]:
    kept = {name: environ[name] for name in environ if name in _KEPT or name.startswith("LC_")}
    return {
        **kept,
        "HOME": str(home),
        "PYTHONPATH": str(home),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "CUDA_VISIBLE_DEVICES": physical_gpu(launch.device, environ) if launch.device.is_gpu else "",
    }


def source_digest(folder: Path) -> str:
    """A key of a model's own code, which lies beside the environment and may change without it."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _refuse_what_is_for_images(options: BuildOptions) -> None:
    given = {
        "--build-arg": options.build_args,
        "--platform": options.platform,
        "--secret": options.secrets,
        "--bake": options.baked,
    }
    for name, value in given.items():
        if value:
            raise SettingsError(f"{name} is for images; the local runtime makes none", fix="use --runtime docker")


def _checked_interpreter(path: Path) -> Path:
    if not os.access(path, os.X_OK) or path.is_dir():
        raise SettingsError(f"REPRO_LOCAL_PYTHON={path} is no interpreter that can be run", fix="name a python3")
    return path
