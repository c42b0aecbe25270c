"""Archives of others: nothing leaves their folder, fills the memory, or is taken for something else."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from repro.guest.assays import Dataset, DatasetError
from repro.guest.assays import archive as archives
from repro.guest.assays.archive import Archive, write_archive
from tests.unit.assays.archives import MANIFEST, TABLE, tiny, zipped


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as error:
        Dataset.from_path(path)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.csv", "climbs out"),
        ("assays/../../evil.csv", "climbs out"),
        ("..", "climbs out"),
        ("..\\evil.csv", "climbs out"),
        ("/etc/cron.d/evil", "absolute"),
        ("\\\\server\\evil", "absolute"),
        ("C:evil.csv", "absolute"),
    ],
)
def test_a_member_that_leads_out_of_the_archive_is_refused_by_its_name(tmp_path: Path, name: str, why: str) -> None:
    said = refused(tiny(tmp_path / "x.zip", **{name: "x"}))

    assert why in said
    assert repr(name) in said


def test_nothing_is_written_where_an_archive_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny(tmp_path / "x.zip")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("TMPDIR", str(work))

    Dataset.from_path(path)

    assert list(work.iterdir()) == []


def with_attributes(path: Path, mode: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("assays.csv")
        info.create_system = 3
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
        archive.writestr("manifest.toml", MANIFEST)
    return path


def test_a_link_is_refused(tmp_path: Path) -> None:
    assert "'assays.csv' is a link" in refused(with_attributes(tmp_path / "x.zip", stat.S_IFLNK | 0o777))


def test_a_device_is_refused(tmp_path: Path) -> None:
    assert "is no plain file" in refused(with_attributes(tmp_path / "x.zip", stat.S_IFCHR | 0o600))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for content in (TABLE, "sequence,score\n"):
            archive.writestr("assays.csv", content)

    assert "has assays.csv twice" in refused(path)


def test_an_encrypted_member_is_refused(tmp_path: Path) -> None:
    path = tiny(tmp_path / "x.zip")
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        content[at + offset] |= 1
    path.write_bytes(content)

    assert "is encrypted" in refused(path)


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tiny(tmp_path / "x.zip", table="0" * (8 << 20))
    monkeypatch.setattr(archives, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)  # who unpacks a member fails

    assert "made to fill a disk" in refused(path)


def test_an_archive_that_says_it_unpacks_to_more_than_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archives, "MAX_BYTES", 100)

    assert "would unpack to" in refused(tiny(tmp_path / "x.zip"))


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path) -> None:
    many = {f"{number}.txt": b"" for number in range(archives.MAX_MEMBERS + 1)}

    assert "more than 10000" in refused(zipped(tmp_path / "x.zip", many))


def test_members_that_overlap_are_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"manifest.toml": MANIFEST, "assays.csv": os.urandom(4000)})
    content = bytearray(path.read_bytes())
    entry = content.find(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 20, 4_000_000)  # the packed size that the directory tells of the first
    path.write_bytes(content)

    assert "overlap" in refused(path)


def test_a_member_that_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    path = tiny(tmp_path / "x.zip", table=TABLE + "MKA,V3A,1,7\n" * 5000)
    content = bytearray(path.read_bytes())
    entry = content.rfind(b"PK\x01\x02")
    struct.pack_into("<I", content, entry + 24, len(TABLE))
    path.write_bytes(content)

    assert "assays.csv" in refused(path)


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("manifest.toml", MANIFEST)
        archive.writestr("assays.csv", TABLE)
    path.write_bytes(path.read_bytes().replace(b"MRV,K2R,1.5", b"MRV,K2R,9.5"))

    said = refused(path)
    assert "assays.csv" in said
    assert "CRC" in said


@pytest.mark.parametrize("kept", [0, 10, 400])
def test_a_cut_archive_is_refused(tmp_path: Path, kept: int) -> None:
    path = tiny(tmp_path / "x.zip")
    path.write_bytes(path.read_bytes()[:kept])

    assert "no zip archive, or cut" in refused(path)


def test_a_pointer_of_git_lfs_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "x.pgdata"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:86\nsize 6\n")

    assert "git lfs pull" in refused(path)


def test_a_file_that_is_not_there_and_a_folder_are_named(tmp_path: Path) -> None:
    assert "there is no file" in refused(tmp_path / "none.zip")
    assert "is a folder" in refused(tmp_path)


def test_an_archive_without_a_manifest_says_what_it_has(tmp_path: Path) -> None:
    said = refused(zipped(tmp_path / "x.zip", {"tiny/manifest.toml": MANIFEST, "tiny/assays.csv": TABLE}))

    assert "tiny/manifest.toml" in said
    assert "at the top" in said


def test_an_archive_in_an_archive_is_checked_alike(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"../evil": "x"}).read_bytes()

    with pytest.raises(DatasetError, match="climbs out"):
        Archive(tmp_path / "outer.zip", inner)


def test_equal_content_is_written_as_equal_bytes(tmp_path: Path) -> None:
    members = [("a.txt", [b"one", b"two"]), ("b/c.txt", [b""])]
    write_archive(tmp_path / "1.zip", members)
    write_archive(tmp_path / "2.zip", members)

    assert (tmp_path / "1.zip").read_bytes() == (tmp_path / "2.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO((tmp_path / "1.zip").read_bytes())) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.txt": b"onetwo", "b/c.txt": b""}


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_text("before")

    def chunks() -> list[bytes]:
        raise RuntimeError("no more data")

    with pytest.raises(RuntimeError, match="no more data"):
        write_archive(path, ((name, chunks()) for name in ("a", "b")))

    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be written"):
        write_archive(tmp_path / "none" / "x.zip", [])
