"""The log-odds of all substitutions of one protein, and the heat maps of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.models.esm.variants import AMINO_ACIDS, read_mutant

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, eq=False)
class LogOdds:
    """ln p(amino acid) - ln p(wild type), for each position and amino acid.

    >>> import numpy as np
    >>> scan = LogOdds("MK", np.arange(40, dtype=np.float32).reshape(2, 20), offset=24)
    >>> scan.score("K25C")
    21.0
    """

    sequence: str
    values: np.ndarray
    """(L, 20) float32: a row a residue, a column a letter of `AMINO_ACIDS`. 0 where it is the wild type's own."""
    offset: int = 1
    """The number of the first residue."""
    title: str = ""

    def score(self, mutant: str) -> float:
        """The sum of its substitutions. Raises ValueError where it is no mutant of this sequence, or has another letter
        than the 20 amino acids."""
        changes = read_mutant(mutant, self.sequence, offset=self.offset)
        unknown = next((one for one in changes if one.new not in AMINO_ACIDS), None)
        if unknown is not None:
            raise ValueError(f"{unknown}: a matrix has the 20 amino acids alone")
        values = self.values
        return float(sum(values[one.position - self.offset, AMINO_ACIDS.index(one.new)] for one in changes))

    def to_png(self, path: str | Path) -> Path:
        """Draw a heat map, some 60 residues a row. Needs matplotlib: `pip install "repro-models[plot]"`.

        Raises:
            SettingsError: matplotlib is not installed.
            OutputError: the file cannot be written.
        """
        from repro.models.esm.heat_map import write_png

        return write_png(self, Path(path))

    def to_html(self, path: str | Path) -> Path:
        """Write a page that shows each substitution under the mouse. It needs nothing from the network.

        Raises:
            OutputError: the file cannot be written.
        """
        from repro.models.esm.heat_map import write_html

        return write_html(self, Path(path))
