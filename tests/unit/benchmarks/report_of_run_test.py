"""What `repro benchmark run` writes is what the report reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from repro.benchmarks.cache import DONE, FAILED, Record
from repro.benchmarks.cells import Cell, ModelCall
from repro.benchmarks.inputs import Source
from repro.benchmarks.report.results import Score, read_results
from repro.benchmarks.report.tables import cells_csv
from repro.benchmarks.resources import Needs
from repro.benchmarks.results import flags_of, write_results


def ran(split: str, status: str, scores: dict[str, Any], error: str = "") -> tuple[Cell, Record]:
    call = ModelCall("ridge", {}, "README.md", {})
    cell = Cell("d", "y", "ridge", split, Source("d.csv"), call, Needs(), {"split": split})
    return cell, Record(cell.key, status, cell.identity, seconds=1.5, rows=760, scores=scores, error=error)


def score(value: float | None, note: str = "") -> dict[str, Any]:
    return {"value": value, "standard_error": None if value is None else 0.02, "n": 760, "note": note}


def test_scores_errors_and_flags_are_read_as_they_were_written(tmp_path: Path) -> None:
    cells = [
        ran("random_5", DONE, {"spearman": score(0.587), "auc": score(None, "one class")}),
        ran("modulo_5", DONE, {"spearman": score(0.018)}),
        ran("contiguous_5", FAILED, {}, "no memory"),
    ]
    write_results(tmp_path, cells, None)

    random, modulo, contiguous = read_results(tmp_path)

    assert random.scores == {"spearman": Score(0.587, 0.02)}
    assert random.undefined == {"auc": "one class"}
    assert (random.key, random.n, random.seconds) == (cells[0][0].key, 760, 1.5)
    assert contiguous.failed
    assert contiguous.error == "no memory"
    assert flags_of(cells)[:2] == 2 * [("good on random folds, near zero on modulo folds",)]
    assert "one class" in cells_csv([random, modulo], [(), ()])
