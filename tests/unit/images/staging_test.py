"""The folders of builds: which are in use, and which a killed process has left."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.images.staging import STAGING_PREFIX, abandoned_stagings, staging

PROGRAM = """
import sys, time
from pathlib import Path
from repro.images.staging import staging
with staging(Path(sys.argv[1])) as folder:
    (folder / "pip.conf").write_text("a password")
    print(folder, flush=True)
    time.sleep(600)
"""


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that has begun to stage a build in `tmp_path`."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with process:
        yield process
        process.kill()


def test_a_folder_whose_process_was_killed_is_abandoned_and_one_in_use_is_not(
    tmp_path: Path, builds: subprocess.Popen[str]
) -> None:
    assert builds.stdout is not None
    folder = Path(builds.stdout.readline().strip())
    assert abandoned_stagings(tmp_path) == []

    builds.send_signal(signal.SIGKILL)
    builds.wait()

    assert abandoned_stagings(tmp_path) == [folder]
    with staging(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own], "the next build removes it"
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_lock_or_is_a_link_is_not_abandoned(tmp_path: Path) -> None:
    elsewhere = Path(tempfile.mkdtemp(dir=tmp_path))
    (elsewhere / "lock").touch()
    (tmp_path / f"{STAGING_PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{STAGING_PREFIX}without").mkdir()
    (tmp_path / f"{STAGING_PREFIX}linked-lock").mkdir()
    (tmp_path / f"{STAGING_PREFIX}linked-lock" / "lock").symlink_to(elsewhere / "lock")
    (tmp_path / f"{STAGING_PREFIX}file").touch()

    assert abandoned_stagings(tmp_path) == []
    assert abandoned_stagings(tmp_path / "absent") == []
