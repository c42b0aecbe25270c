"""What travels to the builder: what the Dockerfile names, readable by anyone, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import BuildError
from repro.images.context import Context, collect
from repro.images.dockerfile import parse

FILES = (
    "src/run.py",
    "src/model/net.py",
    "src/__pycache__/run.cpython-311.pyc",
    "src/notes.txt",
    "tests/golden/a.npy",
    ".git/config",
    "Dockerfile",
    "README.md",
    "requirements.txt",
    "requirements-dev.txt",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o600)
    script = folder / "scripts/download-models.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    return folder


def context(model: Path, *copies: str) -> Context:
    return collect(model, parse("FROM python:3.11\n" + "\n".join(copies) + "\n").sources())


def own(found: Context) -> set[str]:
    return {file.name for file in found.files if not file.name.startswith("repro_guest/")}


def test_only_what_the_dockerfile_names_travels(model: Path) -> None:
    found = context(model, "COPY requirements.txt requirements.txt", "COPY src/run.py run.py")

    assert own(found) == {"requirements.txt", "src/run.py"}


def test_a_folder_travels_whole_but_for_caches(model: Path) -> None:
    assert own(context(model, "COPY src src")) == {"src/run.py", "src/notes.txt", "src/model/net.py"}


def test_a_pattern_stands_for_what_matches_it(model: Path) -> None:
    assert own(context(model, "COPY src/*.py ./")) == {"src/run.py"}
    assert own(context(model, "COPY requirements*.txt ./")) == {"requirements.txt", "requirements-dev.txt"}


def test_the_whole_folder_means_neither_tests_nor_readme_nor_git(model: Path) -> None:
    found = own(context(model, "COPY . ."))

    assert found == {
        "src/run.py",
        "src/notes.txt",
        "src/model/net.py",
        "requirements.txt",
        "requirements-dev.txt",
        "scripts/download-models.sh",
    }


def test_a_readme_that_is_named_travels(model: Path) -> None:
    assert own(context(model, "COPY README.md README.md")) == {"README.md"}


def test_what_a_run_line_mounts_travels(model: Path) -> None:
    found = context(model, "RUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install -r /tmp/r.txt")

    assert own(found) == {"requirements.txt"}


def test_dockerignore_is_kept_to(model: Path) -> None:
    (model / ".dockerignore").write_text("# not these\n**/*.txt\n!requirements.txt\n")

    assert "src/notes.txt" not in own(context(model, "COPY src src"))
    assert own(context(model, "COPY requirements.txt ./")) == {"requirements.txt"}
    with pytest.raises(BuildError, match=r"notes\.txt.*left out by \.dockerignore"):
        context(model, "COPY src/notes.txt ./")


@pytest.mark.parametrize(
    ("copy", "said"), [("COPY absent.py ./", "is not there"), ("COPY ../other/run.py ./", "lies outside its folder")]
)
def test_what_cannot_be_copied_is_told_before_anything_is_built(model: Path, copy: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        context(model, copy)


def test_the_guest_is_beside_the_model(model: Path, tmp_path: Path) -> None:
    found = context(model, "COPY repro_guest repro_guest")
    found.stage(tmp_path / "staged")

    names = {file.name for file in found.files}
    assert {"repro_guest/__init__.py", "repro_guest/runner.py", "repro_guest/exchange.py"} <= names
    assert not [name for name in names if name.endswith(".pyc")]
    assert (tmp_path / "staged" / "repro_guest" / "runner.py").is_file()


def test_whoever_the_container_runs_as_can_read_it(model: Path, tmp_path: Path) -> None:
    context(model, "COPY src src", "COPY scripts/download-models.sh ./").stage(tmp_path / "staged")

    assert (tmp_path / "staged/src/run.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "staged/scripts/download-models.sh").stat().st_mode & 0o777 == 0o755


def test_equal_content_has_equal_times(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        context(model, "COPY src src").stage(tmp_path / name)
        (model / "src" / "run.py").touch()

    one, two = (
        {p.relative_to(r): p.stat().st_mtime for p in r.rglob("*")} for r in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_tests_and_readme_do_not_count_and_code_and_modes_do(model: Path) -> None:
    def digest() -> str:
        return context(model, "COPY src src", "COPY scripts/download-models.sh ./").digest()

    before = digest()
    (model / "tests/golden/a.npy").write_text("other")
    (model / "README.md").write_text("other")
    assert digest() == before

    (model / "scripts/download-models.sh").chmod(0o600)
    without_mode = digest()
    assert without_mode != before

    (model / "src/run.py").write_text("other")
    assert digest() != without_mode
