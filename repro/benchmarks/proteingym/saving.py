"""Data sets to files, where what the disk says is told as an error of the output."""

from __future__ import annotations

from pathlib import Path

from repro.data.output import output_error
from repro.guest.assays import Dataset, DatasetError


def save_dataset(dataset: Dataset, path: Path) -> None:
    """Write it as .pgdata or .zip; what was there before stays until it is whole.

    Raises:
        OutputError: it cannot be written there.
        DatasetError: it cannot be written in this form.
    """
    try:
        dataset.save(path)
    except DatasetError as error:
        if isinstance(error.__context__, OSError):  # the shared code has no error of its own for disks
            raise output_error(path, error.__context__) from error
        raise
