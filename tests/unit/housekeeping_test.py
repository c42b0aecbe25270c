"""What killed processes have left is told from what is in use, and removed; the rest is left alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.config import Variant, WeightFile
from repro.exchange_folder import PREFIX, ExchangeFolder, is_owned
from repro.housekeeping import Leftover, leftovers, local_workers
from repro.housekeeping.environments import environments
from repro.housekeeping.sizes import Freed, size_bytes
from repro.housekeeping.weights import weights
from repro.settings import Settings
from repro.weights import fetch_variant

DEAF = "import time; time.sleep(600)"
NOTE = '{"address": "https://example.org/x.pt", "validator": null, "total_bytes": 9, "sha256": null}'


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache_dir=tmp_path / "cache", weights_dir=tmp_path / "cache" / "weights", exchange_root=tmp_path)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[object]:
    """Starts a process that is called as a worker is, and that neither reads nor answers."""
    started: list[subprocess.Popen[bytes]] = []
    script = tmp_path / "deaf" / "src" / "run.py"
    script.parent.mkdir(parents=True)
    script.write_text(DEAF)

    def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(script), *(words or ("serve", "--input-dir")), str(folder / "in")]
        process = subprocess.Popen(command, start_new_session=True)
        started.append(process)
        # The kernel shows the command line a moment after Popen returns.
        while bytes(folder) not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
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


def test_a_training_is_a_worker_too(settings: Settings, start_worker, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    here = start_worker(ExchangeFolder(tmp_path).path, "train", "--prefix")
    gone = start_worker(tmp_path / f"{PREFIX}gone", "train", "--prefix")

    found = {one.pid: (one.model, one.owner_is_alive) for one in local_workers()}
    assert (found[here.pid], found[gone.pid]) == (("deaf", True), ("deaf", False))


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


BUILD = """
import os, sys
from pathlib import Path
from repro.images.staging import staging

