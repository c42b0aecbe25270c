"""The folder of the exchange: private, and removed by whoever comes later when its owner was killed."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.errors import OutputError
from repro.exchange_folder import ExchangeFolder, abandoned, remove_tree

AN_HOUR_S = 3600


def make_old(path: Path) -> None:
    then = time.time() - AN_HOUR_S
    os.utime(path, (then, then))


@pytest.fixture
def left_behind(tmp_path: Path) -> Path:
    """The folder of a process that was killed."""
    program = (
        "import os, sys; from pathlib import Path; from repro.exchange_folder import ExchangeFolder\n"
        "print(ExchangeFolder(Path(sys.argv[1])).path, flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=False)
    folder = Path(done.stdout.strip())
    make_old(folder)
    return folder


def test_nobody_else_can_look_into_it(tmp_path: Path) -> None:
    folder = ExchangeFolder(tmp_path)

    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert (folder.input_dir.parent, folder.output_dir.parent) == (folder.path, folder.path)


def test_removing_it_removes_all_that_is_in_it_and_twice_is_fine(tmp_path: Path) -> None:
    folder = ExchangeFolder(tmp_path)
    (folder.output_dir / "file").write_text("x")

    folder.remove()
    folder.remove()

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_has_left_is_removed_when_the_next_one_is_made(left_behind: Path, tmp_path: Path) -> None:
    assert left_behind.exists()
    assert abandoned(tmp_path) == [left_behind]

    ExchangeFolder(tmp_path)

    assert not left_behind.exists()


def test_one_that_is_in_use_is_never_removed_however_old(tmp_path: Path) -> None:
    used = ExchangeFolder(tmp_path)
    make_old(used.path)

    ExchangeFolder(tmp_path)

    assert used.input_dir.exists()


def test_one_that_is_just_being_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "repro-exchange-young_01").mkdir()
    (tmp_path / "repro-exchange-young_01" / "owner.lock").touch()

    ExchangeFolder(tmp_path)

    assert (tmp_path / "repro-exchange-young_01").exists()


def test_folders_of_other_names_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "somebody-elses").mkdir()
    make_old(tmp_path / "somebody-elses")

    ExchangeFolder(tmp_path)

    assert (tmp_path / "somebody-elses").exists()


@pytest.mark.parametrize(
    ("name", "locked"),
    [("repro-exchange-notes", True), ("repro-exchange-my_notes2", False), ("repro-exchange-ab12cd34", False)],
)
def test_a_folder_that_repro_did_not_make_stays_and_nothing_is_written_into_it(
    tmp_path: Path, name: str, locked: bool
) -> None:
    theirs = tmp_path / name
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    if locked:
        (theirs / "owner.lock").touch()
    before = sorted(theirs.iterdir())
    make_old(theirs)

    assert abandoned(tmp_path) == []
    ExchangeFolder(tmp_path)

    assert sorted(theirs.iterdir()) == before


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_that_is_no_plain_file_is_not_taken_for_one(tmp_path: Path, kind: str) -> None:
    theirs = tmp_path / "repro-exchange-ab12cd34"
    theirs.mkdir()
    (tmp_path / "precious").write_text("x")
    if kind == "link":
        (theirs / "owner.lock").symlink_to(tmp_path / "precious")
    elif kind == "pipe":
        os.mkfifo(theirs / "owner.lock")
    else:
        (theirs / "owner.lock").mkdir()
    make_old(theirs)

    assert abandoned(tmp_path) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to somebody else")
def test_a_lock_of_somebody_elses_makes_a_folder_theirs(left_behind: Path, tmp_path: Path) -> None:
    os.chown(left_behind / "owner.lock", 12345, -1)

    assert abandoned(tmp_path) == []


def test_looking_for_what_is_abandoned_changes_nothing(left_behind: Path, tmp_path: Path) -> None:
    before = {path: path.stat() for path in left_behind.rglob("*")}

    assert abandoned(tmp_path) == [left_behind]

    after = {path: path.stat() for path in left_behind.rglob("*")}
    assert {path: found.st_mtime_ns for path, found in after.items()} == {
        path: found.st_mtime_ns for path, found in before.items()
    }


def test_a_removal_that_is_cut_off_is_gone_on_with(
    left_behind: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "rmdir", lambda _: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
        remove_tree(left_behind)
    make_old(left_behind)
    assert abandoned(tmp_path) == [left_behind]

    ExchangeFolder(tmp_path)

    assert not left_behind.exists()


def test_a_link_of_that_name_leads_to_nothing_being_removed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    (tmp_path / "repro-exchange-ab12cd34").symlink_to(tmp_path / "precious")
    then = time.time() - AN_HOUR_S
    os.utime(tmp_path / "repro-exchange-ab12cd34", (then, then), follow_symlinks=False)

    ExchangeFolder(tmp_path)

    assert (tmp_path / "precious" / "file").exists()


def test_a_place_where_it_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file or directory") as caught:
        ExchangeFolder(tmp_path / "absent")

    assert "REPRO_EXCHANGE_DIR" in caught.value.fix


def test_a_child_that_lets_go_of_it_leaves_it_its_parents(tmp_path: Path) -> None:
    folder = ExchangeFolder(tmp_path)
    make_old(folder.path)
    child = os.fork()
    if child == 0:
        folder.release_in_child()
        os._exit(0)
    os.waitpid(child, 0)

    assert abandoned(tmp_path) == []
