"""The wheel is all that a user gets: it must hold the host side, the guest and the container side of every model."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from repro._version import __version__

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel built from that sdist. No network: setuptools is in the environment."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(built.glob("*.whl")))


@pytest.fixture(scope="module")
def unpacked(wheel: zipfile.ZipFile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as an installer lays it out."""
    folder = tmp_path_factory.mktemp("site")
    wheel.extractall(folder)
    return folder


def tracked(folder: str) -> set[str]:
    """What git knows under a folder, or would know once it is added."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", folder]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name for name in listed if (ROOT / name).is_file()}


def test_wheel_carries_every_file_of_the_host_side(wheel: zipfile.ZipFile) -> None:
    assert tracked("repro") <= set(wheel.namelist())


def test_wheel_carries_the_container_side_of_every_model(wheel: zipfile.ZipFile) -> None:
    expected = {name.replace("models/", "repro/_containers/", 1) for name in tracked("models")}
    carried = {name for name in wheel.namelist() if name.startswith("repro/_containers/")}
    assert carried == expected


def test_wheel_carries_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"repro", f"repro_models-{__version__}.dist-info"}
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith(".pyc")]


def test_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    entry_points = wheel.read(f"repro_models-{__version__}.dist-info/entry_points.txt").decode()
    assert "repro = repro.cli:main" in entry_points


def test_sdist_carries_what_a_build_from_it_needs(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert tracked("repro") | tracked("models") | {"LICENSE", "setup.py", "pyproject.toml", "uv.lock"} <= names


def test_installed_package_finds_its_models_in_any_folder(unpacked: Path, tmp_path: Path) -> None:
    program = "import repro; print(repro.MODELS_ROOT)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(unpacked)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == unpacked / "repro" / "_containers"
