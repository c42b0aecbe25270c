"""Environments of the local runtime: made by uv from requirements.txt, with packages of the tests' own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from repro.errors import BuildError, NotSetUpError, SettingsError
from repro.runtimes.base import BuildOptions, ModelSpec
from repro.runtimes.local import LocalRuntime
from repro.session import Session
from repro.session_plan import SessionPlan
from repro.settings import Settings
from tests.integration.hosts import wait_for
from tests.integration.misbehaving_model import FOLDER

PASSWORD = "hunter2-hunter2"
IMPORT = {"do": "python", "code": "import a_small_package; answer = a_small_package.VERSION"}


def make_wheel(folder: Path, version: str) -> None:
    """A package as small as can be."""
    info = f"a_small_package-{version}.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"a_small_package-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("a_small_package.py", f"VERSION = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: a-small-package\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def runtime(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalRuntime:
    """The local runtime, with a pip that is told to look in one folder only."""
    for version in ("1.0", "2.0"):
        make_wheel(tmp_path / "wheels", version)
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\nno-index = true\nfind-links = {tmp_path / 'wheels'}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return LocalRuntime(Settings(cache_dir=cache))


@pytest.fixture
def model(tmp_path: Path) -> ModelSpec:
    """A model that needs the package; its run.py is that of the model that misbehaves."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "src").symlink_to(FOLDER / "src")
    (folder / "requirements.txt").write_text("a-small-package==1.0\n")
    return ModelSpec("small", folder, "small:1.0")


def set_up(runtime: LocalRuntime, model: ModelSpec) -> list[str]:
    lines: list[str] = []
    runtime.setup(model, lines.append)
    return lines


def answer(runtime: LocalRuntime, model: ModelSpec) -> object:
    session = Session(runtime, lambda: runtime.find(model), SessionPlan())
    try:
        ((found,),) = session.stream([IMPORT])
    finally:
        session.close()
    assert isinstance(found, dict), found
    return found["value"]


def environments(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "environments").iterdir() if not path.name.endswith(".lock"))


def test_the_worker_has_the_models_packages_and_the_host_does_not(runtime: LocalRuntime, model: ModelSpec) -> None:
    set_up(runtime, model)

    assert answer(runtime, model) == "1.0"
    with pytest.raises(ImportError):
        __import__("a_small_package")


def test_the_worker_has_none_of_the_hosts_packages(runtime: LocalRuntime, model: ModelSpec) -> None:
    set_up(runtime, model)
    session = Session(runtime, lambda: runtime.find(model), SessionPlan())
    code = "import importlib.util; answer = importlib.util.find_spec('pytest') is None"

    ((found,),) = session.stream([{"do": "python", "code": code}])
    session.close()

    assert found == {"value": True}


def test_what_is_set_up_is_left_as_it_is(runtime: LocalRuntime, model: ModelSpec, cache: Path) -> None:
    set_up(runtime, model)
    made = (cache / "environments" / environments(cache)[0]).stat()

    lines = set_up(runtime, model)

    assert "up to date" in lines[0]
    assert (cache / "environments" / environments(cache)[0]).stat().st_mtime_ns == made.st_mtime_ns


def test_other_requirements_make_another_environment_beside_the_first(
    runtime: LocalRuntime, model: ModelSpec, cache: Path
) -> None:
    set_up(runtime, model)
    (model.folder / "requirements.txt").write_text("a-small-package==2.0\n")

    with pytest.raises(NotSetUpError):
        runtime.find(model)
    set_up(runtime, model)

    assert answer(runtime, model) == "2.0"
    assert len(environments(cache)) == 2


def test_locked_versions_are_kept_to_and_another_lock_is_another_environment(
    runtime: LocalRuntime, model: ModelSpec, cache: Path
) -> None:
    (model.folder / "requirements.txt").write_text("a-small-package\n")
    (model.folder / "requirements.lock").write_text("a-small-package==1.0\n")
    set_up(runtime, model)
    assert answer(runtime, model) == "1.0"

    (model.folder / "requirements.lock").write_text("a-small-package==2.0\n")
    with pytest.raises(NotSetUpError):
        runtime.find(model)
    set_up(runtime, model)
    assert answer(runtime, model) == "2.0"
    assert len(environments(cache)) == 2


