"""Tables as spreadsheets, pandas and people leave them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from repro.guest.assays import Dataset, DatasetError

ROWS = "mutant,mutated_sequence,DMS_score,DMS_score_bin\nK2R,MRV,1.5,1\nV3A,MKA,-0.25,0\nK2R:V3A,MRA,,0\n"
REFERENCE = "DMS_id,target_seq,title,DMS_binarization_cutoff\nscan,MKV,A scan,0.5\nother,MAV,Another,\n"


def written(folder: Path, text: str | bytes, name: str = "scan.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refused(path: Path, reference: Path | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        Dataset.from_path(path, reference)
    return caught.value.message


# -------------------------------------------------------------------------------------------------------------- gzip


def test_packed_table_and_reference_are_those_that_were_packed(tmp_path: Path) -> None:
    plain = Dataset.from_path(written(tmp_path, ROWS), written(tmp_path, REFERENCE, "reference.csv"))
    packed = written(tmp_path, gzip.compress(ROWS.encode()), "scan.csv.gz")
    reference = written(tmp_path, gzip.compress(REFERENCE.encode()), "reference.csv.gz")

    assert Dataset.from_path(packed, reference) == plain
    assert Dataset.from_path(packed).name == "scan"


def test_cut_or_damaged_packing_is_an_error_of_the_data_set(tmp_path: Path) -> None:
    whole = gzip.compress((ROWS * 500).encode())

    assert "cannot be unpacked" in refused(written(tmp_path, whole[:-30], "cut.csv.gz"))
    assert "cannot be unpacked" in refused(written(tmp_path, whole[:40] + b"\xff" * 9 + whole[49:], "damaged.csv.gz"))


# ------------------------------------------------------------------------------------------------------------- cells


def test_columns_without_a_name_are_passed_over(tmp_path: Path) -> None:
    lines = [f",{line},," for line in ROWS.splitlines()]

    assert Dataset.from_path(written(tmp_path, "\n".join(lines))) == Dataset.from_path(written(tmp_path, ROWS))


def test_rows_are_counted_without_the_blank_lines_wherever_they_are_named(tmp_path: Path) -> None:
    blank = ROWS.replace("\n", "\n\n\n")

    assert "row 2, column 'DMS_score': 'low'" in refused(written(tmp_path, blank.replace("-0.25", "low")))
    assert "row 2: 3 fields" in refused(written(tmp_path, blank.replace("-0.25,", "")))


def test_classes_may_be_written_as_pandas_writes_them(tmp_path: Path) -> None:
    text = ROWS.replace(",1\n", ",True\n").replace(",0\n", ",False\n")

    assert Dataset.from_path(written(tmp_path, text)).table["DMS_score_bin"] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "x" * 201, "\udcff"])
def test_name_that_no_file_should_have_is_refused(tmp_path: Path, name: str) -> None:
    dataset = Dataset.from_path(written(tmp_path, ROWS))

    with pytest.raises(DatasetError, match="cannot be a data set's name"):
        Dataset(name, dataset.assays, dataset.table)


# --------------------------------------------------------------------------------------------------------- reference


def test_reference_whose_columns_are_shifted_by_a_comma_is_refused(tmp_path: Path) -> None:
    assay = written(tmp_path, ROWS)
    shifted = written(tmp_path, REFERENCE.replace("A scan", "One, two"), "reference.csv")

    assert "row 1: 5 fields, where the header names 4 columns" in refused(assay, shifted)


def test_reference_with_a_quote_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    reference = written(tmp_path, REFERENCE.replace("A scan", '"A scan'), "reference.csv")

    assert str(reference) in refused(written(tmp_path, ROWS), reference)


def test_reference_with_two_rows_of_an_assay_is_refused(tmp_path: Path) -> None:
    reference = written(tmp_path, REFERENCE.replace("other,", "scan,"), "reference.csv")

    assert "has several rows for scan.csv" in refused(written(tmp_path, ROWS), reference)


def test_reference_names_may_have_spaces_around_them(tmp_path: Path) -> None:
    reference = written(tmp_path, "DMS_id , target_seq\nscan , MKV \n", "reference.csv")

    assert Dataset.from_path(written(tmp_path, ROWS), reference).wild_type == "MKV"


@pytest.mark.parametrize("cutoff", ["NaN", ""])
def test_cutoff_that_is_missing_is_none(tmp_path: Path, cutoff: str) -> None:
    reference = written(tmp_path, f"DMS_id,target_seq,DMS_binarization_cutoff\nscan,MKV,{cutoff}\n", "reference.csv")

    assert "DMS_binarization_cutoff" not in Dataset.from_path(written(tmp_path, ROWS), reference).assay().constants
