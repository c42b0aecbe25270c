"""The tables of several assays as one: its rows are the rows of all, and what an assay did not measure is missing."""

import dataclasses

from .errors import DatasetError

_NAN = float("nan")


def join(tables, where):
    """One table and its assays by target.

    A target that several tables have carries its table's name before its own: `ph7/DMS_score`.

    Args:
        tables: of each its name, its assays, and its columns.
    """
    tables = _renamed(tables) if len(tables) > 1 else tables
    found = {}
    for _, assays, _ in tables:
        for assay in assays:
            if assay.target in found:
                raise DatasetError("%s names the column %r as a target twice" % (where, assay.target))
            found[assay.target] = assay
    return found, _stacked([columns for _, _, columns in tables])


def _renamed(tables):
    """The tables with one name for the columns of sequences and names of their own for targets that are in several."""
    sequence_column = tables[0][1][0].sequence_column
    every = [assay.target for _, assays, _ in tables for assay in assays]
    shared = {target for target in every if every.count(target) > 1}
    renamed = []
    for name, assays, columns in tables:
        new_names = {}
        for assay in assays:
            new_names[assay.sequence_column] = sequence_column
            if assay.target in shared:
                for end in ("", "_bin"):
                    new_names[assay.target + end] = "%s/%s%s" % (name, assay.target, end)
        changed = [
            dataclasses.replace(
                assay, target=new_names.get(assay.target, assay.target), sequence_column=sequence_column
            )
            for assay in assays
        ]
        renamed.append((name, changed, {new_names.get(key, key): values for key, values in columns.items()}))
    return renamed


def _stacked(tables):
    if len(tables) == 1:
        return tables[0]
    names = dict.fromkeys(name for columns in tables for name in columns)
    stacked = {name: [] for name in names}
    for columns in tables:
        rows = len(next(iter(columns.values())))
        for name, values in stacked.items():
            values.extend(columns[name] if name in columns else [_missing(tables, name)] * rows)
    return stacked


def _missing(tables, name):
    sample = next(columns[name] for columns in tables if name in columns)
    return _NAN if sample and isinstance(sample[0], float) else ""