def test_without_cache_an_environment_is_made_anew(runtime: LocalRuntime, model: ModelSpec, cache: Path) -> None:
    set_up(runtime, model)
    folder = cache / "environments" / environments(cache)[0]
    (folder / "left").write_text("")

    runtime.setup(model, lambda line: None, BuildOptions(no_cache=True))

    assert not (folder / "left").exists()
    assert answer(runtime, model) == "1.0"


@pytest.mark.parametrize(
    "options",
    [
        BuildOptions(build_args={"A": "1"}),
        BuildOptions(platform="linux/arm64"),
        BuildOptions(secrets=("id=a,env=A",)),
    ],
)
def test_what_is_for_images_is_refused(runtime: LocalRuntime, model: ModelSpec, options: BuildOptions) -> None:
    with pytest.raises(SettingsError, match="is for images"):
        runtime.setup(model, lambda line: None, options)


def test_a_package_that_cannot_be_had_is_a_build_error_and_leaves_nothing(
    runtime: LocalRuntime, model: ModelSpec, cache: Path
) -> None:
    (model.folder / "requirements.txt").write_text("a-small-package==3.0\n")

    with pytest.raises(BuildError, match="uv pip failed") as caught:
        set_up(runtime, model)

    assert "a-small-package==3.0" in "\n".join(caught.value.evidence.log_tail)
    assert environments(cache) == []


def test_a_password_of_the_index_is_not_shown(
    runtime: LocalRuntime, model: ModelSpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ada:{PASSWORD}@127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    reported: list[str] = []

    with pytest.raises(BuildError) as caught:
        runtime.setup(model, reported.append)

    assert "127.0.0.1:9" in str(caught.value)
    assert PASSWORD not in str(caught.value) + "\n".join(reported)


def test_a_setup_that_is_killed_leaves_nothing_that_is_taken_for_an_environment(
    runtime: LocalRuntime, model: ModelSpec, cache: Path
) -> None:
    program = f"""
from pathlib import Path
from repro.runtimes.base import BuildOptions, ModelSpec
from repro.runtimes.local import LocalRuntime
from repro.settings import Settings
import repro.runtimes.environments as environments
import time
environments._uv = lambda *arguments: time.sleep(300)
model = ModelSpec("small", Path({str(model.folder)!r}), "small:1.0")
LocalRuntime(Settings(cache_dir=Path({str(cache)!r}))).setup(model, print)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.DEVNULL)
    wait_for(lambda: list(cache.glob("environments/.small-*making*")), 30, "it is under way")
    process.send_signal(signal.SIGKILL)
    process.wait()

    with pytest.raises(NotSetUpError):
        runtime.find(model)
    set_up(runtime, model)

    assert answer(runtime, model) == "1.0"
    assert len(environments(cache)) == 1


def test_an_environment_whose_interpreter_has_gone_is_made_again(
    runtime: LocalRuntime, model: ModelSpec, cache: Path
) -> None:
    set_up(runtime, model)
    python = runtime.find(model).python
    assert python is not None
    python.unlink()

    with pytest.raises(NotSetUpError):
        runtime.find(model)
    set_up(runtime, model)

    assert answer(runtime, model) == "1.0"


def test_a_cache_that_cannot_be_written_is_a_build_error(model: ModelSpec, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(BuildError, match="cannot be written") as caught:
        set_up(LocalRuntime(Settings(cache_dir=tmp_path / "file")), model)

    assert "REPRO_CACHE_DIR" in caught.value.fix


def test_an_interpreter_that_is_named_is_used_as_it_is(model: ModelSpec, tmp_path: Path) -> None:
    runtime = LocalRuntime(Settings(cache_dir=tmp_path / "cache", local_python=Path(sys.executable)))

    assert set_up(runtime, model) == []
    assert runtime.find(model).python == Path(sys.executable)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["absent", "."])
def test_an_interpreter_that_is_none_is_refused(model: ModelSpec, tmp_path: Path, name: str) -> None:
    runtime = LocalRuntime(Settings(cache_dir=tmp_path, local_python=tmp_path / name))

    with pytest.raises(SettingsError, match="REPRO_LOCAL_PYTHON"):
        runtime.find(model)


def test_a_version_of_python_that_the_model_asks_for_is_taken(runtime: LocalRuntime, model: ModelSpec) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = replace(model, python=version)

    set_up(runtime, asked)

    assert answer(runtime, asked) == "1.0"
