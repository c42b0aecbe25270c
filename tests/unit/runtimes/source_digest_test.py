"""What a local environment computes depends on the model's code too: its identity tells when that has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.runtimes.local import source_digest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "run.py").write_text("a = 1\n")
    return tmp_path


def test_changed_code_has_another_identity(source: Path) -> None:
    before = source_digest(source)
    (source / "run.py").write_text("a = 2\n")

    assert source_digest(source) != before


def test_another_file_has_another_identity(source: Path) -> None:
    before = source_digest(source)
    (source / "helper.py").write_text("")

    assert source_digest(source) != before


def test_compiled_files_change_nothing(source: Path) -> None:
    before = source_digest(source)
    (source / "__pycache__").mkdir()
    (source / "__pycache__/run.cpython-311.pyc").write_bytes(b"x")

    assert source_digest(source) == before
