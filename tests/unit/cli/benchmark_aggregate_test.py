"""`repro benchmark aggregate`, held against what ProteinGym published."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran, Repro

PROTEINGYM = Path(__file__).parents[2] / "data" / "proteingym"
SCORES = PROTEINGYM / "zero_shot_Spearman_DMS_level.csv"
REFERENCE = PROTEINGYM / "DMS_substitutions.csv"
TYPES = ["Activity", "Binding", "Expression", "OrganismalFitness", "Stability"]
# Two assays of one protein and type count as one; a protein with two types counts in both.
SMALL_REFERENCE = """\
DMS_id,UniProt_ID,coarse_selection_type
a1,P1,Binding
a2,P1,Binding
b,P2,Binding
c,P2,Stability
"""
SMALL = """\
DMS ID,esm,pls,Taxon
a1,0.1,0.5,Human
a2,0.3,0.5,Human
b,0.6,0.5,Virus
c,0.8,0.9,Virus
"""


def read(text: str) -> dict[str, dict[str, str]]:
    return {row["model"]: row for row in csv.DictReader(io.StringIO(text))}


def aggregate(repro: Repro, folder: Path, table: str, *options: str, reference: str = SMALL_REFERENCE) -> Ran:
    (folder / "table.csv").write_text(table, encoding="utf-8")
    (folder / "reference.csv").write_text(reference, encoding="utf-8")
    return repro("benchmark", "aggregate", folder / "table.csv", "--reference", folder / "reference.csv", *options)


def test_all_97_published_averages_are_met_to_a_thousandth(repro: Repro, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    ran = repro("benchmark", "aggregate", SCORES, "--reference", REFERENCE, "-o", out)
    assert (ran.code, ran.out) == (0, "")
    found = read(out.read_text(encoding="utf-8"))
    with (PROTEINGYM / "zero_shot_Spearman_summary.csv").open(encoding="utf-8", newline="") as file:
        published = {row["Model_name"]: row for row in csv.DictReader(file)}
    assert found.keys() == published.keys()
    assert len(found) == 97
    for model, row in found.items():
        assert list(row) == ["model", "average", *TYPES]
        assert float(row["average"]) == pytest.approx(float(published[model]["Average_Spearman"]), abs=0.001)
        for kind in TYPES:
            assert float(row[kind]) == pytest.approx(float(published[model][f"Function_{kind}"]), abs=0.001)


def test_average_is_over_assays_then_proteins_then_types(repro: Repro, tmp_path: Path) -> None:
    found = read(aggregate(repro, tmp_path, SMALL).out)
    assert found["esm"] == {"model": "esm", "average": "0.6", "Binding": "0.4", "Stability": "0.8"}
    assert list(found) == ["esm", "pls"]


def test_json_has_the_same(repro: Repro, tmp_path: Path) -> None:
    first, _ = json.loads(aggregate(repro, tmp_path, SMALL, "--json").out)
    assert first == {
        "model": "esm",
        "average": pytest.approx(0.6),
        "types": {"Binding": pytest.approx(0.4), "Stability": 0.8},
        "missing": [],
    }


def test_reference_decides_the_type_and_not_the_table(repro: Repro, tmp_path: Path) -> None:
    table = SMALL.replace("Taxon", "Selection Type")
    assert read(aggregate(repro, tmp_path, table).out)["esm"]["average"] == "0.6"


def test_empty_cell_is_left_out_of_its_mean_and_told(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, SMALL.replace("a2,0.3,", "a2,,"))
    assert read(ran.out)["esm"]["Binding"] == "0.35"
    assert "esm has no score of 1 of 4 assays (a2): its average is over the others" in ran.err


def test_model_without_a_score_of_a_type_is_refused(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, SMALL.replace("c,0.8,", "c,,"))
    assert ran.code == 3
    assert "the model 'esm' has no score of any assay of Stability" in ran.err


def test_missing_assay_is_named(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, SMALL.replace("b,0.6,0.5,Virus\n", ""))
    assert ran.code == 3
    assert "no row for 1 of the 4 assays" in ran.err
    assert ": b\n" in ran.err
    assert ran.out == ""


def test_partial_table_is_averaged_when_asked_and_says_how_much_it_has(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, SMALL.replace("c,0.8,0.9,Virus\n", ""), "--partial")
    assert read(ran.out)["esm"] == {"model": "esm", "average": "0.4", "Binding": "0.4", "Stability": "", "assays": "3"}
    assert "2 models (esm, pls) have no score of 1 of 4 assays (c): their averages are over the others" in ran.err


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (SMALL.replace("a2,", "a9,"), "table.csv, line 3, column 'DMS ID': the assay 'a9' is not in"),
        (SMALL.replace("a2,", "a1,"), "a1 is there twice, in lines 2 and 3"),
        (SMALL.replace("0.6", "O.6"), "table.csv, line 4, column 'esm': 'O.6' is no finite number"),
        (SMALL.replace("0.6", "inf"), "table.csv, line 4, column 'esm': 'inf' is no finite number"),
        (SMALL.replace("pls", "esm"), "columns 2 and 3 are both called 'esm'"),
        (SMALL.replace("b,0.6,0.5,Virus", "b,0.6,0.5"), "line 4 has 3 cells, the header has 4"),
        (SMALL.replace("a2,", ","), "table.csv, line 3, column 'DMS ID' is empty"),
        ("DMS ID,Taxon\na1,Human\na2,Human\nb,Virus\nc,Virus\n", "no column with a model's scores"),
        ("DMS ID,esm\na1,\na2,\nb,\nc,\n", "the model 'esm' has no score of any assay of Binding, Stability"),
    ],
)
def test_table_that_cannot_be_averaged_says_where(repro: Repro, tmp_path: Path, table: str, said: str) -> None:
    ran = aggregate(repro, tmp_path, table)
    assert ran.code == 3
    assert said in ran.err


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (SMALL_REFERENCE.replace("coarse_selection_type", "type"), "there is no column 'coarse_selection_type'"),
        (SMALL_REFERENCE.replace("a2,", "a1,"), "a1 is there twice, in lines 2 and 3"),
        (SMALL_REFERENCE.replace("b,P2,Binding", "b,P2,"), "line 4, column 'coarse_selection_type' is empty"),
    ],
)
def test_reference_that_cannot_be_used_says_where(repro: Repro, tmp_path: Path, reference: str, said: str) -> None:
    ran = aggregate(repro, tmp_path, SMALL, reference=reference)
    assert ran.code == 3
    assert said in ran.err


def test_column_that_is_no_model_can_be_ignored(repro: Repro, tmp_path: Path) -> None:
    table = SMALL.replace("Taxon", "comment")
    refused = aggregate(repro, tmp_path, table)
    assert "--ignore 'comment'" in refused.err
    assert list(read(aggregate(repro, tmp_path, table, "--ignore", "comment").out)) == ["esm", "pls"]
    assert "there is no column 'note'" in aggregate(repro, tmp_path, table, "--ignore", "note").err


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_row_numbers_of_pandas_are_no_model(repro: Repro, tmp_path: Path, name: str) -> None:
    header, *rows = SMALL.splitlines()
    table = "\n".join([f"{name},{header}", *(f"{number},{row}" for number, row in enumerate(rows))])
    assert list(read(aggregate(repro, tmp_path, table).out)) == ["esm", "pls"]


def test_assays_may_stand_in_a_first_column_without_a_name(repro: Repro, tmp_path: Path) -> None:
    assert read(aggregate(repro, tmp_path, SMALL.replace("DMS ID", "")).out)["esm"]["average"] == "0.6"


RESULTS = """\
dataset,target,model,split,metric,value,status
a1,y,esm,random_5,spearman,0.1,done
a1,y,esm,random_5,mse,9,done
a1,y,esm,modulo_5,spearman,0.9,done
a2,y,esm,random_5,spearman,0.3,done
b,y,esm,random_5,spearman,0.6,done
c,y,esm,random_5,spearman,0.8,done
a1,y,pls,random_5,spearman,0.5,done
a2,y,pls,random_5,,,failed
b,y,pls,random_5,spearman,0.5,done
c,y,pls,random_5,spearman,0.9,done
"""


def test_results_of_a_benchmark_are_averaged_too(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, RESULTS, "--split", "random_5")
    found = read(ran.out)
    assert {model: row["average"] for model, row in found.items()} == {"esm": "0.6", "pls": "0.7"}
    assert "pls has no score of 1 of 4 assays (a2)" in ran.err


@pytest.mark.parametrize(
    ("results", "options", "said"),
    [
        (RESULTS, [], "choose with --split: random_5, modulo_5"),
        (RESULTS, ["--split", "contiguous_5"], "no split called contiguous_5"),
        (RESULTS, ["--split", "random_5", "--metric", "auc"], "choose with --metric: spearman, mse"),
        (RESULTS.replace("random_5,mse", "random_5,spearman"), ["--split", "random_5"], "a second score of esm on a1"),
        (RESULTS.replace("0.3", "0,3"), ["--split", "random_5"], "line 5 has 8 cells"),
        (RESULTS.replace("0.3", "?"), ["--split", "random_5"], "line 5, column 'value': '?' is no finite number"),
    ],
)
def test_results_that_cannot_be_averaged_say_why(
    repro: Repro, tmp_path: Path, results: str, options: list[str], said: str
) -> None:
    ran = aggregate(repro, tmp_path, results, *options)
    assert (ran.code, said in ran.err) == (3, True), ran.err


def test_output_that_cannot_be_written_is_told(repro: Repro, tmp_path: Path) -> None:
    ran = aggregate(repro, tmp_path, SMALL, "-o", str(tmp_path / "none" / "out.csv"))
    assert ran.code == 9


def test_subcommands_have_their_lines_in_the_help(repro: Repro) -> None:
    out = repro("benchmark", "--help").out
    assert all(f"  {name} " in out for name in ("run", "report", "score", "aggregate"))


def test_columns_that_the_reference_has_too_are_no_models(repro: Repro, tmp_path: Path) -> None:
    def with_lengths(table: str) -> str:
        header, *rows = table.splitlines()
        return "".join(f"{line}\n" for line in (f"{header},seq_len", *(f"{row},60" for row in rows)))

    ran = aggregate(repro, tmp_path, with_lengths(SMALL), reference=with_lengths(SMALL_REFERENCE))
    assert list(read(ran.out)) == ["esm", "pls"]


SUPERVISED = """\
model_name,DMS_id,fold_variable_name,Spearman,MSE
ridge,a1,fold_random_5,0.1,1.0
ridge,a2,fold_random_5,0.3,1.0
ridge,b,fold_random_5,0.6,1.0
ridge,c,fold_random_5,0.8,3.0
ridge,a1,fold_modulo_5,0.0,2.0
ridge,a2,fold_modulo_5,0.0,2.0
ridge,b,fold_modulo_5,0.0,2.0
ridge,c,fold_modulo_5,0.2,2.0
"""


@pytest.mark.parametrize(
    ("options", "average"),
    [
        (["--split", "fold_random_5"], 0.6),
        (["--split", "random_5"], 0.6),
        (["--split", "random_5", "--metric", "mse"], 2.0),
        (["--split", "modulo_5"], 0.1),
    ],
)
def test_long_scores_of_proteingyms_supervised_models_are_averaged_too(
    repro: Repro, tmp_path: Path, options: list[str], average: float
) -> None:
    found = read(aggregate(repro, tmp_path, SUPERVISED, *options).out)
    assert {model: float(row["average"]) for model, row in found.items()} == {"ridge": average}


@pytest.mark.parametrize(
    ("table", "options", "said"),
    [
        (SUPERVISED, [], "choose with --split: fold_random_5, fold_modulo_5"),
        (SUPERVISED, ["--split", "none"], "choose with --split: fold_random_5, fold_modulo_5"),
        (SUPERVISED, ["--metric", "auc", "--split", "random_5"], "choose with --metric: Spearman, MSE"),
        (SUPERVISED + "ridge,a1,fold_random_5,0.2,1\n", ["--split", "random_5"], "line 10, column 'Spearman': a sec"),
        (SUPERVISED.replace("0.3", "high"), ["--split", "random_5"], "line 3, column 'Spearman': 'high'"),
    ],
)
def test_long_scores_that_cannot_be_averaged_say_why(
    repro: Repro, tmp_path: Path, table: str, options: list[str], said: str
) -> None:
    ran = aggregate(repro, tmp_path, table, *options)
    assert ran.code == 3
    assert said in ran.err


def test_output_that_is_a_device_is_written_and_not_replaced(repro: Repro, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    ran = aggregate(repro, tmp_path, SMALL, "-o", str(full))
    assert (ran.code, "the disk is full" in ran.err, full.is_symlink()) == (9, True, True), ran.err
