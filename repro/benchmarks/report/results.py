"""The results of a benchmark as data: `results.csv`, a line a metric, gathered into cells.

A cell is one model on one target of one data set with one split. Its line has `status` and, where it failed, `error`.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from repro.errors import InputFileError

COLUMNS = (
    "dataset", "target", "model", "split", "metric", "value", "standard_error",
    "n", "seconds", "cell", "status", "error",
)  # fmt: skip
FAILED = "failed"
NAME_FILE = "benchmark.json"
"""Beside the table: what the benchmark is called."""
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_FIELD = 1 << 24
"""Characters: an error may hold a long traceback."""
_AGAIN = "`repro benchmark run` writes it anew"


@dataclass(frozen=True)
class Score:
    """One metric of one cell."""

    value: float
    standard_error: float | None = None


@dataclass(frozen=True)
class Cell:
    """One model on one target of one data set with one split."""

    dataset: str
    target: str
    model: str
    split: str
    key: str
    """The folder under `cells/`; empty where there is none."""
    status: str
    error: str
    """Why it failed; empty where it did not."""
    scores: Mapping[str, Score]
    """By the name of the metric."""
    n: int | None = None
    """Rows that were scored."""
    seconds: float | None = None
    undefined: Mapping[str, str] = field(default_factory=dict)
    """Metrics that these rows have no value of -> why."""

    @property
    def failed(self) -> bool:
        """It has no score at all."""
        return not self.scores

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return " ".join(part for part in (self.dataset, self.target, self.model, self.split) if part)

    @property
    def assay(self) -> tuple[str, str]:
        """What was measured: data set and target."""
        return self.dataset, self.target


def read_name(folder: Path) -> str:
    """What the benchmark of a folder is called: as its file says, else as the folder is."""
    try:
        name = json.loads((folder / NAME_FILE).read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError, TypeError):  # results that another program or an older repro has written
        name = ""
    return name if isinstance(name, str) and name else folder.resolve().name


def read_results(folder: Path) -> list[Cell]:
    """The cells of `folder/results.csv`, in the order in which the file first names them.

    Raises:
        InputFileError: the file is missing, empty, or is no such table; names the line and the column.
    """
    path = folder / "results.csv"
    cells: dict[tuple[str, str, str, str], Cell] = {}
    for number, row in _lines(path):
        place = f"{path}, line {number}"
        named = (row["dataset"], row["target"], row["model"], row["split"])
        cell = cells.get(named) or Cell(*named, _key(row, place), row["status"].strip(), "", {})
        cells[named] = _with_line(cell, row, place)
    if not cells:
        raise InputFileError(f"{path} has no results", fix="`repro benchmark run SPEC.yaml` fills it")
    return list(cells.values())


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows with the numbers of their lines."""
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_FIELD))
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(path, reader.fieldnames or [])
            for row in reader:
                if None in row or None in row.values():
                    raise InputFileError(f"{path}, line {reader.line_num}: not as many fields as columns", fix=_AGAIN)
                yield reader.line_num, row
    except FileNotFoundError:
        begun = (path.parent / "cells").is_dir()
        fix = (
            "try again when a cell has ended" if begun else "name the folder that `repro benchmark run SPEC.yaml` wrote"
        )
        raise InputFileError(f"{path} is not there", fix=fix) from None
    except NotADirectoryError:
        raise InputFileError(f"{path.parent} is a file", fix="name the folder that it lies in") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path} cannot be read: {error}", fix=_AGAIN) from None


def _check_header(path: Path, header: object) -> None:
    missing = [column for column in COLUMNS if column not in list(header)]  # type: ignore[call-overload]
    if missing:
        raise InputFileError(f"{path} has no column {', '.join(missing)}", fix=_AGAIN)


def _key(row: Mapping[str, str], place: str) -> str:
    """The name of the cell's folder: never a way out of `cells/`."""
    key = row["cell"].strip()
    if key and not _KEY.fullmatch(key):
        raise InputFileError(f"{place}: {key!r} cannot be the name of a cell's folder", fix=_AGAIN)
    return key


def _with_line(cell: Cell, row: Mapping[str, str], place: str) -> Cell:
    """The cell with what one more line says of it."""
    metric, error, value = row["metric"].strip(), row["error"].strip(), _number(row, "value", place)
    n, seconds = _number(row, "n", place), _number(row, "seconds", place)
    cell = replace(
        cell,
        n=cell.n if n is None else int(n),
        seconds=cell.seconds if seconds is None else seconds,
    )
    if row["status"].strip() == FAILED or not metric:
        return replace(cell, error=cell.error or error)
    if value is None:
        return replace(cell, undefined={**cell.undefined, metric: error or "has no value"})
    return replace(cell, scores={**cell.scores, metric: Score(value, _number(row, "standard_error", place))})


def _number(row: Mapping[str, str], column: str, place: str) -> float | None:
    """A finite number; None where nothing stands, or `nan`: a metric that is not defined for these rows."""
    text = row[column].strip()
    try:
        number = float(text or "nan")
    except ValueError:
        raise InputFileError(f"{place}: {column} is no number: {text!r}", fix=_AGAIN) from None
    return number if math.isfinite(number) else None
