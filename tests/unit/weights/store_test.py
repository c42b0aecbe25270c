"""What counts as set up, what is told when it is not, and weights that a user names."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from repro.config import Variant, WeightFile
from repro.errors import NotSetUpError, WeightsError
from repro.weights import file_sha256, find_variant, use_local, weights_hashes
from repro.weights.layout import variant_dir
from repro.weights.records import FileRecord, read_records, record_of, write_records

URL = "https://example.org/"
VARIANT = Variant(
    "v",
    files=(
        WeightFile("w.pt", URL + "w.pt"),
        WeightFile("w-contact-regression.pt", URL + "w-contact-regression.pt", optional=True),
    ),
)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def put(folder: Path, **files: bytes) -> Path:
    """Files named by keyword (`w` is w.pt, `w_contact_regression` is w-contact-regression.pt)."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name.replace('_', '-')}.pt").write_bytes(content)
    return folder


def set_up(tmp_path: Path) -> Path:
    folder = put(variant_dir(tmp_path, "m", "v"), w=b"weights", w_contact_regression=b"contacts")
    for file in VARIANT.files:
        path = folder / file.name
        write_records(folder, {file.name: record_of(path, file_sha256(path))})
    return folder


def not_whole(tmp_path: Path, variant: Variant = VARIANT) -> WeightsError:
    with pytest.raises(WeightsError) as raised:
        find_variant("m", variant, tmp_path)
    assert raised.value.fix == "repro setup m --variant v"
    return raised.value


def refused(source: Path, variant: Variant = VARIANT) -> str:
    with pytest.raises(WeightsError) as raised:
        use_local(variant, source)
    return raised.value.message


def test_a_variant_that_is_set_up_is_found(tmp_path: Path) -> None:
    folder = set_up(tmp_path)
    assert find_variant("m", VARIANT, tmp_path) == folder


def test_a_variant_that_is_not_set_up_is_told_with_the_command(tmp_path: Path) -> None:
    with pytest.raises(NotSetUpError) as raised:
        find_variant("m", VARIANT, tmp_path)
    assert raised.value.message == f"m: the weights of v are not in {tmp_path / 'm' / 'v'}"
    assert raised.value.fix == "repro setup m --variant v"


def test_an_interrupted_fetch_is_told_as_the_cause(tmp_path: Path) -> None:
    (put(tmp_path / "m" / "v") / "w.pt.part").write_bytes(b"wei")
    with pytest.raises(NotSetUpError) as raised:
        find_variant("m", VARIANT, tmp_path)
    assert raised.value.cause == "a fetch was interrupted; it goes on where it stopped"


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    (set_up(tmp_path) / "w-contact-regression.pt").unlink()
    assert "w-contact-regression.pt: missing" in not_whole(tmp_path).message


def test_a_file_that_lost_its_end_is_named_with_its_sizes(tmp_path: Path) -> None:
    (set_up(tmp_path) / "w.pt").write_bytes(b"wei")
    assert "w.pt: 3 bytes instead of 7" in not_whole(tmp_path).message


def test_a_file_without_a_record_is_not_taken_on_trust(tmp_path: Path) -> None:
    (set_up(tmp_path) / ".hashes.json").unlink()
    assert "w.pt: put there by hand, and not checked yet" in not_whole(tmp_path).message


def test_a_recorded_hash_that_is_not_the_stated_one_is_told(tmp_path: Path) -> None:
    set_up(tmp_path)
    stated = Variant("v", files=(WeightFile("w.pt", URL + "w.pt", sha256="0" * 64),))
    assert f"w.pt: sha256 {sha256(b'weights')[:12]}… instead of 000000000000…" in not_whole(tmp_path, stated).message


@pytest.mark.parametrize("text", ["{", "[]", '{"w.pt": {}}', '{"w.pt": 1}'])
def test_a_damaged_record_is_told_with_what_to_do(tmp_path: Path, text: str) -> None:
    path = set_up(tmp_path) / ".hashes.json"
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"\.hashes\.json is damaged") as raised:
        find_variant("m", VARIANT, tmp_path)
    assert f"remove {path}" in raised.value.fix


def test_a_record_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "m" / "v" / ".hashes.json").mkdir(parents=True)
    with pytest.raises(WeightsError, match=r"cannot read .*\.hashes\.json: Is a directory"):
        find_variant("m", VARIANT, tmp_path)


