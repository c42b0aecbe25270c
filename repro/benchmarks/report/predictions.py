"""The predictions of one cell: measured and predicted values of the rows that were held out."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import InputFileError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_REMADE = "remove the folder of this cell; `repro benchmark run` computes it again"


@dataclass(frozen=True)
class Predictions:
    """Rows in the order of the file, which is that of the data set."""

    variants: Sequence[str]
    """`A23G`, `A23G:D40N`; or whole sequences where the file has no mutants."""
    are_mutants: bool
    measured: NDArray[np.float64]
    """(rows,)"""
    predicted: NDArray[np.float64]
    """(rows,)"""
    folds: Sequence[str]
    """Which part each row was held out in: `0`, `1`, ... or `test`."""

    def __len__(self) -> int:
        return len(self.measured)


def read_predictions(path: Path) -> Predictions:
    """Read `predictions.csv`: `mutant` or `sequence`, `test`, `pred`, `split`.

    Raises:
        InputFileError: the file is missing or is no such table; names the column, or the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            where = _places(path, header)
            rows = [row for row in reader if row]
    except FileNotFoundError:
        raise InputFileError(f"{path} is not there", fix=_REMADE) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path} cannot be read: {error}", fix=_REMADE) from None
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise InputFileError(f"{path}, line {number}: not as many fields as columns", fix=_REMADE)
    # Mostly empty, the column of mutants says nothing that the sequences do not.
    mutants = [row[where["mutant"]] for row in rows] if "mutant" in where else []
    are_mutants = "sequence" not in where or any(mutants)
    return Predictions(
        variants=mutants if are_mutants else [row[where["sequence"]] for row in rows],
        are_mutants=are_mutants,
        measured=_numbers(path, rows, where["test"], "test"),
        predicted=_numbers(path, rows, where["pred"], "pred"),
        folds=[row[where["split"]] for row in rows],
    )


def _places(path: Path, header: Sequence[str]) -> dict[str, int]:
    """Where each column stands."""
    places = {name: number for number, name in enumerate(header)}
    missing = [name for name in ("test", "pred", "split") if name not in places]
    if not {"mutant", "sequence"} & places.keys():
        missing.append("mutant or sequence")
    if missing:
        raise InputFileError(f"{path} has no column {', '.join(missing)}", fix=_REMADE)
    return places


def _numbers(path: Path, rows: Sequence[Sequence[str]], place: int, column: str) -> NDArray[np.float64]:
    """One column as finite numbers."""
    import numpy as np

    texts = [row[place] for row in rows]
    try:
        numbers = np.array(texts, dtype=np.float64)
    except ValueError:
        numbers = np.array([_number(text) for text in texts])
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        raise InputFileError(
            f"{path}, line {wrong[0] + 2}: {column} is no finite number: {texts[wrong[0]]!r}", fix=_REMADE
        )
    return numbers


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
