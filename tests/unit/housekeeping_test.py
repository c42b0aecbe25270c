"""What killed processes have left is told from what is in use, and removed; the rest is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.exchange_folder import PREFIX, ExchangeFolder, is_owned
from repro.housekeeping import leftovers, local_workers
from repro.housekeeping.environments import environments
from repro.housekeeping.sizes import Freed, size_bytes
from repro.settings import Settings

DEAF = "import time; time.sleep(600)"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", exchange_root=tmp_path)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[object]:
    """Starts a process that is called as a worker is, and that neither reads nor answers."""
    started: list[subprocess.Popen[bytes]] = []
    script = tmp_path / "deaf" / "src" / "run.py"
    script.parent.mkdir(parents=True)
    script.write_text(DEAF)

    def start(folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(script), "serve", "--input-dir", str(folder / "in")]
        process = subprocess.Popen(command, start_new_session=True)
        started.append(process)
        # The kernel shows the command line a moment after Popen returns.
        while b"serve" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
            assert process.poll() is None
            time.sleep(0.01)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_folder_is_owned_until_its_owner_lets_go(tmp_path: Path) -> None:
    folder = ExchangeFolder(tmp_path)
    assert is_owned(folder.path)

    folder.release_in_child()

    assert not is_owned(folder.path)


def test_a_worker_whose_session_has_gone_is_ended(settings: Settings, start_worker, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    worker = start_worker(tmp_path / f"{PREFIX}gone")

    orphans = [one for one in leftovers(settings, None) if one.kind == "worker"]

    assert [one.name for one in orphans] == [f"process {worker.pid}"]
    orphans[0].remove()
    assert worker.wait(timeout=10) == -9


def test_a_worker_whose_session_lives_is_left_alone(settings: Settings, start_worker, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    worker = start_worker(ExchangeFolder(tmp_path).path)

    assert f"process {worker.pid}" in [one.name for one in local_workers() if one.owner_is_alive]
    assert [one for one in leftovers(settings, None) if one.name == f"process {worker.pid}"] == []


def test_a_file_with_two_names_is_free_with_the_last_of_them(tmp_path: Path) -> None:
    for name in ("here", "there", "elsewhere"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "file").write_bytes(b"12345")
    (tmp_path / "there" / "file").hardlink_to(tmp_path / "here" / "file")
    (tmp_path / "there" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "other").write_bytes(b"123")

    link_bytes = (tmp_path / "there" / "link").lstat().st_size
    freed = Freed()

    assert freed.with_also(tmp_path / "here") == 0
    assert freed.with_also(tmp_path / "there") == 5 + link_bytes
    assert Freed().with_also(tmp_path / "elsewhere" / "other") == 3
    assert size_bytes(tmp_path) == 5 + link_bytes + 3


def test_a_folder_that_an_old_build_has_left_is_told_from_one_in_use(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for name in ("repro-build-old", "repro-build-new", "repro-secret-old", "repro-something"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "pip.conf").write_text("[global]")
        days_ago = time.time() - (2 if name != "repro-build-new" else 0.5) * 24 * 3600
        os.utime(tmp_path / name, (days_ago, days_ago))

    found = [one for one in leftovers(settings, None) if one.kind == "build folder"]
    for one in found:
        one.remove()

    assert [Path(one.name).name for one in found] == ["repro-build-old", "repro-secret-old"]
    assert {path.name for path in tmp_path.glob("repro-*")} == {"repro-build-new", "repro-something"}


def test_an_environment_that_is_being_removed_is_no_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = settings.cache_dir / "environments" / "esm-0123"
    environment.mkdir(parents=True)
    (environment / "repro.json").write_text("{}")
    seen: list[list[str]] = []

    def interrupted(path: Path) -> None:
        seen.append([child.name for child in path.parent.iterdir()])

    monkeypatch.setattr("shutil.rmtree", interrupted)
    (leftover,) = environments(settings).leftovers

    leftover.remove()

    assert seen == [[".esm-0123.making-removed"]]
