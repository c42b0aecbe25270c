"""What travels to the builder: what a Dockerfile needs, readable by anyone, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.images.context import stage_context


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    model = tmp_path / "model"
    for name in (
        "src/run.py",
        "src/__pycache__/run.cpython-311.pyc",
        "tests/golden/a.npy",
        ".git/config",
        "Dockerfile",
    ):
        path = model / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(0o600)
    script = model / "scripts/download-models.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    target = tmp_path / "context"
    stage_context(model, target)
    return target


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_tests_caches_and_git_stay_behind(staged: Path) -> None:
    own = {name for name in _files(staged) if not name.startswith("repro_guest/")}

    assert own == {"src/run.py", "Dockerfile", "scripts/download-models.sh"}


def test_the_guest_is_beside_the_model(staged: Path) -> None:
    assert {"repro_guest/__init__.py", "repro_guest/runner.py", "repro_guest/exchange.py"} <= _files(staged)
    assert not [name for name in _files(staged) if name.endswith(".pyc")]


def test_whoever_the_container_runs_as_can_read_it(staged: Path) -> None:
    assert (staged / "src/run.py").stat().st_mode & 0o777 == 0o644
    assert (staged / "scripts/download-models.sh").stat().st_mode & 0o777 == 0o755
    assert (staged / "src").stat().st_mode & 0o777 == 0o755
