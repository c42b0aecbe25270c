"""New folders appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from repro.errors import OutputError, SettingsError
from repro.scaffold.placing import place


def fill(folder: Path) -> None:
    (folder / "file").write_text("content")


def fail(folder: Path) -> None:
    (folder / "file").write_text("half")
    raise OSError(28, os.strerror(28), str(folder / "file"))


def test_all_folders_are_there_when_all_are_filled(tmp_path: Path) -> None:
    place({tmp_path / "one": fill, tmp_path / "two": fill})

    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "one",
        "one/file",
        "two",
        "two/file",
    ]


def test_no_folder_is_there_when_one_cannot_be_filled(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        place({tmp_path / "one": fill, tmp_path / "two": fail})

    assert list(tmp_path.iterdir()) == []


def test_no_folder_is_there_when_the_last_step_fails(tmp_path: Path) -> None:
    def finish() -> None:
        (tmp_path / "nowhere" / "README.md").write_text("")

    with pytest.raises(OutputError, match="No such file"):
        place({tmp_path / "one": fill, tmp_path / "two": fill}, finish)

    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(folder: Path) -> None:
        fill(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place({tmp_path / "one": fill, tmp_path / "two": interrupt})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["folder", "file", "broken link"])
def test_what_is_there_is_never_touched(tmp_path: Path, kind: str) -> None:
    there = tmp_path / "two"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(tmp_path / "nowhere")

    with pytest.raises(SettingsError, match="two is there already"):
        place({tmp_path / "one": fill, there: fill})

    assert list(tmp_path.iterdir()) == [there]


def test_what_somebody_else_makes_meanwhile_stays(tmp_path: Path) -> None:
    def be_too_slow(folder: Path) -> None:
        fill(folder)
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "theirs").write_text("theirs")

    with pytest.raises(OutputError, match="not empty"):
        place({tmp_path / "one": fill, tmp_path / "two": be_too_slow})

    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["two", "two/theirs"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OutputError, match=f"^{tmp_path}/file cannot be written: Not a directory"):
        place({tmp_path / "file" / "model": fill})
