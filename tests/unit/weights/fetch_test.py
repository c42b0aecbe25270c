"""Weights come into the store once, whole, and with the hash they have to have."""

from __future__ import annotations

import hashlib
import random
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import Variant
from repro.errors import NotSetUpError
from repro.weights import fetch_variant, find_variant
from repro.weights.fetch import fetch_variants
from repro.weights.removal import forget_hashes
from tests.unit.weights.conftest import Counter

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store

CONTENT = random.Random(7).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_files_of_a_variant_come_into_its_folder(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    server.put("tokens/vocabulary.txt", b"ACDE")
    store.fetch(server.file("w.pt", sha256=SHA256, size_bytes=300_000), server.file("tokens/vocabulary.txt"))
    assert store.path.read_bytes() == CONTENT
    assert (store.folder / "tokens" / "vocabulary.txt").read_bytes() == b"ACDE"
    assert store.names() == [".hashes.json", "tokens", "w.pt"]


def test_a_variant_without_files_needs_no_folder(tmp_path: Path) -> None:
    assert fetch_variant("m", Variant("v"), tmp_path) is None
    assert find_variant("m", Variant("v"), tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_fetched_again(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    for _ in range(2):
        store.fetch(server.file("w.pt"))
    assert len(server.requests) == 1


def test_progress_is_told_for_each_file(store: Store, server: FileServer) -> None:
    class Each:
        def __init__(self) -> None:
            self.files: dict[tuple[str, int | None], Counter] = {}

        def begin(self, name: str, total_bytes: int | None) -> Counter:
            return self.files.setdefault((name, total_bytes), Counter())

    server.put("w.pt", CONTENT)
    server.put("x.pt", b"x")
    told = Each()
    store.fetch(server.file("w.pt"), server.file("x.pt"), progress=told)
    assert {file: counter.bytes for file, counter in told.files.items()} == {("w.pt", 300_000): 300_000, ("x.pt", 1): 1}
    assert [counter.told for counter in told.files.values()] == [["done"], ["done"]]


def test_a_wrong_hash_keeps_nothing(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT[::-1])
    error = store.failure(server.file("w.pt", sha256=SHA256))
    assert hashlib.sha256(CONTENT[::-1]).hexdigest() in error.message
    assert SHA256 in error.message
    assert store.names() == []


def test_room_on_the_disk_is_looked_for_first(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT, announced_bytes=10**18)
    error = store.failure(server.file("w.pt"))
    assert "1,000,000,000,000,000,000 bytes are needed" in error.message
    assert "REPRO_WEIGHTS_DIR" in error.fix


def test_a_disk_that_runs_full_is_told(store: Store, server: FileServer) -> None:
    store.weights_dir.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(store.weights_dir)]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk")
    try:
        server.put("w.pt", CONTENT, framing="chunked")
        error = store.failure(server.file("w.pt"))
    finally:
        subprocess.run(["umount", store.weights_dir], check=True)
    assert error.message == f"cannot store weights in {store.weights_dir}: No space left on device"
    assert "repro weights remove" in error.fix
    assert not store.path.exists()


def test_a_folder_that_cannot_be_made_is_told(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.weights_dir.write_text("a file where the folder should be")
    error = store.failure(server.file("w.pt"))
    assert error.message.startswith(f"cannot store weights in {store.weights_dir}: ")
    assert "REPRO_WEIGHTS_DIR" in error.fix


def test_offline_nothing_is_fetched(tmp_path: Path, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    variant = Variant("v", files=(server.file("w.pt"),))
    with pytest.raises(NotSetUpError) as raised:
        fetch_variant("m", variant, tmp_path, offline=True)
    assert "w.pt of v is not in" in raised.value.message
    assert "repro weights fetch m --variant v" in raised.value.fix
    assert "REPRO_OFFLINE" in raised.value.fix
    assert server.requests == []


def test_offline_what_is_there_is_taken(tmp_path: Path, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    variant = Variant("v", files=(server.file("w.pt"),))
    folder = fetch_variant("m", variant, tmp_path)
    assert fetch_variant("m", variant, tmp_path, offline=True) == folder


def test_a_file_that_a_person_put_there_is_checked_and_taken(store: Store, server: FileServer) -> None:
    store.put_by_hand(CONTENT)
    store.fetch(server.file("w.pt", sha256=SHA256))
    assert server.requests == []


@pytest.mark.parametrize("lies_there", [CONTENT[:-1], CONTENT[::-1], b"<html></html>", b""])
def test_a_wrong_file_that_a_person_put_there_is_fetched(store: Store, server: FileServer, lies_there: bytes) -> None:
    server.put("w.pt", CONTENT)
    store.put_by_hand(lies_there)
    store.fetch(server.file("w.pt", sha256=SHA256, size_bytes=300_000))
    assert store.path.read_bytes() == CONTENT


def test_a_file_that_lost_its_end_is_fetched_again(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.fetch(server.file("w.pt"))
    store.path.write_bytes(CONTENT[:1000])
    store.fetch(server.file("w.pt"))
    assert store.path.read_bytes() == CONTENT


def test_a_hash_recorded_at_the_first_fetch_is_held_ever_after(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.fetch(server.file("w.pt"))
    shutil.rmtree(store.folder)
    (store.weights_dir / ".blobs" / SHA256).unlink()
    server.put("w.pt", CONTENT[::-1], etag='"version-2"')
    error = store.failure(server.file("w.pt"))
    assert f"instead of {SHA256}" in error.message
    assert "repro weights forget m --variant v" in error.fix
    assert store.names() == []


def test_what_another_variant_had_from_the_same_address_is_not_fetched_again(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    store.fetch(server.file("w.pt"))
    ensemble = store.fetch(server.file("w.pt"), variant="ensemble")
    assert (ensemble / "w.pt").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_two_variants_that_are_fetched_together_share_an_address(store: Store, server: FileServer) -> None:
    server.put("w.pt", CONTENT)
    variants = [Variant(name, files=(server.file("w.pt"),)) for name in ("one", "two")]
    folders = fetch_variants("m", variants, store.weights_dir)
    assert [(folder / "w.pt").read_bytes() for folder in folders if folder] == [CONTENT, CONTENT]
    assert len(server.requests) == 1


def test_forgetting_one_variant_lets_both_that_share_an_address_have_other_contents(
    store: Store, server: FileServer
) -> None:
    server.put("w.pt", CONTENT)
    for variant in ("v", "ensemble"):
        store.fetch(server.file("w.pt"), variant=variant)
    shutil.rmtree(store.weights_dir / "m")
    (store.weights_dir / ".blobs" / SHA256).unlink()
    server.put("w.pt", CONTENT[::-1], etag='"version-2"')

    forget_hashes(store.weights_dir, "m", "v")

    assert (store.fetch(server.file("w.pt"), variant="ensemble") / "w.pt").read_bytes() == CONTENT[::-1]


def test_a_hash_that_the_config_states_later_counts_more_than_the_recorded_one(
    store: Store, server: FileServer
) -> None:
    server.put("w.pt", CONTENT[::-1])
    store.fetch(server.file("w.pt"))
    server.put("w.pt", CONTENT)
    store.fetch(server.file("w.pt", sha256=SHA256))
    assert store.path.read_bytes() == CONTENT
