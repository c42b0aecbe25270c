"""A data set: assays of one protein or many, their measured variants as columns, and the splits of its rows."""

import dataclasses
import os
import re
from typing import Any, Dict, List

from .assay import Assay, Examples
from .digest import digest_of
from .errors import DatasetError
from .splits import Split, make_split

_RESIDUES = re.compile(r"[A-Za-z*.-]+")
_NO_NAME = re.compile("^$|^\\.|[/\\x00-\\x1f\\x7f\ud800-\udfff]")
_LONGEST_NAME = 200
"""Bytes. A file's name may have 255, and those of predictions have the model and endings too."""
_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Assays, rows and splits, in memory. It never changes, and never writes but where `save` is told to.

    Attributes:
        assays: dict of Assay by target column, in the manifest's order.
        table: dict of columns: lists of one length, of text, or of float for targets (NaN where nothing was measured).
        splits: dict of Split by name.
        files: what else the archive holds, bytes by name: `structures/x.pdb`, `msas/x.a3m`.
        extra: what else the manifest says.
    """

    name: str
    assays: Dict[str, Assay]
    table: Dict[str, List[Any]]
    splits: Dict[str, Split] = dataclasses.field(default_factory=dict)
    description: str = ""
    doi: str = ""
    source: str = ""
    xref: str = ""
    extra: Dict[str, Any] = dataclasses.field(default_factory=dict)
    files: Dict[str, bytes] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self._check_shape()
        for column in {assay.sequence_column for assay in self.assays.values()}:
            self._check_sequences(column)

    @classmethod
    def from_path(cls, path, reference=None, target=None):
        """Read an archive with `manifest.toml` (.zip) or `manifest.lock` (.pgdata), or a CSV file as ProteinGym's.

        Args:
            path: the file; what it is decides its content, not its name.
            reference: for a CSV file, ProteinGym's DMS_substitutions.csv: gives wild type, cutoff and types by DMS_id.
            target: for a CSV file, the column of measured values.

        Raises:
            DatasetError: it cannot be read, or lacks what its manifest names.
        """
        from .reading import read_dataset  # reads into this class

        return read_dataset(cls, path, reference, target)

    @classmethod
    def from_csv(cls, path, target=None, reference=None, **columns):
        """Read a CSV file whose columns have other names, or lack what ProteinGym's have.

        Args:
            path: the file.
            target: the column of measured values; `DMS_score` by default.
            reference: ProteinGym's DMS_substitutions.csv.
            columns: `sequence`, `mutant` (names of columns), `features` (a list of them), `wild_type` (a sequence),
                `offset` (the position of the wild type's first residue in the names of variants; found where it is not
                given). Without a column of sequences they are made of the wild type and the variants.

        Raises:
            DatasetError: a column is not there, or sequences cannot be made.
        """
        from .proteingym_csv import read

        return cls(**read(os.fspath(path), reference, target, **columns))

    def save(self, path):
        """Write it as .pgdata or .zip, by the name's end; equal content gives equal bytes.

        Raises:
            DatasetError: the name ends otherwise, or it cannot be written.
        """
        from .writing import write_dataset

        write_dataset(self, os.fspath(path))

    def __len__(self):
        return len(next(iter(self.table.values())))

    def __repr__(self):
        return "Dataset(%r, targets=%r, rows=%d, splits=%r)" % (
            self.name,
            list(self.assays),
            len(self),
            list(self.splits),
        )

    def __eq__(self, other):
        return isinstance(other, Dataset) and self.digest == other.digest

    def __hash__(self):
        return hash(self.digest)

    @property
    def digest(self):
        """SHA-256 over names, columns, constants, splits and files: equal content, equal digest, however archived."""
        found = self.__dict__.get("_digest")
        if found is None:
            found = digest_of(self)
            object.__setattr__(self, "_digest", found)
        return found

    def assay(self, target=None):
        """The assay of a target, by its column or by the label that a manifest gives it; without one the only assay.

        Raises:
            DatasetError: there is none of that name, or there are several and none is named.
        """
        if target is None and len(self.assays) == 1:
            return next(iter(self.assays.values()))
        labelled = [assay for assay in self.assays.values() if assay.label == target]
        if target not in self.assays and target is not None and len(labelled) == 1:
            return labelled[0]
        if target is None or target not in self.assays:
            what = "has several targets" if target is None else "has no target %r" % target
            raise DatasetError(
                "%s %s: it has %s" % (self.name, what, ", ".join(self.assays)), "name one of them (--target)"
            )
        return self.assays[target]

    @property
    def sequences(self):
        """The sequence of each row."""
        return self.table[next(iter(self.assays.values())).sequence_column]

    @property
    def mutants(self):
        """The name of each row's variant, or None where they have no names."""
        for assay in self.assays.values():
            if assay.mutation_column:
                return self.table[assay.mutation_column]
        return None

    @property
    def wild_type(self):
        """The wild type of the assays, or None where they have none, or several."""
        found = {assay.wild_type for assay in self.assays.values()}
        return found.pop() if len(found) == 1 else None

    @property
    def structures(self):
        """Structures that came with it: bytes by name."""
        return {name: content for name, content in self.files.items() if name.startswith("structures/")}

    def examples(self, target=None, rows=None):
        """The rows of an assay that have a measured value.

        Args:
            target: needed where there are several.
            rows: numbers of rows to take them from, in order; all by default.
        """
        assay = self.assay(target)
        values = self.table[assay.target]
        asked = range(len(values)) if rows is None else rows
        kept = [row for row in asked if values[row] == values[row]]
        sequences, names = (
            self.table[assay.sequence_column],
            assay.mutation_column and self.table[assay.mutation_column],
        )
        return Examples(
            [sequences[row] for row in kept],
            [names[row] for row in kept] if names else None,
            [values[row] for row in kept],
            assay.wild_type,
            kept,
            len(asked) - len(kept),
        )

    def split(self, name):
        """A stored split by its name. Raises DatasetError where there is none, naming those that are there."""
        if name not in self.splits:
            there = ", ".join(self.splits) or "none"
            raise DatasetError(
                "%s has no split %r; stored are: %s" % (self.name, name, there),
                "repro dataset split %s" % self.name,
            )
        return self.splits[name]

    def with_split(self, split):
        """This data set with one split more, or another one of that name.

        Args:
            split: a Split, or the kind of one to make (`random`, `modulo`, `contiguous`, `train-valid-test`).

        Raises:
            DatasetError: it does not fit the rows, or a sequence lies in two of its parts.
        """
        split = make_split(split, self) if isinstance(split, str) else split
        if len(split) != len(self):
            raise DatasetError("the split %s is of %d rows, %s has %d" % (split.name, len(split), self.name, len(self)))
        shared = split.shared(self.sequences)
        if shared:
            raise DatasetError(
                "the split %s has %d rows whose sequence lies in another part too, the first is row %d"
                % (split.name, len(shared), shared[0] + 1),
                "give rows of one sequence one label",
            )
        return dataclasses.replace(self, splits={**self.splits, split.name: split})

    def parts(self, split, fold=None, target=None, valid=False):
        """The Examples to learn from, to choose by, and to test on, without rows that have no measured value.

        Args:
            split: a Split, or the name of a stored one.
            fold: the one that is held out, for a split into folds.
            target: needed where there are several.
            valid: of a split into folds, take the fold before it to choose by.
        """
        split = self.split(split) if isinstance(split, str) else split
        return tuple(self.examples(target, rows) for rows in split.parts(fold, valid))

    def problems(self):
        """What in it may lead to wrong figures although it can be read, a sentence each. See `checking`."""
        from .checking import problems

        return problems(self)

    def _check_shape(self):
        if _NO_NAME.search(self.name) or len(self.name.encode("utf-8", "replace")) > _LONGEST_NAME:
            raise DatasetError("%r cannot be a data set's name: predictions are named after it" % (self.name,))
        if not self.assays:
            raise DatasetError("%s names no target: there is nothing to predict" % self.name)
        lengths = {name: len(column) for name, column in self.table.items()}
        if len(set(lengths.values())) > 1:
            raise DatasetError("the columns of %s differ in length: %s" % (self.name, lengths))
        if not self.table or not len(self):
            raise DatasetError("%s has no rows" % self.name)
        for assay in self.assays.values():
            for column in (assay.target, assay.sequence_column, assay.mutation_column, *assay.features):
                if column is not None and column not in self.table:
                    raise DatasetError(
                        "%s has no column %r, which the assay %s names" % (self.name, column, assay.target)
                    )
        for assay in self.assays.values():
            wild_type = assay.wild_type
            if wild_type is not None and not _RESIDUES.fullmatch(wild_type):
                raise DatasetError(
                    "%s: the wild type of %s is no sequence: %r" % (self.name, assay.target, wild_type[:60])
                )
        for split in self.splits.values():
            if len(split) != len(self):
                raise DatasetError("the split %s is of %d rows, not of %d" % (split.name, len(split), len(self)))

    def _check_sequences(self, column):
        sequences = self.table[column]
        for start in range(0, len(sequences), _BLOCK):
            block = sequences[start : start + _BLOCK]
            joined = "".join(block)
            if joined.isascii() and joined.isalpha() and all(block):
                continue
            for index, sequence in enumerate(block):
                if not _RESIDUES.fullmatch(sequence):
                    raise DatasetError(
                        "%s, row %d, column %r: %r is no sequence"
                        % (self.name, start + index + 1, column, sequence[:60])
                    )
