#!/usr/bin/env python3
"""Make the example that comes with repro, A4_HUMAN_Seuma_2021, from the set `amyloid` that the package mavenn carries.

    scripts/example_dataset.py tests/data/proteingym/DMS_substitutions.csv

Single mutants alone, without stop codons; written on the whole protein and named by its positions, as ProteinGym does;
with its cutoff between the classes, and five folds drawn at random.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from dataclasses import replace
from pathlib import Path

from repro.benchmarks.proteingym.examples import EXAMPLES, example_path
from repro.benchmarks.proteingym.finding import datasets_dir
from repro.benchmarks.proteingym.importing import import_dataset
from repro.benchmarks.proteingym.published import MAVENN
from repro.guest.assays import Dataset, make_split
from repro.guest.assays.mutants import apply_mutant, substitutions
from repro.guest.assays.proteingym_csv import reference_row
from repro.settings import load_settings
from repro.weights.progress import Silent

NAME = EXAMPLES[0]
PROTEINGYM = "A4_HUMAN_Seuma_2022"  # of the study that followed: the protein, its numbering and the cutoff are the same
_COLUMNS = ("mutant", "mutated_sequence", "DMS_score", "DMS_score_bin")
_KEPT = ("UniProt_ID", "selection_type", "coarse_selection_type", "DMS_binarization_cutoff", "region_mutated")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reference", type=Path, help="ProteinGym's DMS_substitutions.csv")
    parser.add_argument("-o", "--output", type=Path, default=example_path(NAME))
    options = parser.parse_args()
    path, _ = import_dataset(MAVENN["amyloid"], datasets_dir(load_settings()), progress=Silent())
    make(Dataset.from_path(path), options.reference).save(options.output)


def make(amyloid: Dataset, reference: Path) -> Dataset:
    """The example, of the imported set and ProteinGym's reference file."""
    about = reference_row(reference, f"{PROTEINGYM}.csv")
    first = int(about["region_mutated"].partition("-")[0])
    cutoff = float(about["DMS_binarization_cutoff"])
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, f"{PROTEINGYM}.csv")
        with table.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(_COLUMNS)
            writer.writerows(_rows(amyloid, about["target_seq"], first, cutoff))
        found = Dataset.from_path(table, reference)
    published = MAVENN["amyloid"]
    described = replace(
        found,
        name=NAME,
        description="Nucleation scores of 468 single mutants of amyloid beta 42, relative to the wild type; not"
        f" ProteinGym's {PROTEINGYM}, which is of the study that followed, with 796",
        doi=published.doi,
        source=published.source,
        xref=published.address,
        extra={
            "licence": "CC BY 4.0 (the data), MIT (mavenn, ProteinGym's reference file)",
            "sha256": published.sha256,
            "reference": {key: about[key] for key in _KEPT},
        },
    )
    made: Dataset = described.with_split(make_split("random", described))
    return made


def _rows(amyloid: Dataset, target_seq: str, first: int, cutoff: float) -> list[tuple[str, str, float, int]]:
    rows = []
    for mutant, value in zip(amyloid.mutants, amyloid.table["DMS_score"], strict=True):
        changes = substitutions(mutant)
        if len(changes) == 1:
            before, position, after = changes[0]
            rows.append((position, after, f"{before}{position + first - 1}{after}", value))
    return [(name, apply_mutant(target_seq, name), value, int(value > cutoff)) for *_, name, value in sorted(rows)]


if __name__ == "__main__":
    main()
