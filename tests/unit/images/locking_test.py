"""Locks of requirements: in step with what they were made from, chosen from the public index alone."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from repro.errors import BuildError
from repro.images import locking
from repro.images.lock import REQUIREMENTS_LOCK, ImageLock, is_in_step, made_from, read_lock, write_lock
from repro.images.locking import lock_model

DIGEST = "sha256:" + 64 * "a"


def make_index(folder: Path, *versions: str) -> str:
    """An index of packages that has one, in these versions, as small as can be."""
    listed = folder / "a-package"
    listed.mkdir(parents=True)
    names = []
    for version in versions:
        info = f"a_package-{version}.dist-info"
        names.append(f"a_package-{version}-py3-none-any.whl")
        with zipfile.ZipFile(listed / names[-1], "w") as wheel:
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: a-package\nVersion: {version}\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")
    (listed / "index.html").write_text("".join(f'<a href="{name}">{name}</a>\n' for name in names))
    return folder.as_uri()


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with one requirement, from an index of these tests' own."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    monkeypatch.setattr(locking, "PUBLIC_INDEX", make_index(tmp_path / "index", "1.0", "2.0"))
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "requirements.txt").write_text("a-package<2\n")
    (folder / "Dockerfile").write_text("FROM python:3.11-slim-bookworm\n")
    return folder


def test_a_lock_knows_the_requirements_that_it_was_made_from(model: Path) -> None:
    (model / REQUIREMENTS_LOCK).write_text(f"{made_from(model)}\na-package==1.0\n")
    assert is_in_step(model)

    (model / "requirements.txt").write_text("another-package==1.0\n")
    assert not is_in_step(model)


def test_a_model_without_requirements_needs_no_lock_and_one_with_them_does(tmp_path: Path, model: Path) -> None:
    (tmp_path / "without").mkdir()

    assert is_in_step(tmp_path / "without")
    assert not is_in_step(model)


def test_versions_are_chosen_and_written(model: Path, tmp_path: Path) -> None:
    locked = lock_model(model, tmp_path / "bases", lambda line: None)

    assert locked.packages == 1
    assert is_in_step(model)
    assert "a-package==1.0" in (model / REQUIREMENTS_LOCK).read_text().splitlines()
    assert [path.name for path in model.glob(".requirements*")] == []


def test_what_this_machine_alone_has_is_not_asked(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://ada:hunter2@example.org/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/somewhere")
    monkeypatch.setenv("UV_FIND_LINKS", "/somewhere")
    seen: dict[str, Any] = {}
    run = locking.subprocess.run

    def watched(words: list[str], **keywords: Any) -> Any:
        seen.update(words=words, environ=keywords["env"])
        return run(words, **keywords)

    monkeypatch.setattr(locking.subprocess, "run", watched)
    lock_model(model, tmp_path / "bases", lambda line: None)

    assert not [name for name in seen["environ"] if name.startswith(("PIP_", "UV_"))]
    assert "--universal" in seen["words"]


def test_a_locked_version_stays_until_an_upgrade_is_wanted(model: Path, tmp_path: Path) -> None:
    (model / "requirements.txt").write_text("a-package\n")
    (model / REQUIREMENTS_LOCK).write_text("a-package==1.0\n")

    lock_model(model, tmp_path / "bases", lambda line: None)
    assert "a-package==1.0" in (model / REQUIREMENTS_LOCK).read_text()
    lock_model(model, tmp_path / "bases", lambda line: None, upgrade=True)
    assert "a-package==2.0" in (model / REQUIREMENTS_LOCK).read_text()


def test_versions_that_contradict_each_other_are_told_and_the_old_lock_stays(model: Path, tmp_path: Path) -> None:
    (model / REQUIREMENTS_LOCK).write_text("old\n")
    (model / "requirements.txt").write_text("a-package<2\na-package==2.0\n")

    with pytest.raises(BuildError, match="no versions were found") as raised:
        lock_model(model, tmp_path / "bases", lambda line: None)

    assert raised.value.evidence.log_tail
    assert (model / REQUIREMENTS_LOCK).read_text() == "old\n"


def test_a_base_keeps_its_digest_where_no_registry_answers(model: Path, tmp_path: Path) -> None:
    write_lock(model, ImageLock({"python:3.11-slim-bookworm": DIGEST, "gone:1": DIGEST}))

    locked = lock_model(model, tmp_path / "bases", lambda line: None)

    assert set(locked.not_asked) == {"python:3.11-slim-bookworm"}
    assert read_lock(model).base == {"python:3.11-slim-bookworm": DIGEST}, "what it does not start from is dropped"


def test_a_base_that_is_made_here_gives_its_versions_and_needs_no_digest(model: Path, tmp_path: Path) -> None:
    base = tmp_path / "bases" / "one"
    base.mkdir(parents=True)
    (base / "config.yaml").write_text("image: a/base:1\n")
    (model / "Dockerfile").write_text("FROM a/base:1\n")

    (base / REQUIREMENTS_LOCK).write_text("a-package==3.0\n")
    with pytest.raises(BuildError, match="a-package"):
        lock_model(model, tmp_path / "bases", lambda line: None)

    (base / REQUIREMENTS_LOCK).write_text("a-package==1.0\n")
    assert lock_model(model, tmp_path / "bases", lambda line: None).packages == 1
    assert read_lock(model) == ImageLock()


def test_an_image_that_is_copied_or_mounted_from_is_locked_too(model: Path, tmp_path: Path) -> None:
    (model / "Dockerfile").write_text(
        "FROM python:3.11\nCOPY --from=python:3.6 /a /a\nRUN --mount=from=b:1,target=/b c\n"
    )
    write_lock(model, ImageLock({"python:3.6": DIGEST, "b:1": DIGEST}))

    locked = lock_model(model, tmp_path / "bases", lambda line: None)

    assert set(locked.not_asked) == {"python:3.11", "python:3.6", "b:1"}
    assert read_lock(model).base == {"python:3.6": DIGEST, "b:1": DIGEST}
