"""The model that misbehaves, ready to run in each runtime."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repro.runtimes.base import ModelSpec, Runtime
from repro.runtimes.docker import DockerRuntime
from repro.runtimes.local import LocalRuntime
from repro.session import Session
from repro.session_plan import SessionPlan
from repro.settings import Settings
from tests.integration.hosts import Host
from tests.integration.misbehaving_model import FOLDER, RAW

if TYPE_CHECKING:
    from docker import DockerClient

# Doctests are looked for in every module; these run inside workers alone.
collect_ignore_glob = ["misbehaving/src/*"]

OpenSession = Callable[..., Session]


@pytest.fixture(autouse=True)
def _caches_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the caches of the person who runs it, nor depends on their settings."""
    for name in [name for name in os.environ if name.startswith("REPRO_") and name != "REPRO_REQUIRE_ENGINE"]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def misbehaving_image(engine: DockerClient, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of the model that misbehaves; made once a run, from the builder's cache where it can be."""
    from repro.images.build import build_image

    image = f"repro-tests/misbehaving:{os.getpid()}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE_DIR", str(tmp_path_factory.mktemp("images")))  # which has the record of builds
        build_image(FOLDER, image, report=lambda line: None)
    yield image
    engine.images.remove(image, force=True)


@pytest.fixture
def spec(request: pytest.FixtureRequest) -> ModelSpec:
    """The model that misbehaves."""
    return ModelSpec(name="misbehaving", folder=FOLDER, image="repro-tests/misbehaving:not-built")


@pytest.fixture
def local_runtime(tmp_path: Path) -> Runtime:
    """The local runtime, with this interpreter: nothing has to be installed."""
    return LocalRuntime(Settings(cache_dir=tmp_path / "cache", local_python=Path(sys.executable)))


@pytest.fixture
def docker_runtime(misbehaving_image: str) -> Runtime:
    return DockerRuntime()


@pytest.fixture(params=["local", "docker"])
def runtime(request: pytest.FixtureRequest) -> Runtime:
    """Each runtime in turn."""
    runtime: Runtime = request.getfixturevalue(f"{request.param}_runtime")
    return runtime


@pytest.fixture
def ready_spec(runtime: Runtime, spec: ModelSpec, request: pytest.FixtureRequest) -> ModelSpec:
    """The model that misbehaves, set up in `runtime`."""
    if runtime.name != "docker":
        return spec
    return replace(spec, image=request.getfixturevalue("misbehaving_image"))


@pytest.fixture
def open_session(runtime: Runtime, ready_spec: ModelSpec) -> Iterator[OpenSession]:
    """Opens sessions on the model that misbehaves; they are closed after the test.

    Keywords are those of SessionPlan, and `behaviour=`: the one of run.raw.py.
    """
    opened: list[Session] = []

    def open_session(behaviour: str | None = None, **plan: Any) -> Session:
        spec = ready_spec
        if behaviour is not None:
            spec = replace(spec, command=RAW)
            plan["options"] = {"behaviour": behaviour}
        plan.setdefault("start_timeout_s", 60.0)
        session = Session(runtime, lambda: runtime.find(spec), SessionPlan(**plan))
        opened.append(session)
        return session

    yield open_session
    for session in opened:
        session.close()


@pytest.fixture
def host(runtime: Runtime, ready_spec: ModelSpec, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Host]:
    """Another process that uses repro, with the model that misbehaves set up in `runtime`."""
    folder = tmp_path / "host"
    folder.mkdir()
    engine = request.getfixturevalue("engine") if runtime.name == "docker" else None
    host = Host(runtime.name, ready_spec.image, folder, engine)
    yield host
    host.close()
