"""What a user sets once, by environment variables. Read at the edge, handed down as one frozen object."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repro.errors import SettingsError

RUNTIMES = ("docker", "local")
_ON, _OFF = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


@dataclass(frozen=True)
class Settings:
    """All settings, with the variable that each is read from.

    >>> Settings.from_environ({"REPRO_RUNTIME": "local"}).runtime
    'local'
    """

    runtime: str | None = None
    """REPRO_RUNTIME: `docker`, `local` or `auto`; `auto`, or unset: docker where an engine answers, else local."""
    cache_dir: Path = field(default_factory=lambda: _user_cache_dir(os.environ))
    """REPRO_CACHE_DIR: environments and other things that can be made again; `~/.cache/repro`, or `repro` in
    XDG_CACHE_HOME, when unset."""
    weights_dir: Path = field(default_factory=lambda: _user_cache_dir(os.environ) / "weights")
    """REPRO_WEIGHTS_DIR: pretrained weights; `weights` in the cache folder when unset."""
    exchange_root: Path | None = None
    """REPRO_EXCHANGE_DIR: where batches are handed over; the system's temporary folder when unset."""
    local_python: Path | None = None
    """REPRO_LOCAL_PYTHON: an interpreter that has a model's packages; the local runtime uses it as it is."""
    start_timeout_s: float = 600.0
    """REPRO_START_TIMEOUT: seconds that a worker may take to load its model."""
    call_timeout_s: float | None = None
    """REPRO_CALL_TIMEOUT: seconds that one batch may take; no limit when unset."""
    idle_timeout_s: float | None = None
    """REPRO_IDLE_TIMEOUT: seconds without a call after which a worker is stopped; never when unset."""
    weights_mirror: str | None = None
    """REPRO_WEIGHTS_MIRROR: an address, or a folder, that holds MODEL/VARIANT/FILE; asked before any other source."""
    offline: bool = False
    """REPRO_OFFLINE: 1: weights come from no network; what is missing is an error."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read and check all settings.

        Raises:
            SettingsError: a variable has a value that cannot be used; the message names it.
        """
        cache_dir = _path(environ, "REPRO_CACHE_DIR") or _user_cache_dir(environ)
        return cls(
            runtime=_one_of(environ, "REPRO_RUNTIME", RUNTIMES),
            cache_dir=cache_dir,
            weights_dir=_path(environ, "REPRO_WEIGHTS_DIR") or cache_dir / "weights",
            weights_mirror=environ.get("REPRO_WEIGHTS_MIRROR") or None,
            offline=_flag(environ, "REPRO_OFFLINE"),
            exchange_root=_path(environ, "REPRO_EXCHANGE_DIR"),
            local_python=_path(environ, "REPRO_LOCAL_PYTHON"),
            start_timeout_s=_seconds(environ, "REPRO_START_TIMEOUT") or cls.start_timeout_s,
            call_timeout_s=_seconds(environ, "REPRO_CALL_TIMEOUT"),
            idle_timeout_s=_seconds(environ, "REPRO_IDLE_TIMEOUT"),
        )


def load_settings() -> Settings:
    """The settings of this process, as its environment has them now."""
    return Settings.from_environ(os.environ)


def _user_cache_dir(environ: Mapping[str, str]) -> Path:
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "repro"


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value).expanduser().absolute() if value else None


def _flag(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").lower()
    if value in _ON or value in _OFF:
        return value in _ON
    raise SettingsError(f"{name}={environ[name]!r} is neither 1 nor 0", fix=f"set {name}=1, or unset it")


def _one_of(environ: Mapping[str, str], name: str, choices: tuple[str, ...]) -> str | None:
    value = environ.get(name)
    if not value or value == "auto":
        return None
    if value not in choices:
        raise SettingsError(f"{name}={value!r} is not known", fix=f"set {name} to one of: {', '.join(choices)}, auto")
    return value


def _seconds(environ: Mapping[str, str], name: str) -> float | None:
    value = environ.get(name)
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (seconds > 0 and math.isfinite(seconds)):
        raise SettingsError(f"{name}={value!r} is not a number of seconds above 0", fix=f"for example: {name}=600")
    return seconds
