"""Random assays, their dense one-hot matrices, and run.py of the models that learn from these, as modules."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy

import repro.guest

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class RandomAssay:
    """Variants of one protein whose last position never varies, to learn from and to predict."""

    learned: list[str]
    values: numpy.ndarray
    held_out: list[str]


def random_assay(seed: int, substitutions: int | None) -> RandomAssay:
    """With so many substitutions a variant; None: at all positions."""
    chance = numpy.random.default_rng(seed)
    length, count = int(chance.integers(4, 30)), int(chance.integers(12, 300))
    wild_type = chance.choice(list(AMINO_ACIDS), length)
    variants = []
    for _ in range(count):
        variant = wild_type.copy()
        for position in chance.permutation(length - 1)[:substitutions]:
            variant[position] = chance.choice(list(AMINO_ACIDS))
        variants.append("".join(variant))
    values = chance.normal(size=count) + numpy.array([variant.count("A") for variant in variants])
    learned = count * 2 // 3
    return RandomAssay(variants[:learned], values[:learned], variants[learned:])


def dense(sequences: list[str]) -> numpy.ndarray:
    """The matrix that is never made elsewhere: (sequences, 20 a residue)."""
    return numpy.array([[float(residue == letter) for residue in row for letter in AMINO_ACIDS] for row in sequences])


def run_of(model: str) -> ModuleType:
    """run.py of a model, imported as it is beside the guest in an image."""
    guest = Path(repro.guest.__file__)
    if "repro_guest" not in sys.modules:
        _imported("repro_guest", guest, submodule_search_locations=[str(guest.parent)])
    return _imported(f"run_of_{model}", ROOT / "models" / model / "src" / "run.py")


def _imported(name: str, path: Path, **how: Any) -> ModuleType:
    spec = spec_from_file_location(name, path, **how)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
