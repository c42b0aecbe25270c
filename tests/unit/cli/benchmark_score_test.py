"""`repro benchmark score`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Repro

RANGANATHAN = Path(__file__).parents[2] / "data" / "BLAT_ECOLX_Ranganathan2015_labeled.csv"
ESM_1V = [f"esm1v_t33_650M_UR90_{number}" for number in range(1, 6)]
KNOWN = {**dict(zip(ESM_1V, [0.6619, 0.6632, 0.6449, 0.6865, 0.7064], strict=True)), "mean": 0.7026}
TABLE = ["mutant,measured,model,class", *(f"A{row}C,{row % 7},{row % 5}.5,{int(row % 7 > 3)}" for row in range(1, 41))]
COLUMNS = ["--truth", "measured", "--pred", "model"]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return written(tmp_path, TABLE)


def written(folder: Path, lines: list[str], name: str = "predictions.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def with_cell(column: int, row: int, cell: str) -> list[str]:
    """The table with another cell; row 1 is below the header."""
    lines = list(TABLE)
    cells = lines[row].split(",")
    cells[column] = cell
    lines[row] = ",".join(cells)
    return lines


def test_spearman_of_esm_1v_and_of_its_mean_is_the_published_one(repro: Repro) -> None:
    preds = [word for name in ESM_1V for word in ("--pred", name)]
    told = ["--truth", "2500", *preds, "--mean", "--metrics", "spearman", "--bootstrap", 0, "--json"]
    ran = repro("benchmark", "score", RANGANATHAN, *map(str, told))
    found = json.loads(ran.out)
    assert {name: round(scores["spearman"]["value"], 4) for name, scores in found["scores"].items()} == KNOWN
    assert found["rows"] == 4996


def test_json_says_what_was_scored_and_how(repro: Repro, table: Path) -> None:
    ran = repro(
        "benchmark", "score", table, *COLUMNS, "--bin", "class", "--metrics", "all", "--bootstrap", "50", "--json"
    )
    found = json.loads(ran.out)
    assert ran.code == 0
    assert {key: found[key] for key in ("truth", "binary", "bootstrap", "rows", "left_out")} == {
        "truth": "measured",
        "binary": "class",
        "bootstrap": 50,
        "rows": 40,
        "left_out": {},
    }
    scores = found["scores"]["model"]
    assert list(scores) == ["spearman", "auc", "mcc", "ndcg", "top-recall", "mse"]
    assert all(score["standard_error"] > 0 and score["n"] == 40 for score in scores.values())


def test_table_for_people_stands_on_stdout(repro: Repro, table: Path) -> None:
    ran = repro("benchmark", "score", table, *COLUMNS, "--metrics", "mse,spearman", "--bootstrap", "0")
    header, first, second = ran.out.splitlines()
    assert header.split() == ["PREDICTIONS", "METRIC", "VALUE", "STANDARD", "ERROR"]
    assert first.split()[:2] == ["model", "mse"]
    assert second.split()[-1] == "-"
    assert ran.err == "40 rows scored\n"


def test_metrics_without_their_classes_are_left_out_of_all_and_named(repro: Repro, table: Path) -> None:
    ran = repro("benchmark", "score", table, *COLUMNS, "--bootstrap", "0", "--json")
    assert list(json.loads(ran.out)["left_out"]) == ["auc", "mcc"]
    assert "auc is left out: it needs the class (0 or 1) of each row" in ran.err


def test_folds_are_scored_each_on_its_own(repro: Repro, tmp_path: Path) -> None:
    # Within each fold the predictions are in order; between the two they are not.
    rows = [*(f"{row},{row},a" for row in range(10)), *(f"{row},{row - 50},b" for row in range(10, 20))]
    path = written(tmp_path, ["measured,model,fold", *rows])
    told = ["benchmark", "score", path, *COLUMNS, "--metrics", "spearman", "--bootstrap", "0", "--json"]
    whole = json.loads(repro(*told).out)["scores"]["model"]["spearman"]["value"]
    folded = json.loads(repro(*told, "--fold", "fold").out)["scores"]["model"]["spearman"]["value"]
    assert folded == pytest.approx(1)
    assert whole < 0


def test_recovery_of_designs(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, ["native,designed", "MKTAYIAKQR,MKTAYIAKQA", "MKTAYIAKQR,AKTAYIAKQA"])
    told = ["--truth", "native", "--pred", "designed", "--bootstrap", "0", "--json"]
    scores = json.loads(repro("benchmark", "score", path, *told).out)["scores"]["designed"]
    assert {name: score["value"] for name, score in scores.items()} == {"recovery": pytest.approx(0.85)}


def test_undefined_metric_is_null_and_its_reason_is_said(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, ["measured,model", *(f"{row},1.5" for row in range(20))])
    ran = repro("benchmark", "score", path, *COLUMNS, "--metrics", "spearman", "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["scores"]["model"]["spearman"]["value"] is None
    assert "model, spearman: undefined: all predictions are the same (1.5)" in ran.err


# -------------------------------------------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize("cell", ["", "NaN", "NA", "None"])
def test_missing_prediction_is_an_error_that_names_line_and_column(repro: Repro, tmp_path: Path, cell: str) -> None:
    ran = repro("benchmark", "score", written(tmp_path, with_cell(2, 5, cell)), *COLUMNS)
    assert ran.code == 3
    assert "predictions.csv, line 6, column 'model': the value is missing" in ran.err
    assert ran.out == ""


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (1, "", "line 6, column 'measured': the value is missing"),
        (1, "high", "line 6, column 'measured': 'high' is no finite number"),
        (2, "inf", "line 6, column 'model': 'inf' is no finite number"),
        (2, "1_000", "line 6, column 'model': '1_000' is no finite number"),
        (3, "2", "line 6, column 'class': '2' is neither 0 nor 1"),
        (3, "", "line 6, column 'class': the class is missing"),
        (0, "A,B", "line 6 has 5 cells, the header has 4"),
        (0, '"A', "line 6 is not CSV"),
    ],
)
def test_cell_that_cannot_be_used_is_named(repro: Repro, tmp_path: Path, column: int, cell: str, said: str) -> None:
    ran = repro("benchmark", "score", written(tmp_path, with_cell(column, 5, cell)), *COLUMNS, "--bin", "class")
    assert ran.code == 3
    assert said in ran.err


def test_lines_are_those_of_an_editor_where_cells_have_several(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, ["note,measured,model", '"two\nlines",1,2', "one,1,"])
    assert "line 4, column 'model': the value is missing" in repro("benchmark", "score", path, *COLUMNS).err


def test_column_that_is_not_there_names_the_near_one(repro: Repro, table: Path) -> None:
    ran = repro("benchmark", "score", table, "--truth", "mesured", "--pred", "model")
    assert ran.code == 3
    assert "there is no column 'mesured'" in ran.err
    assert "did you mean 'measured'?" in ran.err


def test_column_that_is_there_twice_is_refused(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, ["measured,model,model", "1,2,3"])
    assert "columns 2 and 3 are both called 'model'" in repro("benchmark", "score", path, *COLUMNS).err


def test_other_separator_is_recognised(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, ["measured;model", "1;2"])
    assert "the separator seems to be ';'" in repro("benchmark", "score", path, *COLUMNS).err


@pytest.mark.parametrize(
    ("lines", "said"), [(["measured,model"], "has a header and no rows"), (["", ""], "holds only blank lines")]
)
def test_table_without_rows_is_refused(repro: Repro, tmp_path: Path, lines: list[str], said: str) -> None:
    ran = repro("benchmark", "score", written(tmp_path, lines), *COLUMNS)
    assert (ran.code, said in ran.err) == (3, True), ran.err


def test_tsv_is_read_by_its_ending(repro: Repro, tmp_path: Path) -> None:
    path = written(tmp_path, [line.replace(",", "\t") for line in TABLE], "predictions.tsv")
    assert repro("benchmark", "score", path, *COLUMNS, "--bootstrap", "0").code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--metrics", "pearsonn"], "no metric is called 'pearsonn'"),
        (["--metrics", "auc"], "the metric auc cannot be computed"),
        (["--metrics", "mcc"], "do: name the column of the classes: --bin COLUMN"),
        (["--metrics", ""], "no metric is named"),
        (["--metrics", ","], "no metric is named"),
        (["--mean"], "the mean of one column is that column"),
        (["--bootstrap", "1"], "1 resamples give no standard error"),
    ],
)
def test_options_that_cannot_be_are_refused(repro: Repro, table: Path, options: list[str], said: str) -> None:
    ran = repro("benchmark", "score", table, *COLUMNS, *options)
    assert ran.code == 2
    assert said in ran.err


def test_missing_scikit_learn_names_the_extra(repro: Repro, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.benchmarks.metrics import base

    def not_installed(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name.partition(".")[0])

    monkeypatch.setattr(base, "import_module", not_installed)
    ran = repro("benchmark", "score", table, *COLUMNS)
    assert ran.code == 2
    assert 'pip install "repro-models[benchmark]"' in ran.err


def test_short_sequences_are_taken_as_such_where_recovery_is_asked_for(repro: Repro, tmp_path: Path) -> None:
    table = written(tmp_path, ["native,designed", "ACDE,ACDF", "AC-D,ACAD"])
    told = ["--truth", "native", "--pred", "designed", "--metrics", "recovery", "--bootstrap", "0", "--json"]
    ran = repro("benchmark", "score", table, *told)
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)["scores"]["designed"]["recovery"]["n"] == 2


@pytest.mark.parametrize("value", ["1e200", "-1e308"])
def test_value_that_is_too_large_to_compute_with_is_named(repro: Repro, tmp_path: Path, value: str) -> None:
    table = written(tmp_path, ["truth,pred", "0.1,0.2", f"{value},0.3", "0.4,0.5"])
    ran = repro("benchmark", "score", table, "--truth", "truth", "--pred", "pred")
    assert (ran.code, "the measured value of row 2 is too large" in ran.err) == (3, True), ran.err
