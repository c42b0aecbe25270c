"""The results of `repro benchmark run`, a row a score, as a table with a row an assay and a column a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from repro.benchmarks.metrics import by_name
from repro.benchmarks.table_columns import Column
from repro.errors import InputFileError

_COLUMNS = ("dataset", "model", "split", "metric", "value")


def is_long(columns: Mapping[str, Column]) -> bool:
    """Whether a table has a row a score."""
    return all(name in columns for name in _COLUMNS)


def widened(columns: Mapping[str, Column], metric: str, split: str | None = None) -> dict[str, Column]:
    """The table with a row an assay: the column `dataset`, and one a model. What is not there is an empty cell.

    Args:
        columns: of the table with a row a score. A row without a metric stands for all that its model has no score of.
        metric: which metric.
        split: which split; None where there is only one.

    Raises:
        InputFileError: no such metric or split, several splits and none chosen, a model with two scores of an assay, a
            score that is no number; names line and column.
    """
    dataset, model, splits, metrics, value = (columns[name] for name in _COLUMNS)
    chosen = _chosen(splits, [split] if split is not None else [], "--split")
    of_split = [row for row, cell in enumerate(splits.cells) if cell == chosen]
    wanted = _chosen(metrics, [by_name(metric).name], "--metric")
    places: dict[tuple[str, str], int] = {}
    for row in (row for row in of_split if metrics.cells[row] == wanted):
        key = dataset.cells[row], model.cells[row]
        if key in places:
            what = f"{value.place(row)}: a second score of {key[1]} on {key[0]}; the first is in line"
            raise InputFileError(
                f"{what} {value.lines[places[key]]}", fix="keep one; has the data set several targets?"
            )
        value.number(row)
        places[key] = row
    first = {dataset.cells[row]: row for row in reversed(of_split)}
    assays = list(dict.fromkeys(dataset.cells[row] for row in of_split))
    lines = [dataset.lines[first[assay]] for assay in assays]
    cells = {
        name: [value.cells[places[assay, name]] if (assay, name) in places else "" for assay in assays]
        for name in dict.fromkeys(model.cells[row] for row in of_split)
    }
    wide = {name: Column(dataset.file, name, column, lines) for name, column in cells.items()}
    return {dataset.name: Column(dataset.file, dataset.name, assays, lines), **wide}


def _chosen(column: Column, wanted: Sequence[str], option: str) -> str:
    """The one that is wanted, or that is there alone."""
    there = list(dict.fromkeys(filter(str.strip, column.cells)))
    candidates = [name for name in wanted or there if name in there]
    if len(candidates) == 1:
        return candidates[0]
    what = f"no {column.name} called {wanted[0]}" if wanted else f"several {column.name}s"
    raise InputFileError(f"{column.file} has {what}", fix=f"choose with {option}: {', '.join(there)}")
