"""Tables with a row a score, as tables with a row an assay and a column a model.

There are two: the results of `repro benchmark run`, with a row a metric, and the file of ProteinGym's supervised
models, with a row a split and a column a metric.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from repro.benchmarks.metrics import by_name
from repro.benchmarks.table_columns import Column
from repro.errors import InputFileError

_COLUMNS = ("dataset", "model", "split", "metric", "value")
_SUPERVISED = ("DMS_id", "model_name", "fold_variable_name")
_METRICS = ("Spearman", "MSE", "AUC", "MCC", "NDCG", "Top_recall")
_FOLDS = "fold_"


def is_long(columns: Mapping[str, Column]) -> bool:
    """Whether a table has a row a score."""
    return any(all(name in columns for name in form) for form in (_COLUMNS, _SUPERVISED))


def widened(columns: Mapping[str, Column], metric: str, split: str | None = None) -> dict[str, Column]:
    """The table with a row an assay: the column of the assays, and one a model. What is not there is an empty cell.

    Args:
        columns: of the table with a row a score. A row without a metric stands for all that its model has no score of.
        metric: which metric.
        split: which split; None where there is only one.

    Raises:
        InputFileError: no such metric or split, several splits and none chosen, a model with two scores of an assay, a
            score that is no number; names line and column.
    """
    if all(name in columns for name in _SUPERVISED):
        return _widened_supervised(columns, metric, split)
    dataset, model, splits, metrics, value = (columns[name] for name in _COLUMNS)
    of_split = _of_split(splits, split)
    wanted = _chosen(metrics, [by_name(metric).name], "--metric")
    return _pivoted(dataset, model, value, of_split, [row for row in of_split if metrics.cells[row] == wanted])


def _widened_supervised(columns: Mapping[str, Column], metric: str, split: str | None) -> dict[str, Column]:
    dataset, model, splits = (columns[name] for name in _SUPERVISED)
    there = {name.lower().replace("_", "-"): name for name in _METRICS if name in columns}
    name = by_name(metric).name
    if name not in there:
        raise InputFileError(f"{dataset.file} has no {name}", fix=f"choose with --metric: {', '.join(there.values())}")
    if split is not None and split not in splits.cells:
        split = _FOLDS + split
    rows = _of_split(splits, split)
    return _pivoted(dataset, model, columns[there[name]], rows, rows)


def _of_split(splits: Column, split: str | None) -> list[int]:
    """The rows of the split that is wanted, or that is there alone."""
    chosen = _chosen(splits, [split] if split is not None else [], "--split")
    return [row for row, cell in enumerate(splits.cells) if cell == chosen]


def _pivoted(
    dataset: Column, model: Column, value: Column, of_split: Sequence[int], scored: Sequence[int]
) -> dict[str, Column]:
    """A column a model, of the values in the rows that are `scored`; assays and models are those of the split."""
    places: dict[tuple[str, str], int] = {}
    for row in scored:
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
    return {dataset.name: replace(dataset, cells=assays, lines=lines), **wide}


def _chosen(column: Column, wanted: Sequence[str], option: str) -> str:
    """The one that is wanted, or that is there alone."""
    there = list(dict.fromkeys(filter(str.strip, column.cells)))
    candidates = [name for name in wanted or there if name in there]
    if len(candidates) == 1:
        return candidates[0]
    what = f"no {column.name} called {wanted[0]}" if wanted else f"several {column.name}s"
    raise InputFileError(f"{column.file} has {what}", fix=f"choose with {option}: {', '.join(there)}")
