"""Sequences where a table has the names of variants alone: made of the wild type and what the names say."""

import dataclasses

from . import mutants as naming
from .errors import DatasetError

OFFSET = "offset"
"""The constant with the position that the wild type's first residue has in the names of variants, where it is not 1."""
_LOOKED_AT = 50


def with_sequences(assays, columns, where):
    """The assays and columns, with sequences where the column of sequences holds the names of variants.

    The names move to a column of their own, if they stand in the one called `sequence`.
    """
    changed, made = {}, {}
    for target, assay in assays.items():
        source = (assay.sequence_column, assay.wild_type)
        if source not in made and assay.wild_type and _are_names(columns[assay.sequence_column]):
            sequence_column, mutation_column = _columns_for(assay.sequence_column, columns)
            names = columns[assay.sequence_column]
            sequences, offset = made_sequences(names, assay.wild_type, None, where)
            columns = {**columns, mutation_column: names, sequence_column: sequences}
            made[source] = sequence_column, {"mutation_col": mutation_column, OFFSET: offset}
        if source in made:
            sequence_column, constants = made[source]
            constants = {**assay.constants, **constants}
            if constants[OFFSET] == 1:
                del constants[OFFSET]
            assay = dataclasses.replace(assay, constants=constants, sequence_column=sequence_column)
        changed[target] = assay
    return changed, columns


def made_sequences(names, wild_type, offset, where):
    """The sequences of variants, and the position of the wild type's first residue in their names.

    Args:
        offset: that position; None: the one that fits all names.

    Raises:
        DatasetError: names that do not fit the wild type, with the row.

    >>> made_sequences(["K25R", "V26A"], "MKV", None, "x.csv")
    (['MRV', 'MKA'], 24)
    """
    if offset is None:
        offset = fitting_offset(names, wild_type, where)
    found = []
    for row, name in enumerate(names):
        try:
            found.append(naming.apply_mutant(wild_type, name, offset))
        except DatasetError as error:
            raise DatasetError("%s, row %d: %s" % (where, row + 1, error.message), error.fix) from None
    return found, offset


def fitting_offset(names, wild_type, where):
    """The position of the wild type's first residue in the names of variants: 1 where that fits them, or the only one.

    Where none fits it is 1 too: what does not fit is found, and named, when the sequences are made.

    >>> fitting_offset(["H24C", "P25A"], "HPETLV", "x.csv")
    24
    """
    residues = {}
    for row, name in enumerate(names):
        try:
            for before, position, _ in naming.substitutions(name):
                residues.setdefault(position, before)
        except DatasetError as error:
            raise DatasetError("%s, row %d: %s" % (where, row + 1, error.message), error.fix) from None
    if not residues:
        return 1
    candidates = [1, *range(max(residues) - len(wild_type) + 1, min(residues) + 1)]
    fitting = [offset for offset in dict.fromkeys(candidates) if _fits(offset, residues, wild_type)]
    if fitting and fitting[0] != 1 and len(fitting) > 1:
        raise DatasetError(
            "%s: the names of variants fit the wild type from %s on: which is meant?"
            % (where, " or ".join(map(str, fitting[:5]))),
            "say which position the wild type's first residue has (offset)",
        )
    return fitting[0] if fitting else 1


def _fits(offset, residues, wild_type):
    length = len(wild_type)
    return all(
        0 <= position - offset < length and wild_type[position - offset] == residue
        for position, residue in residues.items()
    )


def _are_names(values):
    return any(sign.isdigit() for value in values[:_LOOKED_AT] for sign in value)


def _columns_for(column, columns):
    """The columns for sequences and for the names of variants, of a table that has the names in `column`."""
    if column == "sequence":
        return column, _unused(("mutant", "variant", "mutant_name"), columns)
    return _unused(("sequence", "mutated_sequence", column + "_sequence"), columns), column


def _unused(names, columns):
    return next(name for name in names if name not in columns)
