"""`repro lock`: what it pins, where it says so, and that it takes models and bases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro.images.lock import ImageLock, read_lock, write_lock
from repro.models.tutorial import TutorialModel
from tests.unit.cli.conftest import Repro

DIGEST = "sha256:" + 64 * "a"
BASE = "python:3.11-slim-bookworm"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tutorial"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"FROM {BASE}\n")
    write_lock(folder, ImageLock({BASE: DIGEST}))
    monkeypatch.setattr(TutorialModel, "folder", folder)
    return folder


def test_without_a_registry_the_digest_stays_and_that_is_told(folder: Path, repro: Repro) -> None:
    ran = repro("lock", "tutorial")

    assert ran.code == 0
    assert f"{BASE}: no registry answers" in ran.err
    assert "stays as it was" in ran.err
    assert f"nothing was locked anew in {folder}" in ran.err
    assert read_lock(folder).base == {BASE: DIGEST}


def test_for_a_program_all_of_it_is_json(folder: Path, repro: Repro) -> None:
    told = json.loads(repro("lock", "tutorial", "--json").out)

    assert told["folder"] == str(folder)
    assert told["base"] == {BASE: DIGEST}
    assert set(told["not_asked"]) == {BASE}


def test_a_base_can_be_locked_by_the_name_of_its_folder(
    folder: Path, repro: Repro, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "models" / "bases" / "one"
    base.mkdir(parents=True)
    (base / "Dockerfile").write_text("FROM scratch\n")
    monkeypatch.setattr("repro.MODELS_ROOT", str(tmp_path / "models"))

    assert json.loads(repro("lock", "bases/one", "--json").out)["folder"] == str(base)


def test_what_lies_in_an_installed_package_is_not_changed(repro: Repro, monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    monkeypatch.setattr(TutorialModel, "folder", Path(click.__file__).parent)

    ran = repro("lock", "tutorial")

    assert ran.code == 2
    assert "is a part of the installed package click==" in ran.err
    assert "do: lock the model where its source is" in ran.err


def test_one_package_is_no_packages() -> None:
    from repro.cli.lock import _said
    from repro.images.locking import Locked

    assert _said(Locked(1, {BASE: DIGEST}, {BASE: "no"}), Path("here")) == "locked 1 package in here"
    assert _said(Locked(2, {BASE: DIGEST}, {}), Path("here")) == "locked 2 packages and 1 base image in here"


def test_a_name_that_no_model_has_names_the_near_ones(repro: Repro) -> None:
    ran = repro("lock", "tutoral")

    assert ran.code == 2
    assert "tutorial" in ran.err
