"""Templates become files: layers, values, what is added, what can be executed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.scaffold import rendering
from repro.scaffold.rendering import below, render, write


@pytest.fixture
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "templates"
    for name in ("first/sub", "second"):
        (folder / name).mkdir(parents=True)
    monkeypatch.setattr(rendering, "TEMPLATES_DIR", folder)
    return folder


def test_values_are_filled_in_where_a_name_says_template(templates: Path) -> None:
    (templates / "first" / "sub" / "a.py.tmpl").write_text("name = '${name}'  # $${name}\n")
    (templates / "first" / "b.bin").write_bytes(b"\xff${name}")

    assert render(["first"], {"name": "x"}) == {"sub/a.py": b"name = 'x'  # ${name}\n", "b.bin": b"\xff${name}"}


def test_later_layers_replace_files_or_add_to_them(templates: Path) -> None:
    (templates / "first" / "a").write_text("one\n")
    (templates / "first" / "b").write_text("one\n")
    (templates / "second" / "a").write_text("two\n")
    (templates / "second" / "+b.tmpl").write_text("${name}\n")

    assert render(["first", "second"], {"name": "two"}) == {"a": b"two\n", "b": b"one\ntwo\n"}


@pytest.mark.parametrize("text", ["${unknown}", "costs 5 $"])
def test_a_template_with_a_hole_is_a_fault(templates: Path, text: str) -> None:
    (templates / "first" / "a.tmpl").write_text(text)

    with pytest.raises((KeyError, ValueError)):
        render(["first"], {})


def test_files_are_written_below_a_folder_and_programs_can_be_executed(tmp_path: Path) -> None:
    write(below("deep", {"train": b"#!/bin/sh\n", "text": b"text"}), tmp_path)

    assert os.access(tmp_path / "deep" / "train", os.X_OK)
    assert (tmp_path / "deep" / "text").stat().st_mode & 0o111 == 0