def test_a_folder_with_the_files_can_be_named(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", w=b"weights", w_contact_regression=b"contacts")
    assert use_local(VARIANT, folder) == folder


def test_a_folder_may_lack_what_is_optional(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", w=b"weights")
    assert use_local(VARIANT, folder) == folder


def test_a_folder_that_lacks_what_is_needed_is_refused_with_its_name(tmp_path: Path) -> None:
    folder = put(tmp_path / "mine", w_contact_regression=b"contacts")
    with pytest.raises(WeightsError) as raised:
        use_local(VARIANT, folder)
    assert raised.value.message == f"{folder} lacks what v needs: w.pt"
    assert raised.value.fix == "a checkpoint of another name can be named by its own path"


def test_a_checkpoint_of_any_name_can_be_named(tmp_path: Path) -> None:
    checkpoint = put(tmp_path, finetuned=b"weights") / "finetuned.pt"
    assert use_local(VARIANT, checkpoint) == checkpoint


def test_a_checkpoint_whose_needed_neighbour_is_missing_is_refused(tmp_path: Path) -> None:
    variant = Variant("v", files=(WeightFile("w.pt", URL + "w.pt"), WeightFile("tokens.txt", URL + "tokens.txt")))
    checkpoint = put(tmp_path, finetuned=b"weights") / "finetuned.pt"
    assert refused(checkpoint, variant) == f"{tmp_path} lacks what v needs: tokens.txt"
    (tmp_path / "tokens.txt").write_text("ACDE")
    assert use_local(variant, checkpoint) == checkpoint


def test_a_relative_path_and_a_home_are_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, w=b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert use_local(VARIANT, Path("w.pt")) == tmp_path / "w.pt"
    assert use_local(VARIANT, Path("~/w.pt")) == tmp_path / "w.pt"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
        (b"<!doctype html>", "it is an HTML page"),
    ],
)
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    folder = put(tmp_path / "mine", w=content)
    assert words in refused(folder)
    assert words in refused(folder / "w.pt")


def test_an_empty_neighbour_is_refused_though_it_is_optional(tmp_path: Path) -> None:
    folder = put(tmp_path, w=b"weights", w_contact_regression=b"")
    assert refused(folder / "w.pt") == f"{folder / 'w-contact-regression.pt'} holds no weights: it is empty"


def test_a_place_that_does_not_exist_is_told(tmp_path: Path) -> None:
    assert refused(tmp_path / "nowhere") == f"the weights at {tmp_path / 'nowhere'} are not there"


def test_weights_for_a_variant_that_takes_none_are_refused(tmp_path: Path) -> None:
    assert "v takes no files of weights" in refused(tmp_path, Variant("v"))


def test_hashes_of_a_store_come_from_its_record(tmp_path: Path) -> None:
    folder = set_up(tmp_path)
    expected = {"w-contact-regression.pt": sha256(b"contacts"), "w.pt": sha256(b"weights")}
    assert weights_hashes(folder) == expected
    recorded = FileRecord("0" * 64, **{k: v for k, v in vars(read_records(folder)["w.pt"]).items() if k != "sha256"})
    write_records(folder, {"w.pt": recorded})
    assert weights_hashes(folder)["w.pt"] == "0" * 64


def test_a_file_that_was_touched_since_it_was_recorded_is_hashed_again(tmp_path: Path) -> None:
    folder = set_up(tmp_path)
    (folder / "w.pt").write_bytes(b"WEIGHTS")
    os.utime(folder / "w.pt", ns=(0, 0))
    assert weights_hashes(folder)["w.pt"] == sha256(b"WEIGHTS")


def test_hashes_of_a_folder_that_a_user_named_are_those_of_the_files_asked_for(tmp_path: Path) -> None:
    put(tmp_path, w=b"weights", other=b"something else")
    assert weights_hashes(tmp_path, ["w.pt", "absent.pt"]) == {"w.pt": sha256(b"weights")}


def test_hashes_of_a_checkpoint_are_its_own(tmp_path: Path) -> None:
    put(tmp_path, w=b"weights", other=b"something else")
    assert weights_hashes(tmp_path / "w.pt") == {"w.pt": sha256(b"weights")}


def test_partial_files_and_dot_files_are_no_weights(tmp_path: Path) -> None:
    for name in ("w.pt.part", "w.pt.part.json", ".hidden/x.pt", "tokens/vocabulary.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert list(weights_hashes(tmp_path)) == ["tokens/vocabulary.txt"]


def test_a_record_is_readable_by_people_and_sorted(tmp_path: Path) -> None:
    text = (set_up(tmp_path) / ".hashes.json").read_text()
    assert list(json.loads(text)) == ["w-contact-regression.pt", "w.pt"]
    assert text.endswith("}\n")
    assert len(text.splitlines()) > 5
