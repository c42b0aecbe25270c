"""Predictions of a cell as they are read, and what of them goes into a page."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repro.benchmarks.report import plots
from repro.benchmarks.report.bins import count_in_bins
from repro.benchmarks.report.packing import MISSING, pack
from repro.benchmarks.report.plots import collect_plots
from repro.benchmarks.report.predictions import read_predictions
from repro.benchmarks.report.results import read_results
from repro.errors import InputFileError
from tests.benchmark_folder import BenchmarkFolder, scan, single_mutants

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def predictions(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


def unpacked(packed: dict[str, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """As the page does it."""
    steps = np.frombuffer(b64decode(packed["steps"]), dtype="<u2")
    span = packed["high"] / 2 - packed["low"] / 2
    return np.where(steps == MISSING, np.nan, 2 * (packed["low"] / 2 + span * (steps / (MISSING - 1))))


# --------------------------------------------------------------------------------------------------------- the file


def test_rows_keep_their_order_and_their_folds(tmp_path: Path) -> None:
    read = read_predictions(predictions(tmp_path, "mutant,test,pred,split\nA1C,0.5,-1,0\nA1D,1.5,-2e-3,1\n"))

    assert read.variants == ["A1C", "A1D"]
    assert (read.measured.tolist(), read.predicted.tolist()) == ([0.5, 1.5], [-1.0, -0.002])
    assert read.folds == ["0", "1"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mutant,test,split\n", "has no column pred"),
        ("test,pred,split\n", "has no column mutant or sequence"),
        ("mutant,test,pred,split\nA1C,1,2,0\nA1D,1,x,0\n", "line 3: pred is no finite number: 'x'"),
        ("mutant,test,pred,split\nA1C,1,nan,0\n", "line 2: pred is no finite number: 'nan'"),
        ("mutant,test,pred,split\nA1C,inf,1,0\n", "line 2: test is no finite number: 'inf'"),
        ("mutant,test,pred,split\nA1C,1,1\n", "line 2: not as many fields as columns"),
        ('mutant,test,pred,split\n"A1C,1,1,1\n', "cannot be read"),
    ],
)
def test_file_that_cannot_be_taken_is_named_with_the_line(tmp_path: Path, text: str, told: str) -> None:
    path = predictions(tmp_path, text)

    with pytest.raises(InputFileError) as error:
        read_predictions(path)

    assert told in error.value.message
    assert str(path) in error.value.message


# --------------------------------------------------------------------------------------------------------- packing


@given(st.lists(st.one_of(FINITE, st.just(float("nan"))), max_size=50))
def test_packed_value_is_off_by_less_than_anyone_can_see(values: list[float]) -> None:
    given_values = np.array(values, dtype=np.float64)
    packed = pack(given_values)
    back = unpacked(packed)

    assert (np.isnan(back) == np.isnan(given_values)).all()
    there = ~np.isnan(given_values)
    half_off = np.abs(back[there] / 2 - given_values[there] / 2)
    assert (half_off <= (packed["high"] / 2 - packed["low"] / 2) / 60_000 + np.abs(given_values[there]) * 1e-12).all()


# --------------------------------------------------------------------------------------------------------- bins


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=60))
def test_every_row_is_counted_in_a_bin(points: list[tuple[float, float]]) -> None:
    measured, predicted = (np.array(values) for values in zip(*points, strict=True))
    binned = count_in_bins(measured, predicted, side=7)

    assert sum(binned["counts"]) == len(points)
    assert all(0 <= place < 49 for place in binned["places"])


def test_one_outlier_does_not_leave_all_other_rows_in_one_bin() -> None:
    values = np.append(np.linspace(0, 1, 10_000), 1e9)
    binned = count_in_bins(values, values, side=10)

    assert len(binned["places"]) == 10
    assert binned["outside"] > 0


# --------------------------------------------------------------------------------------------------------- plots


def drawn(made: BenchmarkFolder) -> plots.Plots:
    folder = made.write()
    return collect_plots(folder, read_results(folder))


def test_every_row_of_a_small_assay_is_in_the_page_with_its_values(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    of = scan("small")
    made.add(of, "ridge", "random_5")

    found = drawn(made)

    [assay], [cell] = found.assays, found.cells
    assert assay["variants"] == single_mutants()
    assert unpacked(assay["measured"]) == pytest.approx(of.measured, abs=1e-3)
    assert cell is not None
    assert cell["bins"] is None
    assert (cell["rows"], cell["foldNames"]) == (760, ["0", "1", "2", "3", "4"])
    assert not np.isnan(unpacked(cell["predicted"])).any()


def test_large_assay_is_counted_in_bins_and_keeps_its_single_mutants(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add(scan("large", doubles=20_000), "ridge", "random_5")

    found = drawn(made)

    [assay], [cell] = found.assays, found.cells
    assert cell is not None
    assert assay["variants"] == single_mutants()
    assert sum(cell["bins"]["counts"]) == cell["rows"] == 20_760


def test_rows_that_a_cell_did_not_hold_out_are_missing_there_alone(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add(scan("small"), "ridge", "random_5")
    part = made.add(scan("small"), "esm", "train_valid_test") / "predictions.csv"
    part.write_text("".join(part.read_text().splitlines(keepends=True)[:101]))

    found = drawn(made)

    counts = [int((~np.isnan(unpacked(cell["predicted"]))).sum()) for cell in found.cells if cell]
    assert counts == [760, 100]
    assert len(found.assays) == 1


def test_variant_that_stands_twice_is_drawn_twice(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    folder = made.add(scan("small"), "ridge", "random_5")
    predictions(folder, "mutant,test,pred,split\nA1C,1,10,0\nA1C,2,20,0\n")

    found = drawn(made)

    assert found.assays[0]["variants"] == ["A1C", "A1C"]
    assert unpacked(found.assays[0]["measured"]).tolist() == [1, 2]


def test_sequences_are_told_as_mutants_of_their_commonest_residues(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add(scan("small"), "ridge", "random_5", sequences=True)

    [assay] = drawn(made).assays

    assert assay["variants"] == single_mutants()
    assert assay["wildTypeTold"] is False


def test_cell_without_predictions_or_that_failed_has_no_plots(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add_failed(scan("small"), "ridge", "random_5")
    (made.add(scan("small"), "esm", "random_5") / "predictions.csv").unlink()

    assert drawn(made).cells == [None, None]


def test_cells_that_do_not_fit_into_a_page_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MOST_VALUES", 1000)
    made = BenchmarkFolder(tmp_path)
    for model in ("a", "b", "c"):
        made.add(scan("small"), model, "random_5")

    found = drawn(made)

    assert [cell is None for cell in found.cells] == [False, False, True]
    assert found.left_out == 1
