"""How splits lie in a table: a column of labels each, and what its name or a manifest says of it."""

import re

from .errors import DatasetError
from .manifests import optional_table, text_of, whole_number_of
from .splits import FOLD_KINDS, LEFT_OUT, TEST, TRAIN, TRAIN_VALID_TEST, VALID, Split

_FOLDS_COLUMN = re.compile(r"fold_(random|rand_multiples|modulo|contiguous)(?:_\d+)?")
_SAME = {
    **dict.fromkeys(["train", "training"], TRAIN),
    **dict.fromkeys(["valid", "val", "validation", "dev"], VALID),
    **dict.fromkeys(["test", "testing"], TEST),
}


def is_folds_column(name):
    """Whether a column is one of ProteinGym's own folds.

    >>> is_folds_column("fold_random_5"), is_folds_column("DMS_score")
    (True, False)
    """
    return _FOLDS_COLUMN.fullmatch(name) is not None


def column_of(split):
    """The column that a split is written to; that of folds is named as ProteinGym names it."""
    return ("fold_%s" if split.is_folds else "split_%s") % split.name


def described(split):
    """What a manifest says of a split."""
    known = {"kind": split.kind, "column": column_of(split), "folds": split.folds, "seed": split.seed}
    return {key: value for key, value in known.items() if value is not None}


def read_descriptions(manifest, where):
    """What a manifest of ours says of each split, by name, with the `column` of its labels.

    Raises:
        DatasetError: it does not have the form, or two splits have one column.
    """
    found = {}
    for name, about in optional_table(manifest, "splits", where).items():
        place = "%s, [splits.%s]" % (where, name)
        if not isinstance(about, dict):
            raise DatasetError("%s is no table" % place)
        if not text_of(about, "kind", place):
            raise DatasetError("%s: the split %s has no `kind`" % (where, name))
        for key in ("folds", "seed"):
            whole_number_of(about, key, place)
        column = text_of(about, "column", place, name)
        if column in [one["column"] for one in found.values()]:
            raise DatasetError("%s: the column %r is that of another split too" % (place, column))
        found[name] = {**about, "column": column}
    return found


def check_columns(columns, assays, where):
    """See that the labels of splits are not in a column that holds something else. DatasetError."""
    for assay in assays:
        for used in (assay.target, assay.target + "_bin", assay.sequence_column, assay.mutation_column):
            if used in columns:
                raise DatasetError("%s takes the column %r for a split, and it holds something else" % (where, used))


def from_manifest(name, about, labels, where):
    """The split that a manifest of ours describes. See `read_descriptions`."""
    folds = about.get("folds")
    if folds is not None and not 2 <= folds <= len(labels):
        raise DatasetError("%s: the split %s has %d folds, for %d rows" % (where, name, folds, len(labels)))
    return Split(name, about["kind"], folds, about.get("seed"), _kept(labels))


def from_column(name, labels, where):
    """The split that a column holds of which no more than its name is known: folds, or train, valid and test."""
    seen = set(labels) - {LEFT_OUT}
    if seen and all(_fold(label) is not None for label in seen):
        folds = max(map(_fold, seen)) + 1
        numbers = {label: LEFT_OUT if label == LEFT_OUT else str(_fold(label)) for label in seen | {LEFT_OUT}}
        kind = next((kind for kind in FOLD_KINDS if kind in name), "random")
        called = "rand_multiples" if "rand_multiples" in name else kind  # ProteinGym has both in one file
        return Split("%s_%d" % (called, folds), kind, folds, None, [numbers[label] for label in labels])
    unknown = sorted(label for label in seen if label.strip().lower() not in _SAME)
    if unknown or not seen:
        row = labels.index(unknown[0]) + 1 if unknown else 1
        raise DatasetError(
            "%s, row %d, column %r: %r is neither train, valid nor test, nor the number of a fold"
            % (where, row, name, labels[row - 1])
        )
    same = {label: _SAME[label.strip().lower()] for label in seen}
    return Split("train_valid_test", TRAIN_VALID_TEST, None, None, [same.get(label, LEFT_OUT) for label in labels])


def _kept(labels):
    # One object a label, not one a row.
    one = {}
    return [one.setdefault(label, label) for label in labels]


def _fold(label):
    text = label[:-2] if label.endswith(".0") else label  # as pandas writes a column with gaps
    return int(text) if text.isascii() and text.isdigit() and len(text) < 5 else None
