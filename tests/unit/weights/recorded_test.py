"""What weights.lock and .hashes.json say is checked before anything is done with it: they may be somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import Variant, WeightFile
from repro.errors import WeightsError
from repro.weights.check import check_variant
from repro.weights.inventory import read_inventory
from repro.weights.removal import remove_damaged, remove_variants
from tests.unit.weights.archive_test import make_tar

if TYPE_CHECKING:
    from tests.unit.weights.conftest import Store

CONTENT = b"weights" * 100


@pytest.fixture
def file(tmp_path: Path) -> WeightFile:
    (tmp_path / "w.pt").write_bytes(CONTENT)
    return WeightFile("w.pt", (tmp_path / "w.pt").as_uri())


@pytest.fixture
def thesis(tmp_path: Path) -> Path:
    """A file of the user that no store has anything to do with."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("precious")
    return tmp_path / "home" / "thesis.txt"


def entry(**fields: object) -> dict[str, object]:
    whole = {"sha256": "0" * 64, "size_bytes": 8, "source": "https://example.org/w.pt", "recorded": "2026-01-01"}
    return {**whole, **fields}


def write_lock(store: Store, **fields: object) -> None:
    store.weights_dir.mkdir(exist_ok=True)
    (store.weights_dir / ".blobs").mkdir(exist_ok=True)
    content = {"format": 1, "files": {"m/v/w.pt": entry(**fields)}}
    (store.weights_dir / "weights.lock").write_text(json.dumps(content))


@pytest.mark.parametrize("absolute", [True, False])
def test_a_hash_that_is_a_path_removes_nothing(store: Store, file: WeightFile, thesis: Path, absolute: bool) -> None:
    path = str(thesis) if absolute else os.path.relpath(thesis, store.weights_dir / ".blobs")
    write_lock(store, sha256=path)
    error = store.failure(file)
    assert "weights.lock is damaged: m/v/w.pt: sha256 must be 64 hexadecimal digits" in error.message
    assert thesis.read_text() == "precious"


def test_a_member_that_leaves_the_folder_overwrites_nothing(store: Store, tmp_path: Path, thesis: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar({"a.pt": CONTENT}, "w"))
    archive = WeightFile("pretrained", (tmp_path / "a.tar").as_uri(), unpack=True)
    store.fetch(archive)
    lock = store.weights_dir / "weights.lock"
    content = json.loads(lock.read_text())
    [sha256] = content["files"]["m/v/pretrained"]["members"].values()
    outside = os.path.relpath(thesis, store.folder / "pretrained")
    content["files"]["m/v/pretrained"]["members"] = {outside: sha256}
    lock.write_text(json.dumps(content))
    (store.folder / ".hashes.json").unlink()
    error = store.failure(archive)
    assert "weights.lock is damaged: m/v/pretrained: members: " in error.message
    assert "leaves the folder" in error.message
    assert thesis.read_text() == "precious"


def test_a_record_of_a_file_elsewhere_does_not_remove_it(store: Store, file: WeightFile, thesis: Path) -> None:
    store.fetch(file)
    path = store.folder / ".hashes.json"
    records = json.loads(path.read_text())
    records[os.path.relpath(thesis, store.folder)] = {"sha256": "0" * 64, "size_bytes": 1, "modified_ns": 1}
    path.write_text(json.dumps(records))
    with pytest.raises(WeightsError, match=r"\.hashes\.json is damaged: a key: .*leaves the folder"):
        remove_damaged(store.weights_dir, "m", Variant("v", files=(file,)))
    assert thesis.read_text() == "precious"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"sha256": None}, "m/v/w.pt: sha256 must be 64"),
        ({"sha256": "A" * 64}, "m/v/w.pt: sha256 must be 64"),
        ({"size_bytes": "8"}, "m/v/w.pt: size_bytes must be a whole number"),
        ({"size_bytes": True}, "m/v/w.pt: size_bytes must be a whole number"),
        ({"size_bytes": -1}, "m/v/w.pt: size_bytes must not be less than 0"),
        ({"source": 1}, "m/v/w.pt: source must be a text"),
        ({"recorded": None}, "m/v/w.pt: recorded must be a text"),
        ({"members": ["a"]}, "m/v/w.pt: members must be an object"),
        ({"members": {"a": "../x"}}, "m/v/w.pt: members: a must be 64"),
        ({"members": {"/a": "0" * 64}}, "is an absolute path"),
        ({"members": {"a\x1b[31m": "0" * 64}}, "is no name for a file"),
        ({"more": 1}, "m/v/w.pt: more is not known"),
    ],
)
def test_an_entry_of_another_type_is_told_with_its_key(
    store: Store, file: WeightFile, fields: dict[str, object], words: str
) -> None:
    write_lock(store, **fields)
    error = store.failure(file)
    assert f"{store.weights_dir / 'weights.lock'} is damaged" in error.message
    assert words in error.message
    assert "restore" in error.fix


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"format":1}',
        '{"format":1,"files":[]}',
        '{"format":1,"files":{"m/v/w.pt":null}}',
        '{"format":1,"files":{"../x":{}}}',
        '{"format":"x"}',
        "[" * 100_000,
        "9" * 5000,
    ],
    ids=range(10),
)
def test_a_lock_that_is_none_is_told(store: Store, file: WeightFile, text: str) -> None:
    store.weights_dir.mkdir()
    (store.weights_dir / "weights.lock").write_text(text)
    assert "weights.lock is damaged" in store.failure(file).message
    for reading in (read_inventory, lambda place: check_variant(place, "m", Variant("v"))):
        with pytest.raises(WeightsError, match=r"weights\.lock is damaged"):
            reading(store.weights_dir)


@pytest.mark.parametrize(
    "text",
    ["null", '{"w.pt": null}', '{"w.pt": {"sha256": 1, "size_bytes": 2, "modified_ns": 1}}', "[" * 100_000]
    + [
        json.dumps({"w.pt": {"sha256": "0" * 64, "size_bytes": 1, "modified_ns": 1, "members": members}})
        for members in ([1], ["../../.."], {"a": "b"})
    ],
)
def test_records_that_are_none_are_told(store: Store, file: WeightFile, text: str) -> None:
    store.fetch(file)
    (store.folder / ".hashes.json").write_text(text)
    assert ".hashes.json is damaged" in store.failure(file).message
    for reading in (read_inventory, lambda place: remove_variants(place, ["m/v"])):
        with pytest.raises(WeightsError, match=r"\.hashes\.json is damaged"):
            reading(store.weights_dir)


def test_a_lock_that_was_removed_is_recorded_anew_also_of_an_archive(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(make_tar({"a.pt": CONTENT}, "w"))
    archive = WeightFile("pretrained", (tmp_path / "a.tar").as_uri(), unpack=True)
    store.fetch(archive)
    lock = store.weights_dir / "weights.lock"
    before = json.loads(lock.read_text())["files"]["m/v/pretrained"]
    lock.unlink()
    store.fetch(archive)
    after = json.loads(lock.read_text())["files"]["m/v/pretrained"]
    assert (after["sha256"], after["members"]) == (before["sha256"], before["members"])
