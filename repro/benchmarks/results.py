"""`results.csv`: a line a metric of each cell, and one for a cell that failed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from repro.benchmarks.cache import DONE, Record
from repro.benchmarks.cells import Cell
from repro.benchmarks.report import flags
from repro.benchmarks.report import results as table

RESULTS_FILE = "results.csv"
COLUMNS = (*table.COLUMNS, "flag")
"""`flag` says what a reader should be told before they believe the number; empty mostly."""


def write_results(folder: Path, cells: Sequence[tuple[Cell, Record]], metrics: Sequence[str] | None) -> Path:
    """Write the table, and give its path; whoever reads it meanwhile reads a whole one, the old or the new.

    Args:
        folder: of the benchmark.
        cells: in the order of the lines, each with what came of it.
        metrics: which of a cell's scores; None: all of them.

    Raises:
        OutputError: it cannot be written.
    """
    from repro.data.output import complete_file

    path = folder / RESULTS_FILE
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    told = flags_of(cells)
    for (cell, record), some in zip(cells, told, strict=True):
        writer.writerows({**line, "flag": "; ".join(some)} for line in _lines(cell, record, metrics))
    with complete_file(path) as file:
        file.write(text.getvalue().encode())
    return path


def write_name(folder: Path, name: str) -> None:
    """Leave what the benchmark is called, for its reports. Raises OutputError."""
    from repro.data.output import complete_file

    with complete_file(folder / table.NAME_FILE) as file:
        file.write((json.dumps({"name": name}, ensure_ascii=False) + "\n").encode("utf-8", "replace"))


def flags_of(cells: Sequence[tuple[Cell, Record]]) -> list[tuple[str, ...]]:
    """What has to be told of each cell, in order; empty where it is nothing."""
    return flags.find_flags([_as_read(cell, record) for cell, record in cells])


def _as_read(cell: Cell, record: Record) -> table.Cell:
    """A cell as the reader of the table has it."""
    defined = {name: score for name, score in record.scores.items() if score["value"] is not None}
    return table.Cell(
        *cell.names,
        key=record.key,
        status=record.status,
        error=record.error,
        scores={name: table.Score(score["value"]) for name, score in defined.items()},
        n=record.rows or None,
        seconds=record.seconds,
    )


def _lines(cell: Cell, record: Record, metrics: Sequence[str] | None) -> Iterator[dict[str, Any]]:
    common = {
        "dataset": cell.dataset,
        "target": cell.target,
        "model": cell.model,
        "split": cell.split,
        "seconds": record.seconds,
        "cell": record.key,
        "status": record.status,
        "error": record.error,
    }
    if record.status != DONE:
        yield common
        return
    for name in record.scores if metrics is None else metrics:
        yield {**common, "metric": name, **_score(record.scores[name])}


def _score(score: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of one metric. One that is not defined says why."""
    value = score["value"]
    why = score["note"] if value is None else ""
    return {"value": value, "standard_error": score["standard_error"], "n": score["n"], "error": why}
