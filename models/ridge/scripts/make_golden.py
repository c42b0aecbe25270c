"""Makes the golden answers in tests/golden: what plain scikit-learn predicts, from the dense one-hot matrix.

Ridge(alpha=1.0) on all 20 letters of all 42 positions, learned from the rows of the assay in models/pls/examples that
the split train_valid_test has in `train` and `valid`, predicts the others; and double mutants, whose measured values
nobody has told it. Nothing of run.py is used.

    python models/ridge/scripts/make_golden.py
"""

import datetime
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy
from sklearn.linear_model import Ridge

from repro.guest.assays import Dataset, make_split

MODEL = Path(__file__).parents[1]
ASSAY = MODEL.parent / "pls" / "examples" / "A4_HUMAN_Seuma_2021.csv"
GOLDEN = MODEL / "tests" / "golden"
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
WILD_TYPE = "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA"


def one_hot(sequences: list[str]) -> numpy.ndarray:
    """The dense matrix, (sequences, 20 a residue)."""
    return numpy.array([[float(residue == letter) for residue in row for letter in AMINO_ACIDS] for row in sequences])


def doubles(singles: list[str]) -> list[str]:
    """Each single mutant with the change of the one that is half of them further on, where both can be."""
    found = []
    for first, second in zip(singles, singles[len(singles) // 2 :], strict=False):
        changed = [b if b != w else a for a, b, w in zip(first, second, WILD_TYPE, strict=True)]
        found.append("".join(changed))
    return found


def main() -> None:
    dataset = Dataset.from_path(ASSAY)
    train, valid, test = make_split("train-valid-test", dataset).parts()
    learned = dataset.examples(rows=sorted(train + valid))
    held_out = dataset.examples(rows=test).sequences
    model = Ridge(alpha=1.0).fit(one_hot(learned.sequences), learned.targets)
    asked = [*held_out, *doubles(held_out), WILD_TYPE]
    predicted = model.predict(one_hot(asked)).ravel()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"sequence": sequence}) + "\n" for sequence in asked]
    (GOLDEN / "records.jsonl").write_text("".join(lines))
    (GOLDEN / "expected.jsonl").write_text("".join(json.dumps({"prediction": value}) + "\n" for value in predicted))
    made = {
        "command": "python models/ridge/scripts/make_golden.py",
        "date": datetime.date.today().isoformat(),
        "device": "cpu, float64",
        "versions": {
            **{name: version(name) for name in ("numpy", "scikit-learn")},
            "python": platform.python_version(),
        },
    }
    (GOLDEN / "made.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
