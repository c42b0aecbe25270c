"""Results of a benchmark as they are read, each way in which the table can be wrong, and what is flagged."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.benchmarks.report.flags import find_flags
from repro.benchmarks.report.results import COLUMNS, Cell, Score, read_results
from repro.errors import InputFileError

HEADER = ",".join(COLUMNS)


def results(folder: Path, *lines: str, header: str = HEADER) -> Path:
    (folder / "results.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


def cell(model: str, split: str, spearman: float | None, n: int = 100, dataset: str = "d") -> Cell:
    scores = {} if spearman is None else {"spearman": Score(spearman)}
    return Cell(dataset, "y", model, split, "k", "done", "", scores, n)


def flags(*cells: Cell) -> list[tuple[str, ...]]:
    return find_flags(cells)


# --------------------------------------------------------------------------------------------------------- the table


def test_lines_of_one_cell_are_gathered_in_the_order_of_the_file(tmp_path: Path) -> None:
    results(
        tmp_path,
        "d,y,ridge,random_5,spearman,0.5,0.02,760,1.5,abc,done,",
        "d,y,esm,random_5,spearman,0.4,,760,2.5,abd,done,",
        "d,y,ridge,random_5,ndcg,0.8,0.01,760,1.5,abc,done,",
    )

    ridge, esm = read_results(tmp_path)

    assert (ridge.dataset, ridge.target, ridge.model, ridge.split, ridge.key) == ("d", "y", "ridge", "random_5", "abc")
    assert ridge.scores == {"spearman": Score(0.5, 0.02), "ndcg": Score(0.8, 0.01)}
    assert (ridge.n, ridge.seconds, ridge.failed) == (760, 1.5, False)
    assert esm.scores == {"spearman": Score(0.4, None)}


def test_cell_that_failed_has_its_error_and_no_score(tmp_path: Path) -> None:
    results(tmp_path, 'd,y,ridge,random_5,,,,,3.5,abc,failed,"no memory\n  at line 7"')

    [failed] = read_results(tmp_path)

    assert failed.failed
    assert (failed.status, failed.error, failed.n) == ("failed", "no memory\n  at line 7", None)


@pytest.mark.parametrize("value", ["", "nan"])
def test_metric_without_a_value_says_why_and_the_cell_has_not_failed(tmp_path: Path, value: str) -> None:
    results(
        tmp_path,
        "d,y,ridge,random_5,mse,0.5,,760,1.5,abc,done,",
        f"d,y,ridge,random_5,auc,{value},,760,1.5,abc,done,all rows are of one class",
    )

    [one] = read_results(tmp_path)

    assert not one.failed
    assert one.error == ""
    assert one.undefined == {"auc": "all rows are of one class"}


def test_columns_may_stand_in_another_order_with_others_between(tmp_path: Path) -> None:
    header = "extra," + ",".join(reversed(COLUMNS))
    results(tmp_path, "x,,done,abc,1.5,760,0.02,0.5,spearman,random_5,ridge,y,d", header=header)

    assert read_results(tmp_path)[0].scores == {"spearman": Score(0.5, 0.02)}


@pytest.mark.parametrize(
    ("lines", "header", "told"),
    [
        ([], HEADER, "has no results"),
        (["a"], "dataset,model", "has no column target, split, metric"),
        (["d,y,ridge"], HEADER, "line 2: not as many fields as columns"),
        (["d,y,m,s,spearman,high,,1,1,abc,done,"], HEADER, "line 2: value is no number: 'high'"),
        (["d,y,m,s,spearman,1,,1,1,../../etc,done,"], HEADER, "'../../etc' cannot be the name of a cell's folder"),
        (['d,y,m,s,spearman,1,,1,1,abc,done,"cut'], HEADER, "cannot be read"),
    ],
)
def test_table_that_cannot_be_taken_is_named_with_the_place(
    tmp_path: Path, lines: list[str], header: str, told: str
) -> None:
    results(tmp_path, *lines, header=header)

    with pytest.raises(InputFileError) as error:
        read_results(tmp_path)

    assert told in error.value.message
    assert str(tmp_path / "results.csv") in error.value.message
    assert "repro benchmark run" in error.value.fix


def test_folder_without_a_table_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="is not there") as error:
        read_results(tmp_path)
    assert "repro benchmark run SPEC.yaml" in error.value.fix


def test_table_that_is_no_text_is_an_error_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputFileError, match="cannot be read"):
        read_results(tmp_path)


# --------------------------------------------------------------------------------------------------------- flags


def test_good_on_random_and_near_zero_on_modulo_folds_is_told_at_both() -> None:
    told = flags(
        cell("ridge", "random_5", 0.587), cell("ridge", "modulo_5", 0.018), cell("ridge", "contiguous_5", 0.599)
    )

    assert told == [
        ("good on random folds, near zero on modulo folds",),
        ("good on random folds, near zero on modulo folds",),
        (),
    ]


def test_both_other_kinds_of_folds_are_told_where_both_are_near_zero() -> None:
    random, modulo, contiguous = flags(
        cell("ridge", "random_5", 0.749), cell("ridge", "modulo_5", -0.041), cell("ridge", "contiguous_5", -0.016)
    )

    assert random == (
        "good on random folds, near zero on modulo folds",
        "good on random folds, near zero on contiguous folds",
    )
    assert modulo == ("good on random folds, near zero on modulo folds",)
    assert contiguous == ("good on random folds, near zero on contiguous folds",)


def test_far_below_zero_is_not_called_near_it() -> None:
    _, modulo = flags(cell("ridge", "random_5", 0.5), cell("ridge", "modulo_5", -0.2))
    assert modulo == ("good on random folds, below zero on modulo folds",)


@pytest.mark.parametrize(("random", "modulo"), [(0.25, 0.0), (0.6, 0.2), (None, 0.0), (0.6, None)])
def test_nothing_is_told_where_the_gap_says_nothing(random: float | None, modulo: float | None) -> None:
    assert flags(cell("ridge", "random_5", random), cell("ridge", "modulo_5", modulo)) == [(), ()]


def test_gap_of_one_model_or_data_set_is_not_told_of_another() -> None:
    told = flags(
        cell("ridge", "random_5", 0.6),
        cell("esm", "modulo_5", 0.0),
        cell("ridge", "modulo_5", 0.0, dataset="other"),
    )
    assert told == [(), (), ()]


def test_opposite_order_is_told() -> None:
    assert flags(cell("esm", "test", -0.45)) == [("predicts the opposite order",)]


def test_model_that_was_scored_on_other_rows_is_told() -> None:
    told = flags(cell("a", "test", 0.1, 100), cell("b", "test", 0.1, 100), cell("c", "test", 0.1, 1900))
    assert told == [(), (), ("scored on 1,900 rows, other models on 100",)]
