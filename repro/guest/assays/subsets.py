"""The archive of a data set and its splits: `dataset.pgdata` and, beside it, `slices.json` (.splits.pgdata).

A split there is a list of slices, each a mask of the rows of each assay. A slice is a fold.
"""

import json

from .archive import Archive
from .errors import DatasetError
from .splits import FOLD_KINDS, LEFT_OUT, Split

DATASET = "dataset.pgdata"
SLICES = "slices.json"
_UNNAMED = "folds"


def inner(archive):
    """The archive of the data set in it."""
    return Archive(archive.path, archive.read(DATASET))


def splits_of(archive, row_counts):
    """The splits by name.

    Args:
        row_counts: of each assay of the manifest that has rows of its own, its place among the assays and its rows.

    Raises:
        DatasetError: the slices do not fit the rows, or share some.
    """
    where = "%s in %s" % (SLICES, archive.path)
    try:
        content = json.loads(archive.read(SLICES).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DatasetError("%s is no JSON: %s" % (where, error)) from None
    content = {_UNNAMED: content} if isinstance(content, list) else content
    if not isinstance(content, dict) or not all(isinstance(slices, list) for slices in content.values()):
        raise DatasetError("%s is no table of lists of slices" % where)
    return {name: _split(name, slices, row_counts, where) for name, slices in content.items()}


def _split(name, slices, row_counts, where):
    labels = [LEFT_OUT] * sum(rows for _, rows in row_counts)
    for fold, one in enumerate(slices):
        for row in _rows(one, row_counts, "%s, %s" % (where, name)):
            if labels[row] != LEFT_OUT:
                raise DatasetError(
                    "%s: the split %s has row %d in the slices %s and %d" % (where, name, row + 1, labels[row], fold)
                )
            labels[row] = str(fold)
    kind = next((kind for kind in FOLD_KINDS if kind in name), "random")
    return Split(name, kind, len(slices), None, labels)


def _rows(one, row_counts, where):
    """The rows of a slice, in the table of all assays."""
    assays = one.get("assays") if isinstance(one, dict) else None
    start = 0
    for place, count in row_counts:
        if not isinstance(assays, list) or len(assays) <= place or not isinstance(assays[place], dict):
            raise DatasetError("%s: a slice has no part for the assay %d" % (where, place + 1))
        mask = assays[place].get("records")
        if mask is None:
            mask = [True] * count
        if not isinstance(mask, list) or len(mask) != count:
            raise DatasetError("%s: a slice is not of the %d rows of the assay %d" % (where, count, place + 1))
        yield from (start + row for row, taken in enumerate(mask) if taken)
        start += count
