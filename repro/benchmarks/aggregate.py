"""The three-level average of ProteinGym: assay, then (UniProt, selection type), then selection type, then all types.

Notin et al., "ProteinGym: large-scale benchmarks for protein fitness prediction and design", NeurIPS 2023. Proteins
with many assays, and types with many proteins, so count no more than the others.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from repro.benchmarks.long_scores import is_long, widened
from repro.benchmarks.table_columns import Column, column_names, read_columns
from repro.errors import InputFileError

_ID, _UNIPROT, _TYPE = "DMS_id", "UniProt_ID", "coarse_selection_type"
_ID_NAMES = ("DMS ID", "DMS_id", "DMS_ID", "dataset", "assay")
# What ProteinGym's own tables say of an assay beside the models' scores.
_ABOUT_ASSAYS = frozenset(
    [
        "Number of Mutants",
        "number_mutants",
        "Selection Type",
        "UniProt ID",
        _UNIPROT,
        "MSA_Neff_L_category",
        "Taxon",
        _TYPE,
    ]
)
_NO_NAME = re.compile(r"\s*|Unnamed: [0-9]+")  # as pandas has them
_SHOWN = 5


@dataclass(frozen=True)
class Assay:
    """What the average has to know of an assay."""

    name: str
    uniprot: str
    selection_type: str


@dataclass(frozen=True)
class Reference:
    """The assays that an average is over, by name."""

    file: str
    assays: dict[str, Assay]
    columns: frozenset[str] = frozenset()
    """All that it tells of an assay: columns of these names are no models."""

    @property
    def types(self) -> list[str]:
        """All selection types, in alphabetical order."""
        return sorted({assay.selection_type for assay in self.assays.values()})


@dataclass(frozen=True)
class Average:
    """A model's average.

    Attributes:
        model: its name.
        average: the mean of `types`.
        types: the mean of each selection type; a type without a score of this model is left out.
        missing: the assays that the model has no score of.
    """

    model: str
    average: float
    types: dict[str, float]
    missing: tuple[str, ...] = field(default=())


def read_reference(path: str | Path) -> Reference:
    """A reference file of ProteinGym, of which three columns are used: DMS_id, UniProt_ID, coarse_selection_type.

    Raises:
        InputFileError: it cannot be used; names line and column.
    """
    columns = read_columns(path, [_ID, _UNIPROT, _TYPE])
    _check_once(columns[_ID])
    told = (columns[name].texts() for name in (_ID, _UNIPROT, _TYPE))
    assays = {name: Assay(name, uniprot, kind) for name, uniprot, kind in zip(*told, strict=True)}
    return Reference(columns[_ID].file, assays, frozenset(column_names(path)))


def read_scores(
    path: str | Path,
    reference: Reference,
    partial: bool = False,
    ignored: Sequence[str] = (),
    metric: str = "spearman",
    split: str | None = None,
) -> dict[str, dict[str, float | None]]:
    """Scores by model and assay, from a table with a row an assay and a column a model; None where a cell is empty.

    Tables with a row a score are taken too; see `long_scores`.

    The column `DMS ID` (or `DMS_id`, `dataset`, `assay`, else the first one) names the assays. Columns by which
    ProteinGym's own tables or the reference file describe assays, and those without a name, are no models.

    Args:
        path: the table.
        reference: the assays.
        partial: whether assays of the reference may be missing.
        ignored: columns that are no models.
        metric, split: which scores, of a table with a row a score.

    Raises:
        InputFileError: an assay that the reference does not have, is missing, or is there twice; two models of one
            name; a score that is no number. Names line and column.
    """
    columns = read_columns(path)
    if is_long(columns):
        columns = widened(columns, metric, split)
    named = _id_column(columns)
    _check_known(named, reference)
    _check_once(named)
    if not partial:
        _check_complete(named, reference)
    if unknown := [name for name in ignored if name not in columns]:
        raise InputFileError(f"{named.file}, line 1: there is no column {unknown[0]!r}", fix="leave --ignore away")
    no_models = {named.name, *_ABOUT_ASSAYS, *reference.columns, *ignored}
    models = [c for c in columns.values() if c.name not in no_models and not _NO_NAME.fullmatch(c.name)]
    if not models:
        raise InputFileError(f"{named.file} has no column with a model's scores", fix="add a column a model")
    names = named.texts()
    return {c.name: {name: _score(c, row) for row, name in enumerate(names)} for c in models}


def average(
    scores: Mapping[str, Mapping[str, float | None]], reference: Reference, partial: bool = False
) -> list[Average]:
    """Each model's average, in the order of `scores`.

    A score that is missing is left out of its protein's mean, as in ProteinGym's published averages, and is told in
    `Average.missing`.

    Args:
        scores: by model and assay; None, or no key, where there is none.
        reference: the assays.
        partial: whether a model may lack all assays of a selection type: its average is then of fewer types.

    Raises:
        InputFileError: a model has no score at all, or, unless `partial`, none of a selection type.

    >>> assays = [Assay("a", "P1", "Binding"), Assay("b", "P1", "Binding"), Assay("c", "P2", "Stability")]
    >>> reference = Reference("assays.csv", {assay.name: assay for assay in assays})
    >>> average({"esm": {"a": 0.2, "b": 0.4, "c": 0.7}}, reference)[0]
    Average(model='esm', average=0.5, types={'Binding': 0.3..., 'Stability': 0.7}, missing=())
    """
    return [_average(model, of_assays, reference, partial) for model, of_assays in scores.items()]


def _average(model: str, scores: Mapping[str, float | None], reference: Reference, partial: bool) -> Average:
    proteins: dict[tuple[str, str], list[float]] = {}
    missing = []
    for name, assay in reference.assays.items():
        score = scores.get(name)
        if score is None:
            missing.append(name)
        else:
            proteins.setdefault((assay.selection_type, assay.uniprot), []).append(score)
    of_type = {
        kind: _mean([_mean(found) for (its_kind, _), found in proteins.items() if its_kind == kind])
        for kind in reference.types
        if any(its_kind == kind for its_kind, _ in proteins)
    }
    lacking = [kind for kind in reference.types if kind not in of_type]
    if not of_type or (lacking and not partial):
        fix = "" if not of_type else "score the model on them; or average over what is there: --partial"
        raise InputFileError(f"the model {model!r} has no score of any assay of {_several(lacking)}", fix=fix)
    return Average(model, _mean(list(of_type.values())), of_type, tuple(missing))


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _score(column: Column, row: int) -> float | None:
    try:
        return column.number(row)
    except InputFileError as error:
        fix = f"correct the cell; or, where the column is no model's: --ignore {column.name!r}"
        raise InputFileError(error.message, fix=fix) from None


def _id_column(columns: Mapping[str, Column]) -> Column:
    return next((columns[name] for name in _ID_NAMES if name in columns), next(iter(columns.values())))


def _check_once(named: Column) -> None:
    seen: dict[str, int] = {}
    for row, name in enumerate(named.texts()):
        if name in seen:
            lines = f"lines {named.lines[seen[name]]} and {named.lines[row]}"
            raise InputFileError(
                f"{named.file}, column {named.name!r}: {name} is there twice, in {lines}", fix="keep one"
            )
        seen[name] = row


def _check_known(named: Column, reference: Reference) -> None:
    for row, name in enumerate(named.texts()):
        if name not in reference.assays:
            near = difflib.get_close_matches(name, reference.assays, n=1)
            fix = f"did you mean {near[0]}?" if near else "take the reference file that the table was made with"
            raise InputFileError(f"{named.place(row)}: the assay {name!r} is not in {reference.file}", fix=fix)


def _check_complete(named: Column, reference: Reference) -> None:
    there = set(named.texts())
    missing = [name for name in reference.assays if name not in there]
    if missing:
        raise InputFileError(
            f"{named.file} has no row for {len(missing)} of the {len(reference.assays)} assays of {reference.file}:"
            f" {_several(missing)}",
            fix="add them; or average over what is there: --partial",
        )


def _several(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")
