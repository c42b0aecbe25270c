"""One store for all models: each content once, read-only, and known by its hash ever after."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import stat
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import Variant, WeightFile
from repro.errors import WeightsError
from repro.weights import fetch_variant, fetch_variants, find_variant
from repro.weights.check import check_variant
from repro.weights.inventory import read_inventory
from repro.weights.ledger import Entry, write_entry
from repro.weights.records import record_of, write_records
from repro.weights.removal import forget_hashes, plan_removal, remove_unused, remove_variants

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store

CONTENT = random.Random(7).randbytes(300_000)
OTHER = CONTENT[::-1]
SHA256, OTHER_SHA256 = (hashlib.sha256(content).hexdigest() for content in (CONTENT, OTHER))


def check(store: Store, *files: WeightFile) -> dict[str, str]:
    """What is wrong with each file."""
    return {one.name: one.flaw for one in check_variant(store.weights_dir, "m", Variant("v", files=files))}


@contextmanager
def mounted(place: Path, *words: str) -> Iterator[None]:
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", *words, str(place)], capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a disk")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


class TestSharing:
    def test_a_content_that_two_variants_have_is_fetched_once_and_lies_there_once(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        first = store.fetch(server.file("w.pt", sha256=SHA256))
        second = store.fetch(server.file("w.pt", sha256=SHA256), variant="w")
        assert len(server.requests) == 1
        assert (first / "w.pt").samefile(second / "w.pt")
        assert store.contents() == [SHA256]

    def test_files_of_one_content_that_are_wanted_at_once_are_fetched_once(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        file = server.file("w.pt", sha256=SHA256)
        variants = [Variant(name, files=(file,)) for name in "abc"]
        folders = fetch_variants("m", variants, store.weights_dir)
        assert [folder and (folder / "w.pt").read_bytes() == CONTENT for folder in folders] == [True] * 3
        assert len(server.requests) == 1

    def test_a_content_that_was_not_known_to_be_the_same_lies_there_once_too(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        server.put("x.pt", CONTENT)
        store.fetch(server.file("w.pt"), server.file("x.pt"))
        assert (store.folder / "w.pt").samefile(store.folder / "x.pt")

    def test_files_are_read_only(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        assert stat.S_IMODE(store.path.stat().st_mode) == 0o444

    def test_where_there_are_no_hard_links_between_folders_files_are_copies(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        with mounted(store.weights_dir / "m", "-t", "tmpfs", "tmpfs"):
            store.fetch(server.file("w.pt"))
            assert store.path.read_bytes() == CONTENT
            assert not store.path.samefile(store.weights_dir / ".blobs" / SHA256)
            assert stat.S_IMODE(store.path.stat().st_mode) == 0o444
            assert store.names() == [".hashes.json", "w.pt"]
            assert store.contents() == [SHA256]

    def test_a_content_in_the_store_that_has_changed_is_not_given_to_anyone(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        blob = store.weights_dir / ".blobs" / SHA256
        blob.chmod(0o644)
        blob.write_bytes(OTHER)
        folder = store.fetch(server.file("w.pt", sha256=SHA256), variant="w")
        assert (folder / "w.pt").read_bytes() == CONTENT
        assert len(server.requests) == 2


class TestSeveralFiles:
    def test_files_come_side_by_side(self, store: Store, server: FileServer) -> None:
        """Each waits for the other to be asked for: one after the other, they would never come."""
        both = threading.Barrier(2, timeout=30)

        class Both(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                both.wait()
                return True

        names = ["a.pt", "b.pt"]
        for name in names:
            server.put(name, name.encode(), gate=Both())
        store.fetch(*map(server.file, names))
        assert [(store.folder / name).read_text() for name in names] == names

    def test_no_more_than_four_at_once(self, store: Store, server: FileServer) -> None:
        lock, now, most = threading.Lock(), [0], [0]

        class Counted(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                with lock:
                    now[0] += 1
                    most[0] = max(most[0], now[0])
                threading.Event().wait(0.05)
                with lock:
                    now[0] -= 1
                return True

        names = [f"{number}.pt" for number in range(12)]
        for name in names:
            server.put(name, name.encode(), gate=Counted())
        store.fetch(*map(server.file, names))
        assert 1 < most[0] <= 4
        assert store.names() == sorted([".hashes.json", *names])

    def test_one_that_fails_calls_the_others_off_and_what_came_is_kept(self, store: Store, server: FileServer) -> None:
        server.put("large.pt", CONTENT, stalls=[200_000])
        gate = threading.Event()
        server.put("missing.pt", b"", statuses=[404], gate=gate)
        error = store.failure(server.file("large.pt"), server.file("missing.pt"))
        assert "missing.pt" in error.message
        server.put("missing.pt", b"there now")
        store.fetch(server.file("large.pt"), server.file("missing.pt"))
        assert (store.folder / "large.pt").read_bytes() == CONTENT


class TestHashes:
    def test_a_hash_is_written_down_at_first_use(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        entry = json.loads((store.weights_dir / "weights.lock").read_text())["files"]["m/v/w.pt"]
        assert (entry["sha256"], entry["size_bytes"]) == (SHA256, 300_000)
        assert entry["source"] == f"{server.url}/w.pt"

    def test_a_hash_is_held_after_a_removal(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        remove_variants(store.weights_dir, ["m/v"])
        server.put("w.pt", OTHER, etag='"version-2"')
        error = store.failure(server.file("w.pt"))
        assert f"its sha256 is {OTHER_SHA256} instead of {SHA256}" in error.message
        assert "repro weights forget m --variant v" in error.fix
        assert not store.path.exists()
        assert store.contents() == []

    def test_a_hash_that_was_forgotten_on_purpose_makes_way_for_the_new_one(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        remove_variants(store.weights_dir, ["m/v"])
        assert forget_hashes(store.weights_dir, "m", "v") == ["w.pt"]
        server.put("w.pt", OTHER, etag='"version-2"')
        store.fetch(server.file("w.pt"))
        assert store.path.read_bytes() == OTHER
        assert OTHER_SHA256 in (store.weights_dir / "weights.lock").read_text()

    def test_forgetting_what_nobody_knows_changes_nothing(self, tmp_path: Path) -> None:
        assert forget_hashes(tmp_path / "weights", "m", "v") == []
        assert not (tmp_path / "weights").exists()

    @pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": 1, "files": {"m/v/w.pt": {}}}'])
    def test_a_damaged_file_of_hashes_is_told_and_not_overwritten(
        self, store: Store, server: FileServer, text: str
    ) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        lock = store.weights_dir / "weights.lock"
        lock.write_text(text)
        error = store.failure(server.file("w.pt"))
        assert f"{lock} is damaged" in error.message
        assert "restore" in error.fix
        assert lock.read_text() == text

    def test_a_file_of_hashes_of_a_newer_version_is_told(self, store: Store, server: FileServer) -> None:
        store.weights_dir.mkdir()
        (store.weights_dir / "weights.lock").write_text('{"format": 2, "files": {}}')
        assert "is of a newer repro" in store.failure(server.file("w.pt")).message


class TestOldStore:
    @pytest.fixture
    def old(self, store: Store) -> Store:
        """A store as it was before contents had a place of their own."""
        store.put_by_hand(CONTENT)
        write_records(store.folder, {"w.pt": record_of(store.path, SHA256)})
        return store

    def test_it_is_used_as_it_is(self, old: Store, server: FileServer) -> None:
        assert find_variant("m", Variant("v", files=(server.file("w.pt"),)), old.weights_dir) == old.folder

    def test_it_is_taken_in_and_not_fetched_again(self, old: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        old.fetch(server.file("w.pt"))
        assert server.requests == []
        assert old.contents() == [SHA256]
        assert old.path.samefile(old.weights_dir / ".blobs" / SHA256)
        assert SHA256 in (old.weights_dir / "weights.lock").read_text()

    def test_its_hash_is_held(self, old: Store, server: FileServer) -> None:
        old.path.unlink()
        server.put("w.pt", OTHER)
        assert f"instead of {SHA256}" in old.failure(server.file("w.pt")).message

    def test_a_file_in_it_that_was_changed_is_told(self, old: Store, server: FileServer) -> None:
        old.path.write_bytes(OTHER)
        os.utime(old.path, ns=(0, 0))
        error = old.failure(server.file("w.pt"))
        assert "was changed since it was fetched" in error.message
        assert "repro weights fetch m --variant v" in error.fix


class TestReadOnlyStore:
    def test_what_is_there_is_used_and_what_is_missing_is_told(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        server.put("x.pt", OTHER)
        store.fetch(server.file("w.pt"))
        with mounted(store.weights_dir, "--bind", str(store.weights_dir)):
            subprocess.run(["mount", "-o", "remount,ro,bind", store.weights_dir], check=True)
            store.fetch(server.file("w.pt"))
            error = store.failure(server.file("w.pt"), server.file("x.pt"))
            assert error.message.startswith(f"cannot store weights in {store.weights_dir}: Read-only file system")
            assert "REPRO_WEIGHTS_DIR" in error.fix
            with pytest.raises(WeightsError, match=r"cannot change the weights in .*: Read-only file system"):
                remove_variants(store.weights_dir, ["m/v"])
        assert store.path.read_bytes() == CONTENT

    def test_an_old_store_that_is_read_only_is_left_as_it_is(self, store: Store, server: FileServer) -> None:
        store.put_by_hand(CONTENT)
        write_records(store.folder, {"w.pt": record_of(store.path, SHA256)})
        with mounted(store.weights_dir, "--bind", str(store.weights_dir)):
            subprocess.run(["mount", "-o", "remount,ro,bind", store.weights_dir], check=True)
            store.fetch(server.file("w.pt"))
        assert store.contents() == []


class TestFullDisk:
    """A disk of 64 KiB, with so much on it that nothing more fits."""

    @pytest.fixture
    def full(self, store: Store, server: FileServer) -> Iterator[Store]:
        server.put("w.pt", b"weights")
        with mounted(store.weights_dir, "-t", "tmpfs", "-o", "size=64k", "tmpfs"):
            yield store

    def fill(self, store: Store) -> None:
        with contextlib.suppress(OSError), (store.weights_dir / "filler").open("wb", buffering=0) as stream:
            while stream.write(bytes(4096)):
                pass

    def test_a_note_that_cannot_be_written_is_not_left(self, full: Store, server: FileServer) -> None:
        full.folder.mkdir(parents=True)
        self.fill(full)
        assert "No space left on device" in full.failure(server.file("w.pt")).message
        assert full.names() == []

    def test_a_ledger_that_cannot_be_written_is_as_before_and_nothing_else_is_left(
        self, full: Store, server: FileServer
    ) -> None:
        full.fetch(server.file("w.pt"))
        before = (full.weights_dir / "weights.lock").read_text()
        self.fill(full)
        with pytest.raises(OSError, match="No space left"):
            write_entry(full.weights_dir, "m/w/w.pt", Entry(SHA256, 8, "here", "2026-01-01"))
        with pytest.raises(OSError, match="No space left"):
            write_records(full.folder, {"x.pt": record_of(full.path, SHA256)})
        assert (full.weights_dir / "weights.lock").read_text() == before
        left = {path.name for path in full.weights_dir.iterdir()} - {".lock", ".blobs", "m", "filler", "weights.lock"}
        assert left == set()
        assert full.names() == [".hashes.json", "w.pt"]


class TestFilesOfTheUser:
    @pytest.mark.parametrize("link", [os.symlink, os.link])
    def test_a_checkpoint_that_is_linked_into_the_store_stays_the_users_own(
        self, store: Store, server: FileServer, tmp_path: Path, link: Callable[[Path, Path], None]
    ) -> None:
        mine = tmp_path / "my_checkpoint.pt"
        mine.write_bytes(CONTENT)
        mine.chmod(0o644)
        store.folder.mkdir(parents=True)
        link(mine, store.path)
        store.fetch(server.file("w.pt", sha256=SHA256))
        assert stat.S_IMODE(mine.stat().st_mode) == 0o644
        mine.write_bytes(OTHER)
        assert check(store, server.file("w.pt", sha256=SHA256)) == {"w.pt": ""}
        assert not any(path.is_symlink() for path in store.weights_dir.rglob("*"))
        assert store.path.stat().st_nlink == 2  # the file of the variant and its content

    def test_of_a_linked_variant_the_link_is_removed_and_what_it_leads_to_stays(
        self, store: Store, server: FileServer, tmp_path: Path
    ) -> None:
        server.put("w.pt", CONTENT)
        (tmp_path / "big").mkdir()
        (tmp_path / "big" / "other.txt").write_text("mine")
        store.folder.parent.mkdir(parents=True)
        store.folder.symlink_to(tmp_path / "big")
        store.fetch(server.file("w.pt"))
        remove_variants(store.weights_dir, ["m/v"])
        assert not store.folder.is_symlink()
        assert (tmp_path / "big" / "other.txt").read_text() == "mine"
        assert store.contents() == []
        store.fetch(server.file("w.pt"))
        assert remove_variants(store.weights_dir, ["m/v"]).freed_bytes == len(CONTENT)

    def test_a_link_that_an_earlier_removal_left_is_in_nobodys_way(
        self, store: Store, server: FileServer, tmp_path: Path
    ) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        (store.folder.parent / ".v.removing").symlink_to(tmp_path)
        remove_variants(store.weights_dir, ["m/v"])
        assert not store.folder.exists()
        assert not (store.folder.parent / ".v.removing").is_symlink()


class TestRemoval:
    @pytest.fixture
    def shared(self, store: Store, server: FileServer) -> Store:
        """v has w.pt and x.pt, w has w.pt too."""
        server.put("w.pt", CONTENT)
        server.put("x.pt", OTHER)
        store.fetch(server.file("w.pt"), server.file("x.pt"))
        store.fetch(server.file("w.pt", sha256=SHA256), variant="w")
        return store

    def test_a_content_goes_with_the_last_variant_that_has_it(self, shared: Store) -> None:
        removed = remove_variants(shared.weights_dir, ["m/v"])
        assert (removed.freed_bytes, removed.kept_bytes) == (len(OTHER), len(CONTENT))
        assert shared.contents() == [SHA256]
        assert not shared.folder.exists()
        remove_variants(shared.weights_dir, ["m/w"])
        assert shared.contents() == []

    def test_a_plan_changes_nothing(self, shared: Store) -> None:
        planned = plan_removal(shared.weights_dir, ["m/v", "m/w"])
        assert planned.freed_bytes == len(OTHER) + len(CONTENT)
        assert planned.kept_bytes == 0
        assert shared.contents() == sorted([SHA256, OTHER_SHA256])

    def test_an_inventory_tells_who_shares_what(self, shared: Store) -> None:
        first, second = read_inventory(shared.weights_dir)
        assert (first.name, second.name) == ("m/v", "m/w")
        assert {file.name: file.shared_with for file in first.files} == {"w.pt": ("m/w",), "x.pt": ()}
        assert (first.size_bytes, first.shared_bytes) == (len(CONTENT) + len(OTHER), len(CONTENT))

    def test_contents_that_nobody_has_are_removed(self, shared: Store) -> None:
        shutil.rmtree(shared.folder)
        assert remove_unused(shared.weights_dir) == len(OTHER)
        assert shared.contents() == [SHA256]

    def test_a_part_of_a_file_goes_with_its_variant(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.leave_part(server)
        assert remove_variants(store.weights_dir, ["m/v"]).freed_bytes == 100_000
        assert not store.folder.exists()


class TestCheck:
    def test_whole_files_are_found_whole(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        file = server.file("w.pt", sha256=SHA256)
        store.fetch(file)
        assert check(store, file) == {"w.pt": ""}

    def test_a_content_that_changed_without_its_size_or_time_is_found(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        before = store.path.stat()
        store.path.chmod(0o644)
        store.path.write_bytes(OTHER)
        os.utime(store.path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert find_variant("m", Variant("v", files=(server.file("w.pt"),)), store.weights_dir) == store.folder
        flaw = check(store, server.file("w.pt"))["w.pt"]
        assert flaw == f"sha256 is {OTHER_SHA256[:12]}…, weights.lock says {SHA256[:12]}…"

    def test_a_missing_file_and_one_that_nobody_checked_are_found(self, store: Store, server: FileServer) -> None:
        store.put_by_hand(CONTENT)
        flaws = check(store, server.file("w.pt"), server.file("x.pt"))
        assert flaws == {"w.pt": "put there by hand, and not checked yet", "x.pt": "missing"}

    def test_a_hash_that_config_states_is_held_too(self, store: Store, server: FileServer) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"))
        flaw = check(store, server.file("w.pt", sha256="0" * 64))["w.pt"]
        assert "config.yaml says 000000000000…" in flaw


class TestCheckOfAnArchive:
    @pytest.fixture
    def archive(self, store: Store, server: FileServer) -> WeightFile:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as content:
            content.writestr("a.pt", CONTENT)
            content.writestr("sub/b.pt", OTHER)
        server.put("pretrained.zip", stream.getvalue())
        file = WeightFile("pretrained", f"{server.url}/pretrained.zip", unpack=True)
        store.fetch(file)
        return file

    def record(self, store: Store, name: str) -> None:
        """As one who wants it to be taken for what came."""
        path = store.folder / name
        write_records(store.folder, {name: record_of(path, hashlib.sha256(path.read_bytes()).hexdigest())})

    def test_a_whole_one_is_found_whole(self, store: Store, archive: WeightFile) -> None:
        names = ["pretrained", "pretrained/a.pt", "pretrained/sub/b.pt"]
        assert check(store, archive) == dict.fromkeys(names, "")
        assert check(store) == dict.fromkeys(names[1:], "")

    @pytest.mark.parametrize("is_declared", [True, False])
    def test_a_member_that_was_exchanged_together_with_its_record_is_found(
        self, store: Store, archive: WeightFile, is_declared: bool
    ) -> None:
        path = store.folder / "pretrained" / "a.pt"
        path.unlink()
        path.write_bytes(b"harm")
        self.record(store, "pretrained/a.pt")
        found = check(store, *([archive] if is_declared else []))
        assert f"weights.lock says {SHA256[:12]}…" in found["pretrained/a.pt"]

    @pytest.mark.parametrize("is_recorded", [True, False])
    def test_a_file_that_the_archive_did_not_hold_is_found(
        self, store: Store, archive: WeightFile, is_recorded: bool
    ) -> None:
        (store.folder / "pretrained" / "sub" / "harm.py").write_text("import os")
        if is_recorded:
            self.record(store, "pretrained/sub/harm.py")
        for declared in ([archive], []):
            assert check(store, *declared)["pretrained"] == "pretrained/sub/harm.py: was not in the archive"

    def test_a_member_that_is_missing_is_found(self, store: Store, archive: WeightFile) -> None:
        (store.folder / "pretrained" / "a.pt").unlink()
        found = check(store, archive)
        assert (found["pretrained"], found["pretrained/a.pt"]) == ("pretrained/a.pt: missing", "missing")


class TestMirrors:
    def test_a_mirror_is_asked_when_the_source_fails_and_that_is_said(
        self, store: Store, server: FileServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.put("mirror/w.pt", CONTENT)
        store.fetch(server.file("w.pt", mirrors=(f"{server.url}/nowhere", f"{server.url}/mirror/w.pt")))
        assert store.path.read_bytes() == CONTENT
        assert [name for name, _ in server.requests] == ["w.pt", "nowhere", "mirror/w.pt"]
        assert f"the server answers 404 Not Found; trying {server.url}/nowhere" in caplog.text
        assert f"trying {server.url}/mirror/w.pt" in caplog.text

    def test_a_mirror_is_held_to_the_hash(
        self, store: Store, server: FileServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        server.put("bad/w.pt", OTHER)
        server.put("good/w.pt", CONTENT)
        mirrors = (f"{server.url}/bad/w.pt", f"{server.url}/good/w.pt")
        store.fetch(server.file("w.pt", sha256=SHA256, mirrors=mirrors))
        assert store.path.read_bytes() == CONTENT
        assert f"its sha256 is {OTHER_SHA256}" in caplog.text

    def test_where_none_has_it_each_is_told(self, store: Store, server: FileServer) -> None:
        server.put("bad/w.pt", OTHER)
        error = store.failure(server.file("w.pt", sha256=SHA256, mirrors=(f"{server.url}/bad/w.pt",)))
        assert error.message.startswith("no source of w.pt has it:\n  1. cannot fetch")
        assert "\n  2. " in error.message
        assert "check the address" in error.fix
        assert "find out which is right" in error.fix
        assert store.names() == []

    def test_a_part_from_one_source_is_continued_from_another_where_the_hash_is_known(
        self, store: Store, server: FileServer
    ) -> None:
        server.put("w.pt", CONTENT, cuts=[100_000], statuses=[])
        server.files["w.pt"].cuts += [0, 0, 0]
        server.put("mirror/w.pt", CONTENT, etag='"another"')
        store.fetch(server.file("w.pt", sha256=SHA256, mirrors=(f"{server.url}/mirror/w.pt",)))
        assert store.path.read_bytes() == CONTENT
        assert (server.requests[-1][0], server.ranges()[-1]) == ("mirror/w.pt", "bytes=100000-")

    def test_the_users_mirror_is_asked_first(self, store: Store, server: FileServer) -> None:
        server.put("base/m/v/w.pt", CONTENT)
        store.fetch(server.file("w.pt"), mirror=f"{server.url}/base/")
        assert [name for name, _ in server.requests] == ["base/m/v/w.pt"]

    @pytest.mark.parametrize("as_address", [True, False])
    def test_the_users_mirror_may_be_a_folder_also_offline(
        self, store: Store, server: FileServer, tmp_path: Path, as_address: bool
    ) -> None:
        (tmp_path / "mirror" / "m" / "v").mkdir(parents=True)
        (tmp_path / "mirror" / "m" / "v" / "w.pt").write_bytes(CONTENT)
        place = tmp_path / "mirror"
        store.fetch(server.file("w.pt"), mirror=place.as_uri() if as_address else str(place), offline=True)
        assert store.path.read_bytes() == CONTENT
        assert server.requests == []

    def test_a_mirror_of_a_kind_that_cannot_be_one_is_told(self, store: Store, server: FileServer) -> None:
        error = store.failure(server.file("w.pt"), mirror="ftp://mirror.example.org/weights")
        assert error.message == "ftp://mirror.example.org/weights cannot be a mirror of weights"
        assert "REPRO_WEIGHTS_MIRROR" in error.fix

    def test_of_an_archive_the_users_mirror_holds_the_archive(self, store: Store, server: FileServer) -> None:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w") as archive:
            archive.writestr("a.pt", CONTENT)
        server.put("base/m/v/pretrained.zip", stream.getvalue())
        file = WeightFile("pretrained", "https://192.0.2.1/x/pretrained.zip", unpack=True)
        store.fetch(file, mirror=f"{server.url}/base")
        assert (store.folder / "pretrained" / "a.pt").read_bytes() == CONTENT

    def test_what_the_users_mirror_lacks_comes_from_its_source(
        self, store: Store, server: FileServer, tmp_path: Path
    ) -> None:
        server.put("w.pt", CONTENT)
        store.fetch(server.file("w.pt"), mirror=str(tmp_path))
        assert store.path.read_bytes() == CONTENT


def test_fetching_for_several_variants_gives_their_folders_in_order(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    variants = [Variant("b", files=(server.file("w.pt"),)), Variant("none"), Variant("a", files=(server.file("w.pt"),))]
    folders = fetch_variants("m", variants, store.weights_dir)
    assert folders == [store.weights_dir / "m" / "b", None, store.weights_dir / "m" / "a"]


@pytest.mark.parametrize("size_bytes", [None, 10])
def test_a_device_is_no_file_of_weights(store: Store, size_bytes: int | None) -> None:
    error = store.failure(WeightFile("w.pt", "file:///dev/zero", size_bytes=size_bytes))
    assert error.message == "/dev/zero is neither a file nor a folder"


def test_what_a_killed_process_left_is_swept_by_the_next_fetch(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.folder.mkdir(parents=True)
    (store.folder / ".w.pt.draft-1234").write_bytes(b"half")
    (store.folder.parent / ".v.unpacking" / "0").mkdir(parents=True)
    fetch_variant("m", Variant("v", files=(server.file("w.pt"),)), store.weights_dir)
    assert store.names() == [".hashes.json", "w.pt"]
    assert not (store.folder.parent / ".v.unpacking").exists()
