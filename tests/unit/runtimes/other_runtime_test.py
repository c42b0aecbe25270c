"""A model that is not set up in one runtime, and is in the other."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from repro.models.tutorial import TutorialModel
from repro.runtimes.docker import or_local


@pytest.fixture(autouse=True)
def _no_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("REPRO_LOCAL_PYTHON", raising=False)


def test_local_is_named_where_it_is_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    assert or_local(TutorialModel.spec()) == ", or --runtime local, where it is set up"


def test_local_is_not_named_where_it_is_not() -> None:
    assert or_local(TutorialModel.spec()) == ""
