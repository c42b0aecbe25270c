"""The folder of a benchmark, as `repro benchmark run` leaves it: a synthetic deep mutational scan, the same each time.

The protein has 40 residues. What is measured is the sum of how much a position bears and how like the residues are,
with noise. `ridge` knows positions that it has seen, and so nothing on modulo folds; `esm` knows a little everywhere.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
WILD_TYPE = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRV"
HOSTILE = "</script><img src=x onerror=document.title='taken'>"
COLUMNS = (
    "dataset", "target", "model", "split", "metric", "value", "standard_error",
    "n", "seconds", "cell", "status", "error",
)  # fmt: skip
TRACEBACK = 'Traceback (most recent call last):\n  File "run.py", line 7\nMemoryError: <b>no room</b> for 3 GB'


@dataclass(frozen=True)
class Scan:
    """A data set."""

    name: str
    target: str
    variants: Sequence[str]
    measured: NDArray[np.float64]
    by_position: NDArray[np.float64]
    """What the position alone tells of each row."""


def single_mutants() -> list[str]:
    return [f"{own}{n}{to}" for n, own in enumerate(WILD_TYPE, 1) for to in AMINO_ACIDS if to != own]


def double_mutants(count: int, random: np.random.Generator) -> list[str]:
    singles = single_mutants()
    pairs = random.integers(0, len(singles), (count, 2))
    return [f"{singles[a]}:{singles[b]}" for a, b in pairs]


def scan(name: str, target: str = "DMS_score", doubles: int = 0, seed: int = 0) -> Scan:
    random = np.random.default_rng(seed)
    bears = dict(enumerate(random.normal(0, 1, len(WILD_TYPE)), 1))
    likes = dict(zip(AMINO_ACIDS, random.normal(0, 0.6, 20), strict=True))
    variants = [*single_mutants(), *double_mutants(doubles, random)]
    parts = [variant.split(":") for variant in variants]
    by_position = np.array([sum(bears[int(one[1:-1])] for one in part) for part in parts])
    likeness = np.array([sum(likes[one[-1]] for one in part) for part in parts])
    measured = by_position + likeness + random.normal(0, 0.5, len(variants))
    return Scan(name, target, variants, measured, by_position)


def predicted_by(model: str, split: str, of: Scan) -> NDArray[np.float64]:
    random = np.random.default_rng(len(model) + len(split))
    if model == "ridge" and split.startswith("modulo"):
        return random.normal(0, 0.1, len(of.variants))
    noise = random.normal(0, 0.5 if model == "ridge" else 2.0, len(of.variants))
    return 0.7 * of.by_position + noise - (8 if model != "ridge" else 0)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    ranks = [values.argsort().argsort() for values in (one, other)]
    return float(np.corrcoef(ranks)[0, 1])


class BenchmarkFolder:
    """Cells are added; `write` writes their table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[dict[str, Any]] = []

    def add(self, of: Scan, model: str, split: str, *, sequences: bool = False) -> Path:
        """A cell that is done; gives its folder."""
        predicted, key = predicted_by(model, split, of), f"c{len(self.lines):04d}"
        folder = self.folder / "cells" / key
        folder.mkdir(parents=True)
        folds = 5 if split.endswith("_5") else 1
        rows = zip(of.variants, of.measured, predicted, strict=True)
        with (folder / "predictions.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["sequence" if sequences else "mutant", "test", "pred", "split"])
            for number, (variant, measured, value) in enumerate(rows):
                told = mutated(variant) if sequences else variant
                writer.writerow([told, f"{measured:.6f}", f"{value:.6f}", number % folds if folds > 1 else "test"])
        cell = {
            "key": key,
            "status": "done",
            "dataset": {"name": of.name, "digest": "sha256:" + 64 * "5"},
            "folds": folds,
        }
        (folder / "cell.json").write_text(json.dumps(cell))
        common = {"n": len(of.variants), "seconds": 1.5 + len(self.lines), "cell": key, "status": "done"}
        self.line(
            of, model, split, metric="spearman", value=spearman(of.measured, predicted), standard_error=0.02, **common
        )
        self.line(of, model, split, metric="mse", value=float(((of.measured - predicted) ** 2).mean()), **common)
        return folder

    def add_failed(self, of: Scan, model: str, split: str, error: str = TRACEBACK) -> None:
        self.line(of, model, split, status="failed", error=error, seconds=0.25, cell=f"c{len(self.lines):04d}")

    def line(self, of: Scan, model: str, split: str, **more: Any) -> None:
        self.lines.append({"dataset": of.name, "target": of.target, "model": model, "split": split, **more})

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "results.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.lines)
        return self.folder


def mutated(variant: str) -> str:
    residues = list(WILD_TYPE)
    for one in variant.split(":"):
        residues[int(one[1:-1]) - 1] = one[-1]
    return "".join(residues)


def read_csv(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="") as file:
        yield from csv.DictReader(file)


def small_benchmark(folder: Path, *, doubles: int = 12_000) -> Path:
    """Three data sets, one of them large and one with a name that would be a script; a cell that failed."""
    made = BenchmarkFolder(folder)
    small, large = scan("KINASE_synthetic"), scan("PAIRS_synthetic", "fitness", doubles=doubles, seed=1)
    for split in ("random_5", "modulo_5"):
        for model in ("ridge", "esm"):
            made.add(small, model, split)
    made.add(large, "ridge", "random_5")
    made.add_failed(large, "esm", "random_5")
    made.add(scan(HOSTILE, "<i>score</i>", seed=2), "<b>bold</b> %{x}", "random_5")
    return made.write()
