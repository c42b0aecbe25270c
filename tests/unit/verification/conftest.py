"""The model `pliable`, of an installed package, on this interpreter: nothing has to be set up."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro.verification import Report, Request, verify_model
from tests.unit.verification.pliable_package import installed_pliable

Verify = Callable[..., Report]


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The golden folder of the model `pliable`, to be broken."""
    for name in [name for name in os.environ if name.startswith("REPRO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(tmp_path / "exchange"))
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-engine.sock")
    (tmp_path / "exchange").mkdir()
    yield from installed_pliable(tmp_path / "packages", monkeypatch)


@pytest.fixture
def verify(golden: Path) -> Verify:
    """Verifies the model `pliable`; without the conformance suite, unless `conformance=True`."""

    def run(**request: Any) -> Report:
        from repro.model import Model

        request.setdefault("conformance", False)
        return verify_model(Model.by_name("pliable"), Request(**request))

    return run
