"""Measure training and prediction of `pls` (or `ridge`) on an assay of half a million variants: time, and peak memory.

`run.py train` is started as a process of its own, from reading the data set to writing its predictions, with the
packages of this environment. The assay is made up (double mutants of a protein of 55 residues, as the one of GB1), or
is the one of GB1 (Olson et al. 2014) from the wheel of mavenn. Time is by the clock, memory the largest resident size.

    python scripts/bench/pls.py [--model pls|ridge] [--rows N] [--mavenn WHEEL] [--split NAME] [-- OPTION ...]
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import repro.guest

ROOT = Path(__file__).parents[2]
WITHIN_S = 60.0
WITHIN_BYTES = 3e9
LENGTH = 55
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
GB1 = "mavenn/examples/datasets/gb1_data.csv.gz"


def made_up(rows: int) -> Iterator[tuple[str, float]]:
    """Double mutants of a random protein. What is measured saturates with the sum of effects, and has noise."""
    chance = random.Random(5)
    wild_type = chance.choices(AMINO_ACIDS, k=LENGTH)
    effects = [{letter: chance.gauss(0, 1) for letter in AMINO_ACIDS} for _ in range(LENGTH)]
    seen: set[tuple[tuple[int, str], ...]] = set()
    while len(seen) < rows:
        places = sorted(chance.sample(range(LENGTH), 2))
        changed = tuple((place, chance.choice(AMINO_ACIDS)) for place in places)
        if changed in seen or any(wild_type[place] == letter for place, letter in changed):
            continue
        seen.add(changed)
        variant = list(wild_type)
        for place, letter in changed:
            variant[place] = letter
        total = sum(effects[place][letter] for place, letter in changed)
        yield "".join(variant), 1 / (1 + 2.718281828459045**-total) + chance.gauss(0, 0.1)


def of_gb1(wheel: Path) -> Iterator[tuple[str, float]]:
    """The double mutants in mavenn's wheel: log2 enrichment."""
    with zipfile.ZipFile(wheel) as archive, gzip.open(io.BytesIO(archive.read(GB1)), "rt") as lines:
        for row in csv.DictReader(lines):
            yield row["x"], float(row["y"])


def write_assay(path: Path, rows: Iterator[tuple[str, float]]) -> int:
    """A table as ProteinGym has them; gives how many rows it has."""
    count = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["mutated_sequence", "DMS_score"])
        for sequence, value in rows:
            writer.writerow([sequence, repr(value)])
            count += 1
    return count


def train(model: str, assay: Path, folder: Path, options: list[str]) -> tuple[float, float, int]:
    """Seconds by the clock and of processors, and bytes at the peak, of one `run.py train`."""
    (folder / "repro_guest").symlink_to(Path(repro.guest.__file__).parent)
    container = ROOT / "models" / model
    command = [
        *(sys.executable, str(container / "src" / "run.py"), "train"),
        *("--dataset-file", str(assay), "--model-card-file", str(container / "README.md")),
        *("--output-dir", str(folder / "out"), *options),
    ]
    begun = time.perf_counter()
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(folder)}) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"run.py train ended with {process.returncode}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def spearman(table: Path) -> float:
    """Of predictions against what was measured."""
    from scipy.stats import spearmanr

    with table.open(newline="") as file:
        rows = [(float(row["test"]), float(row["pred"])) for row in csv.DictReader(file)]
    return float(spearmanr(*zip(*rows, strict=True)).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", choices=["pls", "ridge"], default="pls")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--mavenn", type=Path, help="wheel of mavenn, for the assay of GB1")
    parser.add_argument("--split", default="train_valid_test")
    parser.add_argument("--json", type=Path, help="write the figures to this file as well")
    parser.add_argument("options", nargs="*", help="hyper-parameters, behind --")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assay = folder / "assay.csv"
        rows = write_assay(assay, of_gb1(asked.mavenn) if asked.mavenn else made_up(asked.rows))
        options = ["--split", asked.split, *asked.options]
        seconds, processor_seconds, peak_bytes = train(asked.model, assay, folder, options)
        found = {
            "model": asked.model,
            "assay": "GB1" if asked.mavenn else "made up",
            "rows": rows,
            "split": asked.split,
            "seconds": round(seconds, 1),
            "processor_seconds": round(processor_seconds, 1),
            "peak_bytes": peak_bytes,
            "spearman": round(spearman(next((folder / "out").glob("*.csv"))), 3),
            "processors": os.cpu_count(),
            "load_before": os.getloadavg()[0],
        }
    print(json.dumps(found, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n")
    if seconds > WITHIN_S or peak_bytes > WITHIN_BYTES:
        raise SystemExit(f"over {WITHIN_S:.0f} s or {WITHIN_BYTES / 1e9:.0f} GB")


if __name__ == "__main__":
    main()
