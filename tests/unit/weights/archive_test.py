"""Archives become folders, and those that mean harm, or are damaged, leave nothing behind."""

from __future__ import annotations

import io
import random
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import WeightFile
from repro.errors import WeightsError
from repro.weights import weights_hashes
from repro.weights.archive import Limits, unpack

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store

CONTENT = random.Random(5).randbytes(200_000)
FILES = {"a.pt": CONTENT, "sub/b.pt": CONTENT[::-1], "sub/.config": b"{}"}


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return stream.getvalue()


def make_tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def tar_with(entry: tarfile.TarInfo) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(entry)
    return stream.getvalue()


def special(kind: bytes, target: str = "") -> bytes:
    entry = tarfile.TarInfo("entry")
    entry.type, entry.linkname = kind, target
    return tar_with(entry)


def zip_with_mode(mode: int) -> bytes:
    entry = zipfile.ZipInfo("entry")
    entry.external_attr = mode << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(entry, b"/etc/passwd")
    return stream.getvalue()


def header(name: str, size: int, kind: bytes) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


def tar_with_pax(key: str, value: str) -> bytes:
    entry = tarfile.TarInfo("entry")
    entry.pax_headers = {key: value}
    return tar_with(entry)


def tar_with_nested_names(n: int) -> bytes:
    name = header("././@LongLink", 5, tarfile.GNUTYPE_LONGNAME) + b"abcd".ljust(512, b"\0")
    return name * n + header("x", 0, tarfile.REGTYPE) + bytes(1024)


def zip_with(content: dict[str, bytes], at: bytes, offset: int, value: bytes) -> bytes:
    """A zip with other bytes at `offset` from the last place where `at` stands."""
    archive = bytearray(make_zip(content))
    start = archive.rindex(at) + offset
    archive[start : start + len(value)] = value
    return bytes(archive)


TWO = make_tar({"a": bytes(3000), "b": bytes(3000)}, "w")
SECOND = 512 + 3072
"""Where the second member of it begins."""


