"""What a session runs, and with what patience."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from repro.errors import SettingsError
from repro.runtimes.base import Device, Limits


@dataclass(frozen=True)
class SessionPlan:
    """What a session runs, and with what patience.

    Raises:
        SettingsError: a size or a time is not above 0.
    """

    options: Mapping[str, object] = field(default_factory=dict)
    """Options of run.py that are fixed when the worker starts."""
    weights_dir: Path | None = None
    mounts: Mapping[Path, PurePosixPath] = field(default_factory=dict)
    """Further folders to read from: path here -> path in the container."""
    device: Device = Device()
    network: bool = False
    limits: Limits = Limits()
    batch_size: int = 1024
    start_timeout_s: float = 600.0
    call_timeout_s: float | None = None
    idle_timeout_s: float | None = None
    exchange_root: Path | None = None

    def __post_init__(self) -> None:
        for name in ("batch_size", "start_timeout_s", "call_timeout_s", "idle_timeout_s"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise SettingsError(f"{name}={value!r} is not above 0", fix=f"leave {name} out, or give a positive one")
