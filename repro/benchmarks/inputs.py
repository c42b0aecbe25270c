"""The rows that a cell learns from and predicts: read, with its split alone, and told by their content."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from repro.errors import InputFileError, ReproError

if TYPE_CHECKING:
    from repro.guest.assays import Dataset

_CUTOFF = "DMS_binarization_cutoff"


@dataclass(frozen=True)
class Source:
    """Where a data set comes from."""

    path: str
    reference: str | None = None
    """For a CSV file: the table with a row for each assay."""
    column: str | None = None
    """For a CSV file: the column of measured values, where it is not `DMS_score`."""
    name: str | None = None
    """What it is called in the results; None: as it calls itself."""

    def read(self) -> Dataset:
        """The data set. Raises InputFileError."""
        from repro.guest.assays import Dataset

        with errors_at():
            found: Dataset = Dataset.from_path(self.path, self.reference, self.column)
            return found if self.name is None else dataclasses.replace(found, name=self.name)


@dataclass(frozen=True)
class Rows:
    """One target of a data set with one split."""

    dataset: Dataset
    """With this split, and no other: what is not used makes no difference to what is computed."""
    target: str
    split: str
    held_out: tuple[int, ...]
    """The rows that are predicted, in order: those of all folds that have a measured value."""
    folds: int | None

    @property
    def content(self) -> str:
        """SHA-256 of all that a model is given, but for what the data set and the split are called."""
        plain = [dataclasses.replace(one, name="split", seed=None) for one in self.dataset.splits.values()]
        splits = {one.name: one for one in plain}  # of which there is one, or for `all` none
        return str(dataclasses.replace(self.dataset, name="dataset", splits=splits).digest)

    def classes(self) -> list[float] | None:
        """Of each held-out row whether it is in the upper class (1) or not (0); None where the data set does not say.

        By the column `TARGET_bin`, else by the cutoff that ProteinGym's reference file gives.

        Raises:
            InputFileError: the column has a class in some rows alone, or another than 0 and 1; names the row.
        """
        table, constants = self.dataset.table, self.dataset.assays[self.target].constants
        column = table.get(f"{self.target}_bin")
        if column is not None and any(column[row] == column[row] for row in self.held_out):
            self._check_classes(column)
            return [column[row] for row in self.held_out]
        if (cutoff := constants.get(_CUTOFF)) is not None:
            values = table[self.target]
            return [float(values[row] > cutoff) for row in self.held_out]
        return None

    def _check_classes(self, column: Sequence[float]) -> None:
        for row in self.held_out:
            if column[row] not in (0.0, 1.0):
                said = "the class is missing" if column[row] != column[row] else f"{column[row]:g} is neither 0 nor 1"
                raise InputFileError(
                    f"{self.dataset.name}, row {row + 1}, column '{self.target}_bin': {said}",
                    fix="give each row that was measured its class; or leave the column out",
                )


def choose_rows(dataset: Dataset, target: str, split: str | None) -> Rows:
    """The rows of a target with a split, which is stored in the data set or made.

    Args:
        dataset: as it was read.
        target: one of its targets.
        split: its name; `all` for a model that learns nothing; None: the one that `train` takes where none is named.

    Raises:
        InputFileError: the split is neither stored nor can be made, or leaves nothing to learn from or to predict; or
            the classes of its rows are wrong.
    """
    from repro.guest import folds

    with errors_at():
        name = split or folds.stored_split(dataset) or folds.MADE
        alone = dataclasses.replace(dataset, splits={key: one for key, one in dataset.splits.items() if key == name})
        plan = folds.plan(alone, target, name, zero_shot=name == folds.ALL)
    values = dataset.table[target]
    held_out = sorted(row for part in plan.parts for row in part.test if values[row] == values[row])
    chosen = plan.dataset.splits.get(name)
    rows = Rows(plan.dataset, target, name, tuple(held_out), chosen.folds if chosen is not None else None)
    rows.classes()  # what is wrong with them is told now, and not when all is computed
    return rows


@contextmanager
def errors_at(place: str = "") -> Iterator[None]:
    """Tell what is wrong with a data set or a card as an error of the input, and of every error where it was named.

    Args:
        place: file, line and key; empty: the error says enough.
    """
    from repro.guest.assays.errors import AssaysError

    before = f"{place}: " if place else ""
    try:
        yield
    except AssaysError as error:
        raise InputFileError(f"{before}{error.message}", fix=error.fix) from None
    except ReproError as error:
        error.message = f"{before}{error.message}"
        raise
