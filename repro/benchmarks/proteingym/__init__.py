"""Data sets and model cards of ProteinGym.

>>> from repro.benchmarks.proteingym import Dataset, Manifest, ModelCard
"""

from repro.benchmarks.proteingym.finding import find_dataset
from repro.guest.assays import (
    Assay,
    CardError,
    Dataset,
    DatasetError,
    Examples,
    Manifest,
    ModelCard,
    Split,
    make_split,
)

__all__ = [
    "Assay",
    "CardError",
    "Dataset",
    "DatasetError",
    "Examples",
    "Manifest",
    "ModelCard",
    "Split",
    "find_dataset",
    "make_split",
]
