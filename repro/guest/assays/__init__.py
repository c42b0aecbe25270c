"""Data sets of measured variants, their splits, and model cards: the same code on the host and in containers."""

from .assay import Assay, Examples
from .card import Manifest, ModelCard
from .dataset import Dataset
from .errors import AssaysError, CardError, DatasetError
from .splits import Split, make_split

__all__ = [
    "Assay",
    "AssaysError",
    "CardError",
    "Dataset",
    "DatasetError",
    "Examples",
    "Manifest",
    "ModelCard",
    "Split",
    "make_split",
]
