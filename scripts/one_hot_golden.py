#!/usr/bin/env python3
"""Make the golden answers of pls or ridge: what plain scikit-learn predicts, from the dense one-hot matrix.

    python scripts/one_hot_golden.py pls

PLSRegression(n_components=3) or Ridge(alpha=1.0), on all 20 letters of all 42 positions, learned from the rows of the
assay in models/pls/examples that the split train_valid_test has in `train` and `valid`, predicts the others; and double
mutants, whose measured values nobody has told it. Nothing of run.py is used.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from repro.guest.assays import Dataset, make_split

MODELS = Path(__file__).parents[1] / "models"
ASSAY = MODELS / "pls" / "examples" / "A4_HUMAN_Seuma_2021.csv"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
WILD_TYPE = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["pls", "ridge"])
    model = parser.parse_args().model
    write(model, MODELS / model / "tests" / "golden")


def write(model: str, folder: Path) -> None:
    """records.jsonl, expected.jsonl and made.json of a model's golden case."""
    dataset = Dataset.from_path(ASSAY)
    train, valid, test = make_split("train-valid-test", dataset).parts()
    learned = dataset.examples(rows=sorted(train + valid))
    held_out = dataset.examples(rows=test).sequences
    asked = [*held_out, *doubles(held_out), WILD_TYPE]
    predicted = estimator(model).fit(one_hot(learned.sequences), learned.targets).predict(one_hot(asked)).ravel()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "records.jsonl").write_text("".join(json.dumps({"sequence": one}) + "\n" for one in asked))
    (folder / "expected.jsonl").write_text("".join(json.dumps({"prediction": one}) + "\n" for one in predicted))
    made = {
        "command": f"python scripts/one_hot_golden.py {model}",
        "date": datetime.date.today().isoformat(),
        "device": "cpu, float64",
        "versions": {
            **{name: version(name) for name in ("numpy", "scikit-learn")},
            "python": platform.python_version(),
        },
    }
    (folder / "made.json").write_text(json.dumps(made, indent=1) + "\n")


def estimator(model: str) -> Any:
    """The one of scikit-learn that the model gives the answers of."""
    from sklearn.cross_decomposition import PLSRegression
    from sklearn.linear_model import Ridge

    return {"pls": PLSRegression(n_components=3), "ridge": Ridge(alpha=1.0)}[model]


def one_hot(sequences: list[str]) -> np.ndarray:
    """The dense matrix, (sequences, 20 a residue)."""
    return np.array([[float(residue == letter) for residue in row for letter in AMINO_ACIDS] for row in sequences])


def doubles(singles: list[str]) -> list[str]:
    """Each single mutant with the change of the one that is half of them further on, where both can be."""
    found = []
    for first, second in zip(singles, singles[len(singles) // 2 :], strict=False):
        changed = [b if b != w else a for a, b, w in zip(first, second, WILD_TYPE, strict=True)]
        found.append("".join(changed))
    return found


if __name__ == "__main__":
    main()
