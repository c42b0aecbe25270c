"""What is measured in an assay, and its rows as examples to learn from."""

import dataclasses
from typing import Any, Dict, List, Optional


@dataclasses.dataclass(frozen=True)
class Assay:
    """What one column of measured values is, and what is constant in it.

    Attributes:
        target: the column.
        features: columns that were known beside the sequence.
        constants: what holds for all rows; `sequence` is the wild type, `mutation_col` the column of variants' names.
        sequence_column: the column of sequences.
        label: what a manifest calls the target, where that is not its column.
    """

    target: str
    description: str = ""
    features: List[str] = dataclasses.field(default_factory=list)
    constants: Dict[str, Any] = dataclasses.field(default_factory=dict)
    sequence_column: str = "sequence"
    label: str = ""

    @property
    def wild_type(self):
        """The sequence that the variants differ from, or None."""
        return self.constants.get("sequence") or None

    @property
    def mutation_column(self):
        """The column with the names of variants, or None."""
        return self.constants.get("mutation_col") or None


@dataclasses.dataclass(frozen=True)
class Examples:
    """Rows of one assay that have a measured value.

    Attributes:
        sequences: List[str] of str.
        mutants: Optional[List[str]] of str, or None where variants have no names.
        targets: List[float] of float.
        wild_type: Optional[str] or None.
        rows: the number of each in the data set's table, from 0.
        dropped: how many rows of those asked for have no measured value, and are left out.
    """

    sequences: List[str]
    mutants: Optional[List[str]]
    targets: List[float]
    wild_type: Optional[str]
    rows: List[int]
    dropped: int = 0

    def __len__(self):
        return len(self.sequences)

    def take(self, indices):
        """Those at some places (not rows) of these, in that order."""
        return Examples(
            [self.sequences[index] for index in indices],
            None if self.mutants is None else [self.mutants[index] for index in indices],
            [self.targets[index] for index in indices],
            self.wild_type,
            [self.rows[index] for index in indices],
        )