with staging(Path(sys.argv[1]) if sys.argv[1:] else None) as folder:
    (folder / "pip.conf").write_text("index-url = https://user:secret@example.org/simple")
    (folder / "context").mkdir(mode=0o500)
    print(folder, flush=True)
    if sys.stdin.read() != "end":
        os.kill(os.getpid(), 9)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process and of those that it starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def begin_build(*beside: Path) -> tuple[subprocess.Popen[str], Path]:
    """A build that goes on until it reads that it is to end, or the end of its input: then it is killed."""
    command = [sys.executable, "-c", BUILD, *map(str, beside)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def build_folders(settings: Settings) -> list[Leftover]:
    return [one for one in leftovers(settings, None) if one.kind == "build folder"]


@pytest.mark.parametrize("is_beside_weights", [False, True])
def test_the_folder_of_a_killed_build_goes_with_the_passwords_in_it(
    settings: Settings, temporary: Path, is_beside_weights: bool
) -> None:
    model = settings.weights_dir / "esm"
    model.mkdir(parents=True)
    build, folder = begin_build(*([model] if is_beside_weights else []))
    assert folder.parent == (model if is_beside_weights else temporary)
    assert build_folders(settings) == []  # it is at work

    build.communicate("")
    (left,) = build_folders(settings)
    assert (left.name, left.size_bytes > 0) == (str(folder), True)
    left.remove()

    assert build.returncode == -9
    assert not folder.exists()


def test_folders_that_no_build_made_stay(settings: Settings, temporary: Path) -> None:
    for name in ("repro-build-thesis", "repro-secret-diary", ".repro-build-notes", ".repro-build-ab12cd34"):
        (temporary / name).mkdir()
        (temporary / name / "diary.txt").write_text("mine")
        long_ago = time.time() - 30 * 24 * 3600
        os.utime(temporary / name, (long_ago, long_ago))
    (temporary / ".repro-build-notes" / "lock").touch()
    before = sorted(temporary.rglob("*"))

    assert build_folders(settings) == []

    assert sorted(temporary.rglob("*")) == before


def test_what_cannot_be_removed_is_told(settings: Settings, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build, folder = begin_build()
    build.communicate("")
    (left,) = build_folders(settings)

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rmdir", refuse)
        with pytest.raises(OSError, match="not all that is in it"):
            left.remove()

    assert [one.name for one in build_folders(settings)] == [str(folder)]


@pytest.mark.parametrize("name", [".secret.removing", ".proj.unpacking"])
def test_a_link_in_the_weights_store_leads_to_nothing_being_removed(
    settings: Settings, tmp_path: Path, name: str
) -> None:
    home = tmp_path / "home"
    (home / name).mkdir(parents=True)
    (home / f".{name.split('.')[1]}.lock").touch()
    settings.weights_dir.mkdir(parents=True)
    (settings.weights_dir / "homelink").symlink_to(home)
    (settings.weights_dir / "esm").mkdir()
    (settings.weights_dir / "esm" / name).symlink_to(home / name)
    (settings.weights_dir / "esm" / f".{name.split('.')[1]}.lock").touch()

    assert leftovers(settings, None) == []


def test_half_made_weights_that_no_fetch_has_locked_stay(settings: Settings) -> None:
    (settings.weights_dir / "my" / ".proj.unpacking").mkdir(parents=True)

    assert leftovers(settings, None) == []


def test_downloads_behind_a_link_in_the_weights_store_stay(settings: Settings, tmp_path: Path) -> None:
    downloads = tmp_path / "Downloads" / "film"
    downloads.mkdir(parents=True)
    for name in ("film.mkv.part", "film.mkv.part.json"):
        (downloads / name).write_text(NOTE)
    (settings.weights_dir / "m" / "w").mkdir(parents=True)
    (settings.weights_dir / "m" / "v").symlink_to(downloads)
    (settings.weights_dir / "m" / "w" / "inner").symlink_to(downloads)
    (settings.weights_dir / "homelink").symlink_to(downloads.parent)

    assert weights(settings, None).leftovers == ()


@pytest.mark.parametrize("note", [None, "{}", "[]", "not json"])
def test_a_partial_file_that_no_fetch_has_written_stays(settings: Settings, note: str | None) -> None:
    variant = settings.weights_dir / "m" / "v"
    variant.mkdir(parents=True)
    (variant / "film.mkv.part").write_bytes(b"12")
    if note is not None:
        (variant / "film.mkv.part.json").write_text(note)

    assert weights(settings, None).leftovers == ()


def test_a_variant_that_is_a_link_stays_and_is_told(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "weights.pt"
    source.write_bytes(b"x" * 3000)
    variant = Variant("small", files=(WeightFile("weights.pt", url=source.as_uri()),))
    folder = fetch_variant("esm", variant, settings.weights_dir)
    assert folder is not None
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere)

    found = weights(settings, None)

    assert found.leftovers == ()
    assert [(kept.name, kept.why) for kept in found.kept] == [("esm/small", f"it is a link to {elsewhere}")]


def test_looking_for_what_is_free_changes_no_lock(settings: Settings, tmp_path: Path) -> None:
    model = settings.weights_dir / "m"
    (model / "v").mkdir(parents=True)
    (model / "v" / "x.pt.part.json").write_text(NOTE)
    (model / ".v.lock").write_text("mine")

    assert len(weights(settings, None).leftovers) == 1
    assert (model / ".v.lock").read_text() == "mine"

    (tmp_path / "precious").write_text("mine")
    (model / ".v.lock").unlink()
    (model / ".v.lock").symlink_to(tmp_path / "precious")
    assert weights(settings, None).leftovers == ()
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "lock"),
    [
        (".esm-0123.making-of", ".esm-0123.lock"),
        (".making-love1234", ".lock"),
        (".esm-0123.making-ab12cd34", ".other.lock"),
    ],
)
def test_folders_among_the_environments_that_no_setup_made_stay(settings: Settings, name: str, lock: str) -> None:
    folder = settings.cache_dir / "environments" / name
    folder.mkdir(parents=True)
    folder.with_name(lock).touch()

    assert leftovers(settings, None) == []


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
