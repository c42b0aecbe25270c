"""A process in the model's own environment, for tests of what runs in the container."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from repro.models.esm import ESM
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings

PROBE = Path(__file__).with_name("probe.py")
SOURCE = PROBE.parent.parent / "src"


class Probe:
    """Asks probe.py: `probe.compare(path=..., ...)` is the answer of its function `compare`."""

    def __init__(self, python: Path) -> None:
        self._process = subprocess.Popen(
            [python, PROBE, SOURCE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},  # tiny models: threads would only wait for each other
        )

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(**arguments: Any) -> Any:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(json.dumps({"ask": name, **arguments}, default=str), file=self._process.stdin, flush=True)
            reply = json.loads(self._process.stdout.readline())
            if "error" in reply:
                raise ProbeError(*reply["error"])
            return reply["answer"]

        return ask

    def close(self) -> None:
        with self._process as process:
            assert process.stdin is not None
            process.stdin.close()


class ProbeError(Exception):
    """What was raised there."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


@pytest.fixture(scope="session")
def probe() -> Iterator[Probe]:
    environment = choose_runtime("local", load_settings()).setup(ESM.spec(), lambda line: None)
    started = Probe(environment.python)
    yield started
    started.close()


@pytest.fixture(scope="session")
def checkpoints(probe: Probe, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny checkpoint of each family."""
    folder = tmp_path_factory.mktemp("tiny")
    paths = {family: folder / f"{family}.pt" for family in ("esm2", "esm1b", "esm1v")}
    for seed, (family, path) in enumerate(paths.items()):
        probe.make(path=path, family=family, layers=3, width=16, heads=2, seed=seed)
    return paths


@pytest.fixture(scope="session")
def container_module() -> Callable[[str], ModuleType]:
    """A module of src/ that needs nothing but the standard library, by its name."""

    def load(name: str) -> ModuleType:
        specification = importlib.util.spec_from_file_location(f"esm_src_{name}", SOURCE / f"{name}.py")
        assert specification is not None
        assert specification.loader is not None
        module = importlib.util.module_from_spec(specification)
        sys.path.insert(0, str(SOURCE))
        try:
            specification.loader.exec_module(module)
        finally:
            sys.path.remove(str(SOURCE))
        return module

    return load
