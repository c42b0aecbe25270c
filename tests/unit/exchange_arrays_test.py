"""Arrays on their way through the exchange: of any dtype, and in files that somebody has tampered with."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.exchange_folder import remove_tree
from repro.guest.arrays import _open_flat
from repro.guest.exchange import BatchEncoder, ExchangeError, read_batch, write_batch

MANY_FIELDS = [(f"field_{number}", "f8") for number in range(20)]


def handed_over(value: Any, folder: Path) -> Any:
    write_batch([{"value": value}], str(folder), "1.jsonl")
    return read_batch(str(folder), "1.jsonl")[0]["value"]


@pytest.mark.parametrize(
    "dtype", ["?", "i1", "f2", "c8", "c16", ">f4", "U5", "S3", "g", "M8[s]", "m8[ns]", MANY_FIELDS]
)
@pytest.mark.parametrize("rows", [0, 3])
def test_arrays_of_every_plain_dtype_come_back(dtype: Any, rows: int, tmp_path: Path) -> None:
    array = np.zeros((rows, 2), dtype=dtype)

    back = handed_over(array, tmp_path)

    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


def test_an_array_of_many_dimensions_comes_back(tmp_path: Path) -> None:
    assert handed_over(np.ones((1,) * 32), tmp_path).shape == (1,) * 32


def test_a_dtype_that_numpy_would_not_read_back_is_refused(tmp_path: Path) -> None:
    array = np.zeros(2, dtype=[(f"field_{number}", "f8") for number in range(1000)])

    with pytest.raises(TypeError, match="so many fields"):
        write_batch([{"value": array}], str(tmp_path), "1.jsonl")
    assert [path.name for path in tmp_path.glob("*.npy")] == []


def test_a_record_that_holds_itself_is_refused(tmp_path: Path) -> None:
    record: dict[str, Any] = {}
    record["self"] = [record]

    with pytest.raises(TypeError, match="nested too deeply"):
        BatchEncoder(str(tmp_path), "1").line(record)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '''<f4, ((((",
        "(" * 5000,
        "{'descr': {'a': 1}, 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000000000,)}",
    ],
)
def test_a_header_that_is_none_is_told(header: str, tmp_path: Path) -> None:
    path = tmp_path / "1.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + b"\0" * 8)

    with pytest.raises(ExchangeError, match=r"1\.npy"):
        _open_flat(str(path))


@pytest.mark.parametrize("shape", ["[4611686018427387904,4611686018427387904,0]", str([1] * 100)])
def test_a_shape_that_no_array_can_have_is_told(shape: str, tmp_path: Path) -> None:
    np.save(tmp_path / "1.x.npy", np.zeros(1))
    (tmp_path / "1.jsonl").write_text(f'{{"x":{{"$npy":"1.x.npy","start":0,"shape":{shape}}}}}\n')

    with pytest.raises(ExchangeError, match="malformed"):
        read_batch(str(tmp_path), "1.jsonl")


def test_a_tree_with_links_and_locked_folders_is_removed_and_nothing_beside_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("mine")
    tree = tmp_path / "tree"
    (tree / "locked" / "inner" / "innermost").mkdir(parents=True)
    (tree / "locked" / "inner" / "link").symlink_to(kept)
    (tree / "link").symlink_to(kept / "file")
    (tree / "locked" / "inner").chmod(0)
    (tree / "locked").chmod(0)

    remove_tree(tree)

    assert not tree.exists()
    assert (kept / "file").read_text() == "mine"
    remove_tree(tree)


def test_a_masked_array_is_refused_as_it_would_lose_its_mask() -> None:
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])

    with pytest.raises(TypeError, match="mask"):
        BatchEncoder("/nonexistent", "stem").line({"x": masked})
