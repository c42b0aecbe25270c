"""The command line as a program, and as a function; with caches of its own and the interpreter that runs the tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from repro.cli import main
from tests.moody_package import make_moody_package

START_WITHIN_S = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Repro = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _a_place_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the caches of the person who runs it, nor depends on their settings or on an engine."""
    for name in [name for name in os.environ if name.startswith("REPRO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(tmp_path / "exchange"))
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    (tmp_path / "exchange").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def repro(capfd: pytest.CaptureFixture[str]) -> Repro:
    """The command line, in this process."""

    def run(*words: str | Path) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def program() -> Repro:
    """The command line as a process of its own."""

    def run(*words: str | Path, stdin: str = "", **environ: str) -> Ran:
        ended = subprocess.run(
            [sys.executable, "-m", "repro", *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            env={**os.environ, **environ},
            timeout=START_WITHIN_S,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def moody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model `moody`, of an installed package, that does as its records say."""
    from repro.registry import catalogue

    packages = make_moody_package(tmp_path / "packages")
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]))
    catalogue.__dict__.pop("sources", None)
    yield
    catalogue.__dict__.pop("sources", None)
    sys.modules.pop("moody", None)
