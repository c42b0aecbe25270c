"""What a runtime is: where a `run.py` executes. Implementations pass tests/integration/runtime_compliance.py."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from repro.errors import Evidence, SettingsError

_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*", re.IGNORECASE)
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str | int) -> int:
    """A number of bytes, as people write it; units are powers of 1,024.

    >>> parse_size("2g")
    2147483648

    Raises:
        SettingsError: it is no size.
    """
    match = _SIZE.fullmatch(str(text))
    size_bytes = int(float(match[1]) * 1024 ** _UNITS[match[2].lower()]) if match else 0
    if size_bytes < 1:
        raise SettingsError(f"{text!r} is no size", fix="write it like 512m or 8g")
    return size_bytes


@dataclass(frozen=True)
class Device:
    """A GPU by its index on the host, or the CPU."""

    index: int = -1

    def __post_init__(self) -> None:
        if type(self.index) is not int or self.index < -1:
            raise SettingsError(
                f"device={self.index!r} is no index of a GPU", fix="0 for the first GPU, -1 for the CPU"
            )

    @property
    def is_gpu(self) -> bool:
        return self.index >= 0

    def __str__(self) -> str:
        return f"GPU {self.index}" if self.is_gpu else "CPU"


@dataclass(frozen=True)
class Limits:
    """What a worker may use. None: no limit but the machine's."""

    memory_bytes: int | None = None
    cpus: float | None = None
    shm_bytes: int = 1 << 30
    """Size of /dev/shm, which PyTorch's data loaders need. An upper bound: nothing is reserved."""
    pids: int = 4096

    @classmethod
    def of(cls, memory: str | int | None, cpus: float | None, shm: str | int | None) -> Limits:
        """Limits as a user writes them. Raises SettingsError."""
        if cpus is not None and not 0 < cpus < math.inf:
            raise SettingsError(f"cpus={cpus!r} is not above 0", fix="give a number of cores, such as 2 or 0.5")
        return cls(
            memory_bytes=None if memory is None else parse_size(memory),
            cpus=cpus,
            shm_bytes=cls.shm_bytes if shm is None else parse_size(shm),
        )


@dataclass(frozen=True)
class ModelSpec:
    """What a runtime has to know of a model."""

    name: str
    folder: Path
    """The container side: Dockerfile, requirements.txt, config.yaml, src/run.py."""
    image: str
    """name:version"""
    command: tuple[str, ...] = ("python", "run.py")
    """How run.py is called in the image's working directory."""
    python: str | None = None
    """Version of the interpreter that the local runtime looks for; None: the one that runs repro."""
    is_published: bool = False
    """Whether a registry has the image, so that it can be pulled."""
    schema: str = ""
    """What it takes and gives, for the image's labels: JSON with `inputs` and `outputs`."""


class BuildWatch(Protocol):
    """Who is told how a build goes on. Steps may overlap; a step is named by the text that begins it."""

    def begin(self, step: str) -> None:
        """A step has begun."""

    def line(self, step: str, text: str) -> None:
        """A step printed a line."""

    def end(self, step: str, state: str, seconds: float) -> None:
        """A step has ended: `done`, `cached` or `failed`, after so many seconds."""

    def note(self, text: str) -> None:
        """Something that belongs to no step."""


@dataclass(frozen=True)
class BuildOptions:
    """What somebody who sets a model up may want otherwise."""

    build_args: Mapping[str, str] = field(default_factory=dict)
    """Values of the Dockerfile's `ARG`s."""
    no_cache: bool = False
    """Make everything anew."""
    platform: str | None = None
    """`linux/arm64`; None: that of the engine."""
    secrets: tuple[str, ...] = ()
    """`id=NAME,src=FILE` or `id=NAME,env=VARIABLE`, for RUN lines that mount them."""
    baked: Mapping[str, Path] = field(default_factory=dict)
    """Variants whose weights go into the image, and where they are."""
    weights: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """variant -> file -> SHA-256 as far as known, for the image's labels."""
    watch: BuildWatch | None = None
    """Who is told step by step; None: `report` gets plain lines."""


NOTHING_SPECIAL = BuildOptions()


@dataclass(frozen=True)
class Environment:
    """Something that is set up and in which workers of one model can start."""

    runtime: str
    spec: ModelSpec
    identity: str
    """Digest of the image, or keys of the local environment and of the model's code: equal ones compute equally."""
    python: Path | None = None
    """The interpreter, in a local environment."""
    baked: tuple[str, ...] = ()
    """Variants whose weights lie in the image."""

    @property
    def evidence(self) -> Evidence:
        return Evidence(runtime=self.runtime, image=self.spec.image, digest=self.identity)


@dataclass(frozen=True)
class Launch:
    """How to start one worker: everything a runtime needs to know, and nothing of how it does it."""

    options: Mapping[str, object]
    input_dir: Path
    output_dir: Path
    weights_dir: Path | None = None
    """A folder with pretrained weights, or one file of them."""
    mounts: Mapping[Path, PurePosixPath] = field(default_factory=dict)
    """Further folders to read from: path here -> path in the container."""
    device: Device = Device()
    network: bool = False
    limits: Limits = Limits()
    session: str = ""
    """Name of the session that owns the worker."""
    scratch_dir: Path | None = None
    """Where a runtime keeps what it needs beside; None: the system's temporary folder."""


@dataclass(frozen=True)
class Exit:
    """How a worker ended."""

    code: int | None
    """Exit status, negative for a signal; None where it is not known (the engine went away)."""
    oom_killed: bool = False


class WorkerProcess(Protocol):
    """One running worker, as a runtime hands it over. `lines` is called by one thread; the rest by any."""

    name: str

    def send(self, line: bytes) -> None:
        """Write to the worker's stdin. Raises OSError when the worker is gone."""

    def lines(self) -> Iterator[bytes]:
        """Lines of the worker's stdout as they come; ends when the worker does."""

    def log_tail(self) -> tuple[str, ...]:
        """The last lines that the worker wrote to stderr."""

    def stop(self, grace_s: float) -> None:
        """Close stdin, wait up to `grace_s` for the worker to end, then kill it. Returns when nothing is left of it."""

    def wait(self) -> Exit:
        """How the worker ended; waits for it."""

    def release_in_child(self) -> None:
        """In a forked child: close this process's copies of the worker's pipes, and nothing else."""


class Runtime(Protocol):
    """Where a run.py executes."""

    name: str

    def why_unavailable(self) -> str | None:
        """One line that says why this runtime cannot be used here, or None."""

    def find(self, spec: ModelSpec) -> Environment:
        """What `setup` made earlier. Raises NotSetUpError, RuntimeUnavailableError."""

    def setup(
        self, spec: ModelSpec, report: Callable[[str], None], options: BuildOptions = NOTHING_SPECIAL
    ) -> Environment:
        """Build what the model needs, or find that it is there; `report` gets progress, a line at a time.

        Raises BuildError, SettingsError (an option that it does not have).
        """

    def start(self, environment: Environment, launch: Launch) -> WorkerProcess:
        """Start a worker. Raises WorkerStartError, DeviceError, RuntimeUnavailableError, SettingsError."""