def entry_of(server: FileServer, name: str, **facts: object) -> WeightFile:
    return WeightFile("pretrained", f"{server.url}/{name}", unpack=True, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("w.zip", make_zip),
        ("w.stored.zip", lambda files: make_zip(files, zipfile.ZIP_STORED)),
        ("w.tar", lambda files: make_tar(files, "w")),
        ("w.tar.gz", make_tar),
        ("w.tar.bz2", lambda files: make_tar(files, "w:bz2")),
        ("w.tar.xz", lambda files: make_tar(files, "w:xz")),
    ],
)
def test_an_archive_becomes_a_folder(
    store: Store, server: FileServer, name: str, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    server.put(name, make(FILES))
    store.fetch(entry_of(server, name))
    found = {path: (store.folder / "pretrained" / path).read_bytes() for path in FILES}
    assert found == FILES
    assert store.names() == [".hashes.json", "pretrained"]
    assert list(weights_hashes(store.folder, ["pretrained"])) == [f"pretrained/{name}" for name in sorted(FILES)]


def test_an_archive_that_is_here_is_not_fetched_again(store: Store, server: FileServer) -> None:
    server.put("w.zip", make_zip(FILES))
    for _ in range(2):
        store.fetch(entry_of(server, "w.zip"))
    assert len(server.requests) == 1


def test_a_file_of_an_archive_that_is_lost_comes_back_from_the_store(store: Store, server: FileServer) -> None:
    server.put("w.zip", make_zip(FILES))
    store.fetch(entry_of(server, "w.zip"))
    (store.folder / "pretrained" / "a.pt").unlink()
    store.fetch(entry_of(server, "w.zip"))
    assert (store.folder / "pretrained" / "a.pt").read_bytes() == CONTENT
    assert len(server.requests) == 1


def test_the_hash_of_an_archive_is_held(store: Store, server: FileServer) -> None:
    server.put("w.zip", make_zip(FILES))
    assert "its sha256 is" in store.failure(entry_of(server, "w.zip", sha256="0" * 64)).message
    assert store.names() == []


def test_a_folder_of_this_machine_becomes_a_folder(store: Store, tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).write_bytes(content)
    (tmp_path / "given" / "linked.pt").symlink_to(tmp_path / "given" / "a.pt")
    given = WeightFile("pretrained", (tmp_path / "given").as_uri())
    store.fetch(given)
    store.fetch(given, offline=True)
    assert (store.folder / "pretrained" / "sub" / "b.pt").read_bytes() == CONTENT[::-1]
    assert (store.folder / "pretrained" / "linked.pt").read_bytes() == CONTENT
    assert not (store.folder / "pretrained" / "linked.pt").is_symlink()


def test_an_empty_folder_of_this_machine_is_refused(store: Store, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    assert "is an empty folder" in store.failure(WeightFile("pretrained", (tmp_path / "given").as_uri())).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (make_zip({"../outside": b"x"}), "'../outside' leaves the folder"),
        (make_zip({"sub/../../outside": b"x"}), "leaves the folder"),
        (make_zip({"/etc/cron.d/x": b"x"}), "'/etc/cron.d/x' is an absolute path"),
        (make_zip({"C:/x": b"x"}), "'C:/x' is an absolute path"),
        (make_zip({"sub\\..\\..\\x": b"x"}), "is no name for a file"),
        (make_zip({"a.part": b"x"}), "is no name for a file here"),
        (make_zip({"a": b"x", "./a": b"y"}), "'a' is in it twice"),
        (make_zip({"a": b"x", "a/b": b"y"}), "is in it twice"),
        (make_zip({"a/b": b"x", "a": b"y"}), "is in it twice"),
        (make_zip({"sub/": b""}), "it holds no files"),
        (zip_with_mode(stat.S_IFLNK | 0o777), "'entry' is a link"),
        (zip_with_mode(stat.S_IFIFO | 0o666), "'entry' is a special file"),
        (make_tar({"../outside": b"x"}), "'../outside' leaves the folder"),
        (make_tar({"/etc/cron.d/x": b"x"}), "is an absolute path"),
        (special(tarfile.SYMTYPE, "/etc/passwd"), "'entry' is a link"),
        (special(tarfile.LNKTYPE, "../../secret"), "'entry' is a link"),
        (special(tarfile.CHRTYPE), "'entry' is a special file"),
        (special(tarfile.BLKTYPE), "'entry' is a special file"),
        (special(tarfile.FIFOTYPE), "'entry' is a special file"),
        (special(tarfile.GNUTYPE_SPARSE), "'entry' is a special file"),
        (b"not an archive, but text", "it is no zip or tar archive"),
        (make_zip({"a": CONTENT})[:-2000], "no zip or tar archive"),
        (make_tar({"a": CONTENT})[:-2000], "it is damaged"),
        (make_tar({"a": CONTENT}, "w:bz2")[:-2000], "no zip or tar archive, or a damaged one"),
        (make_tar({"a": CONTENT}, "w:xz")[:-2000], "it is damaged"),
        (make_tar({"a": CONTENT}, "w")[:100_000], "it is damaged"),
        (make_zip({"a": CONTENT}, zipfile.ZIP_STORED).replace(CONTENT[:100], b"\0" * 100), "it is damaged"),
        (TWO[:SECOND], "it is damaged: it has no end"),
        (TWO[: 2 * SECOND], "it is damaged: it has no end"),
        (TWO[: SECOND + 200], "it is damaged: it ends in a header"),
        (TWO[:SECOND] + b"\xff" + TWO[SECOND + 1 :], "it is damaged: bad checksum"),
        (TWO[:SECOND] + bytes(1024) + TWO[SECOND:], "it is damaged: something follows behind its end"),
        (make_tar({"A": b"x", "a": b"y"}), "'a' and 'A' would be one file where case does not count"),
        (make_zip({"B/x": b"x", "b/X": b"y"}), "would be one file"),
        (make_tar({"a\nb": b"x"}), "is no name for a file"),
        (make_tar({"a\x1b[31m": b"x"}), "is no name for a file"),
        (make_tar({"a\udcff": b"x"}), "is no name for a file"),
        (make_tar({"/".join(["a"] * 1500): b"x"}), "is too long a name"),
        (make_zip({"a_b": b"x"}).replace(b"a_b", b"a\0b"), "is no name for a file"),
        (make_zip({"a" * 300: b"x"}), "is too long a name"),
        (make_zip({"é" * 200: b"x"}), "is too long a name"),
        (tar_with_nested_names(3000), "it is damaged: maximum recursion depth"),
        (tar_with_pax("GNU.sparse.map", "1,2,x"), "it is damaged: invalid literal"),
        (tar_with_pax("GNU.sparse.size", "zz"), "it is damaged: invalid literal"),
        (tar_with_pax("size", "-512"), "ends after 0 of -512 bytes"),
        (make_zip({"ää": b"x"}).replace("ää".encode(), b"\xff" * 4), "it is damaged"),
        (zip_with({"a": CONTENT}, b"PK\5\6", 16, b"\xff\xff\xff\x7f"), "it is damaged"),
        (zip_with({"a": b"x"}, b"PK\1\2", 42, b"\xff\xff\xff\x7f"), "it is damaged"),
    ],
)
def test_an_archive_that_means_harm_or_is_damaged_is_refused_and_nothing_of_it_kept(
    store: Store, server: FileServer, content: bytes, words: str
) -> None:
    server.put("w.bin", content)
    error = store.failure(entry_of(server, "w.bin"))
    assert "the archive pretrained is not unpacked" in error.message
    assert words in error.message
    assert "nothing of it was kept" in error.message
    assert error.fix
    assert store.names() == []
    assert store.contents() == []
    left = [path for path in store.weights_dir.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == []
    assert sorted(path.name for path in store.weights_dir.parent.iterdir()) == ["weights"]


@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_a_few_bytes_that_become_a_full_disk_are_refused(
    store: Store, server: FileServer, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    server.put("w.bin", make({"a": bytes(70 << 20)}))
    error = store.failure(entry_of(server, "w.bin"))
    assert "it becomes more than 100 times as large as it is" in error.message
    assert store.names() == []


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_a_header_that_would_fill_the_memory_is_not_read(tmp_path: Path, kind: bytes) -> None:
    # Nothing of it is there: who reads it would tell of an end that comes too early.
    (tmp_path / "w.tar").write_bytes(header("x", 300 << 20, kind))
    with pytest.raises(WeightsError, match="its headers are too large"):
        unpack(tmp_path / "w.tar", tmp_path / "out", "w.tar")


def test_many_headers_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(40):
            entry = tarfile.TarInfo(f"{number}")
            entry.pax_headers = {"comment": "x" * 1_000_000}
            archive.addfile(entry)
    (tmp_path / "w.tar.gz").write_bytes(stream.getvalue())
    with pytest.raises(WeightsError, match="its headers are too large"):
        unpack(tmp_path / "w.tar.gz", tmp_path / "out", "w.tar.gz")


def test_folders_count_too(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(5):
            entry = tarfile.TarInfo(f"{number}")
            entry.type = tarfile.DIRTYPE
            archive.addfile(entry)
    (tmp_path / "w.tar").write_bytes(stream.getvalue())
    (tmp_path / "w.zip").write_bytes(make_zip({f"{number}/": b"" for number in range(5)}))
    for archive_path in (tmp_path / "w.tar", tmp_path / "w.zip"):
        with pytest.raises(WeightsError, match="it holds more than 4 files and folders"):
            unpack(archive_path, tmp_path / f"{archive_path.name}.out", "w", Limits(files=4))


def test_a_list_of_files_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "w.zip").write_bytes(make_zip({f"{number}{'x' * 200}": b"" for number in range(6000)}))
    with pytest.raises(WeightsError, match="its list of files is too long"):
        unpack(tmp_path / "w.zip", tmp_path / "out", "w.zip", Limits(files=10))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_and_notes_in_a_header_are_no_harm(tmp_path: Path, mode: str, tar_format: int) -> None:
    stream, name = io.BytesIO(), f"{'folder/' * 30}{'x' * 200}.pt"
    with tarfile.open(fileobj=stream, mode=mode, format=tar_format) as archive:  # type: ignore[call-overload]
        entry = tarfile.TarInfo(name)
        entry.size, entry.pax_headers = len(CONTENT), {"comment": "ä" * 1000}
        archive.addfile(entry, io.BytesIO(CONTENT))
    (tmp_path / "w.tar").write_bytes(stream.getvalue())
    assert unpack(tmp_path / "w.tar", tmp_path / "out", "w.tar") == [name]
    assert (tmp_path / "out" / name).read_bytes() == CONTENT


def test_what_the_tar_of_the_system_makes_is_taken(tmp_path: Path) -> None:
    for name, content in FILES.items():
        (tmp_path / "given" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "given" / name).write_bytes(content)
    subprocess.run(["tar", "-czf", tmp_path / "w.tgz", "-C", tmp_path / "given", "."], check=True)
    assert unpack(tmp_path / "w.tgz", tmp_path / "out", "w.tgz") == sorted(FILES)


def test_an_encrypted_archive_is_refused(tmp_path: Path) -> None:
    content = bytearray(make_zip({"a": b"x"}))
    content[6] |= 1  # in the header of the member, and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "w.zip").write_bytes(content)
    with pytest.raises(WeightsError, match="'a' is encrypted"):
        unpack(tmp_path / "w.zip", tmp_path / "out", "w.zip")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(files=2), "it holds more than 2 files"),
        (Limits(total_bytes=300_000), "it becomes more than 300,000 bytes"),
        (Limits(ratio=0.5, ratio_counts_from_bytes=0), "it becomes more than 0 times as large"),
    ],
)
@pytest.mark.parametrize("make", [make_zip, make_tar])
def test_an_archive_beyond_a_limit_is_refused(
    tmp_path: Path, limits: Limits, words: str, make: Callable[[dict[str, bytes]], bytes]
) -> None:
    (tmp_path / "w.bin").write_bytes(make(FILES))
    with pytest.raises(WeightsError, match=words):
        unpack(tmp_path / "w.bin", tmp_path / "out", "w.bin", limits)


def test_a_zip_that_lies_about_its_sizes_is_refused_all_the_same(tmp_path: Path) -> None:
    content = bytearray(make_zip({"a": bytes(4 << 20)}))
    at = content.index(b"PK\x01\x02")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")
    (tmp_path / "w.zip").write_bytes(content)
    with pytest.raises(WeightsError, match=r"it is damaged|it becomes more"):
        unpack(tmp_path / "w.zip", tmp_path / "out", "w.zip", Limits(ratio=10, ratio_counts_from_bytes=0))
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) < 1 << 20


def test_a_disk_that_runs_full_while_unpacking_is_told_as_such(store: Store, server: FileServer) -> None:
    store.weights_dir.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(store.weights_dir)]
    if subprocess.run(small, capture_output=True, check=False).returncode:
        pytest.skip("only root can make a small disk")
    try:
        server.put("w.zip", make_zip(FILES | {"c.pt": bytes(500_000)}))
        error = store.failure(entry_of(server, "w.zip"))
        assert error.message == f"cannot store weights in {store.weights_dir}: No space left on device"
        assert not (store.folder / "pretrained").exists()
        assert not (store.folder.parent / ".v.unpacking").exists()
    finally:
        subprocess.run(["umount", store.weights_dir], check=True)
