"""Which source an image was built from: a commit, an installed package, or nothing that anybody could have again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy
import pytest

from repro.images.revision import source_revision


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_a_model_has_no_revision_until_it_is_committed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *words], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (tmp_path / "README.md").write_text("about\n")
    git("init", "--quiet")
    git("add", "README.md")
    git("commit", "--quiet", "-m", "first")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    assert source_revision(folder) == ""

    git("add", ".")
    assert source_revision(folder) == git("rev-parse", "HEAD") + "-dirty"

    git("commit", "--quiet", "-m", "second")
    assert source_revision(folder) == git("rev-parse", "HEAD")


def test_the_version_of_an_installed_package_stands_for_a_commit(tmp_path: Path) -> None:
    assert source_revision(Path(numpy.__file__).parent / "lib") == f"numpy=={numpy.__version__}"
    assert source_revision(tmp_path) == ""
