"""Measure metrics with bootstrap errors on a large assay: in Python, and as a command that reads a CSV.

Random numbers in the shape of an assay: measured values, predictions that correlate with them, classes. Half of the
cases have values rounded to hundredths, so that many are equal.

    python scripts/bench/metrics.py [--rows N] [--resamples N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from repro.benchmarks.metrics import evaluate

TARGET_S = 10.0
COMMAND = (sys.executable, "-m", "repro", "benchmark", "score")


def assay(rows: int, decimals: int | None) -> np.ndarray:
    """(rows, 3): measured, predicted, class."""
    generator = np.random.default_rng(0)
    truth = generator.normal(size=rows)
    pred = truth + generator.normal(size=rows)
    if decimals is not None:
        truth, pred = np.round(truth, decimals), np.round(pred, decimals)
    return np.column_stack([truth, pred, truth > 0])


def in_python(table: np.ndarray, resamples: int) -> float:
    """Seconds of `evaluate`, scipy and scikit-learn imported before."""
    evaluate(*table[:100].T, bootstrap=2)
    begin = time.perf_counter()
    evaluate(*table.T, bootstrap=resamples)
    return time.perf_counter() - begin


def as_command(table: np.ndarray, resamples: int) -> float:
    """Seconds of the command, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "predictions.csv")
        np.savetxt(path, table, delimiter=",", header="truth,pred,class", comments="", fmt=("%.6f", "%.6f", "%d"))
        columns = ("--truth", "truth", "--pred", "pred", "--bin", "class")
        begin = time.perf_counter()
        command = (*COMMAND, str(path), *columns, "--metrics", "all", "--bootstrap", str(resamples), "--json")
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    load, figures = os.getloadavg()[0], {}
    for name, decimals in (("all different", None), ("many equal", 2)):
        table = assay(options.rows, decimals)
        figures[name] = {"python": in_python(table, options.resamples), "command": as_command(table, options.resamples)}
        print(name, *(f"{way} {seconds:.2f} s" for way, seconds in figures[name].items()), sep="  ")
    worst = max(seconds for ways in figures.values() for seconds in ways.values())
    cores = len(os.sched_getaffinity(0))
    print(f"slowest {worst:.2f} s, to reach {TARGET_S} s; {cores} cores, load before {load:.2f}")
    if options.json:
        told = {"rows": options.rows, "resamples": options.resamples, "cores": cores, "load_before": load}
        options.json.write_text(json.dumps({**told, "seconds": figures}, indent=2) + "\n", encoding="utf-8")
    return int(worst > TARGET_S)


if __name__ == "__main__":
    sys.exit(main())
