"""Measure ways to run ESM-2 on this machine: seconds, peak memory, and how near each is to what products allow.

Workload E: mean embeddings of proteins of mixed lengths (log-normal, median 250, 30 to 1,022). Workload M: masked
marginals of one protein of 286 residues, each position masked once. Weights are random, of the shape that is asked
for, made by fair-esm. Each way runs in a process of its own, the ways take turns, and figures are medians of rounds.

    python scripts/bench/esm.py [--size 8M] [--workloads E M] [--sequences 256] [--session local|docker]

The peers (fair-esm, transformers, OpenVINO) are installed into .bench/esm-environment at the first run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from repro.runtimes.environments import uv_executable
from repro.runtimes.pip_settings import read_pip_settings

HERE = Path(__file__).parent
FOLDER = Path(".bench")
PACKAGES = ["torch==2.13.0", "fair-esm==2.0.0", "numpy==2.2.6", "transformers==4.57.1", "openvino>=2025.1"]
SIZES = {"8M": (6, 320, 20), "35M": (12, 480, 20), "650M-shaped": (3, 1280, 20)}
"""Layers (3 of 33 for the last), width, heads."""
BASELINE = "fair-esm, its recipe"
SESSION = "fast fp32, session"
WAYS = {
    "E": ["fair-esm, one at a time", "transformers, 8 in order", "transformers, sorted", "OpenVINO fp32", "fast fp32"],
    "M": ["transformers, sorted", "OpenVINO fp32", "fast fp32"],
}
IN_BF16 = ["OpenVINO bf16", "fast bf16"]
PROTEIN = 286
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"

MAKE_CHECKPOINT = """
import sys, torch, esm
from argparse import Namespace
layers, width, heads = map(int, sys.argv[2:])
torch.manual_seed(0)
model = esm.ESM2(layers, width, heads, "ESM-1b", token_dropout=True)
prefix = lambda name: "encoder." if name.startswith("lm_head") else "encoder.sentence_encoder."
state = {prefix(n) + n: v for n, v in model.state_dict().items() if not n.startswith("contact_head")}
cfg = Namespace(encoder_layers=layers, encoder_embed_dim=width, encoder_attention_heads=heads, token_dropout=True)
torch.save({"cfg": {"model": cfg}, "model": state}, sys.argv[1])
"""


@dataclass(frozen=True)
class Figure:
    """One line of a table."""

    way: str
    seconds: float
    times_baseline: float
    cpu_seconds: float
    """Of all threads: what other work on the machine disturbs least."""
    peak_mb: float
    of_products: float
    """Share of the measured rate of matrix products that the way's arithmetic reaches."""
    difference: float
    """Largest difference from the baseline in a state (E) or a log-probability (M)."""


@dataclass(frozen=True)
class Bench:
    """What is measured, and with which interpreter."""

    python: Path
    checkpoint: Path
    size: str
    sequences: dict[str, list[str]]
    rounds: int
    threads: int
    session: str | None

    def table(self, workload: str, ways: Sequence[str]) -> tuple[list[Figure], float]:
        """The figures, and the median rate of matrix products in GFLOP/s."""
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        rates = []
        for _ in range(self.rounds):
            rates.append(self._run("matrix products", workload)["gflops"])
            for way in ways:
                runs[way].append(self._session(workload) if way == SESSION else self._run(way, workload))
                print(f"  {workload} {way}: {runs[way][-1]['seconds']:.2f} s", file=sys.stderr, flush=True)
        rate = statistics.median(rates)
        return list(self._figures(workload, runs, rate)), rate

    def _figures(self, workload: str, runs: dict[str, list[dict[str, float]]], rate: float) -> Iterator[Figure]:
        import numpy as np

        median = {way: statistics.median(run["seconds"] for run in mine) for way, mine in runs.items()}
        expected = np.load(self._results(BASELINE, workload))
        for way, mine in runs.items():
            off = float(abs(np.load(self._results(way, workload)) - expected).max())
            of_products = self._gflop(workload) / median[way] / rate
            cpu, peak = (statistics.median(run[key] for run in mine) for key in ("cpu_seconds", "peak_mb"))
            yield Figure(way, median[way], median[BASELINE] / median[way], cpu, peak, of_products, off)

    def _gflop(self, workload: str) -> float:
        """The arithmetic of the layers, padding not counted. M: a pass a position."""
        layers, width, _ = SIZES[self.size]
        passes = PROTEIN if workload == "M" else 1
        lengths = [len(sequence) + 2 for sequence in self.sequences[workload]]
        return passes * layers * sum(24 * length * width**2 + 4 * length**2 * width for length in lengths) / 1e9

    def _results(self, way: str, workload: str) -> Path:
        name = "".join(letter if letter.isalnum() else "-" for letter in f"{self.size} {workload} {way}")
        return FOLDER / f"esm-{name}.npy"

    def _run(self, way: str, workload: str) -> dict[str, float]:
        sequences = FOLDER / f"esm-{workload}.json"
        sequences.write_text(json.dumps(self.sequences[workload]))
        results = self._results(way, workload)
        # -P: this file has the name of fair-esm's package, and must not be found in its place.
        command = [self.python, "-P", HERE / "esm_ways.py", way, workload, self.checkpoint, sequences, results]
        # Warnings are of what is measured, not of us.
        variables = {**os.environ, "PYTHONWARNINGS": "ignore", "OMP_NUM_THREADS": str(self.threads)}
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=variables)
        return json.loads(done.stdout.splitlines()[-1])

    def _session(self, workload: str) -> dict[str, float]:
        """The same through a warm session, the hand-over included. Its memory and CPU time are another process's."""
        import numpy as np

        from repro.models.esm import ESM

        sequences = self.sequences[workload]
        with ESM(weights=self.checkpoint, runtime=self.session) as model:
            model.predict("MKTAYIAKQR")
            start = time.perf_counter()
            if workload == "E":
                found = np.stack(
                    [row["embedding"] for row in model.predict_batch([{"sequence": s} for s in sequences])]
                )
            else:
                found = model.log_odds(sequences[0]).values
            seconds = time.perf_counter() - start
        if workload == "M":  # log-odds, where the others give ln p: compared with what these make of it
            found = self._as_log_probabilities(found, sequences[0])
        np.save(self._results(SESSION, workload), found)
        return {"seconds": seconds, "cpu_seconds": float("nan"), "peak_mb": float("nan")}

    def _as_log_probabilities(self, odds, sequence: str):
        import numpy as np

        from repro.models.esm import ESM

        base = np.load(self._results(BASELINE, "M")).copy()
        columns = [ESM.TOKENS.index(letter) for letter in ESM.AMINO_ACIDS]
        own = base[np.arange(len(sequence)), [ESM.TOKENS.index(letter) for letter in sequence]]
        base[:, columns] = odds + own[:, None]
        return base


def proteins(count: int, seed: int) -> list[str]:
    chance = random.Random(seed)
    lengths = [min(1022, max(30, int(chance.lognormvariate(5.52, 0.6)))) for _ in range(count)]  # e^5.52 = 250
    return ["".join(chance.choices(AMINO_ACIDS, k=length)) for length in lengths]


def environment() -> Path:
    """The interpreter that has the peers."""
    folder = FOLDER / "esm-environment"
    python = folder / "bin" / "python"
    if not (folder / ".complete").exists():
        uv, variables = uv_executable(), {**os.environ, **read_pip_settings(os.environ).uv_environment()}
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", "3.11", folder], check=True, env=variables)
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, *PACKAGES]
        subprocess.run(install, check=True, env=variables)
        (folder / ".complete").touch()
    return python.absolute()


def shown(workload: str, size: str, figures: Sequence[Figure], rate: float) -> str:
    lines = [
        f"workload {workload}, {size}; matrix products {rate:.0f} GFLOP/s",
        "| way | seconds | times the recipe | CPU seconds | peak MB | of products | difference |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in figures:
        numbers = f"{one.seconds:.2f} | {one.times_baseline:.2f} | {one.cpu_seconds:.1f} | {one.peak_mb:.0f}"
        lines.append(f"| {one.way} | {numbers} | {one.of_products:.0%} | {one.difference:.0e} |")
    return "\n".join(lines)


def start_and_answer(checkpoint: Path, runtime: str, rounds: int) -> dict[str, float]:
    """Medians in ms: a worker from nothing to ready, then its first protein of 300 residues, then one more."""
    from repro.models.esm import ESM

    (protein,) = ["".join(random.Random(2).choices(AMINO_ACIDS, k=300))]
    measured: dict[str, list[float]] = {"cold start to ready": [], "its first answer": [], "a warm answer": []}
    for _ in range(rounds):
        with ESM(weights=checkpoint, runtime=runtime) as model:
            steps = [model.ping, lambda: model.predict(protein), lambda: model.predict(protein)]
            for step, times in zip(steps, measured.values(), strict=True):
                begun = time.perf_counter()
                step()
                times.append(1000 * (time.perf_counter() - begun))
    return {name: statistics.median(times) for name, times in measured.items()}


def plot(path: Path, tables: dict[str, list[Figure]], size: str) -> None:
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(9, 3.2 * len(tables)), layout="constrained")
    for axes, (workload, figures) in zip(
        picture.subplots(len(tables), squeeze=False)[:, 0], tables.items(), strict=True
    ):
        ways = [figure.way for figure in figures][::-1]
        times = [figure.times_baseline for figure in figures][::-1]
        colours = ["#3465a4" if way.startswith("fast") else "#babdb6" for way in ways]
        axes.bar_label(axes.barh(ways, times, color=colours), fmt="%.1f", padding=3)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_title(f"workload {workload}, {size}: times faster than fair-esm's recipe", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    picture.savefig(path, dpi=120)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", choices=SIZES, default="8M")
    parser.add_argument("--workloads", nargs="+", choices=list(WAYS), default=list(WAYS))
    names = [*WAYS["E"], *IN_BF16]
    parser.add_argument("--ways", nargs="+", choices=names, help="these alone, beside fair-esm's recipe")
    parser.add_argument("--bf16", action="store_true", help="also fast and OpenVINO in bf16, for a CPU that has it")
    parser.add_argument("--sequences", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each way; a session takes what it may")
    parser.add_argument("--session", choices=["local", "docker"], help="also through a session there")
    parser.add_argument("--python", type=Path, help="an interpreter that has the peers, in place of our own")
    parser.add_argument("--json", type=Path, default=FOLDER / "esm.json")
    parser.add_argument("--plot", type=Path, help="a PNG")
    options = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    python = options.python or environment()
    checkpoint = FOLDER / f"esm2_{options.size}.pt"
    subprocess.run([python, "-c", MAKE_CHECKPOINT, checkpoint, *map(str, SIZES[options.size])], check=True)
    sequences = {
        "E": proteins(options.sequences, options.seed),
        "M": ["".join(random.Random(options.seed + 1).choices(AMINO_ACIDS, k=PROTEIN))],
    }
    bench = Bench(python, checkpoint, options.size, sequences, options.rounds, options.threads, options.session)
    tables, rates = {}, {}
    for workload in options.workloads:
        usual = [*WAYS[workload], *(IN_BF16 if options.bf16 else [])]
        ways = [BASELINE, *(options.ways or usual), *([SESSION] if options.session else [])]
        tables[workload], rates[workload] = bench.table(workload, ways)
        print(shown(workload, options.size, tables[workload], rates[workload]), flush=True)
    starts = start_and_answer(checkpoint, options.session, 5) if options.session else {}
    for name, milliseconds in starts.items():
        print(f"{name} ({options.session}, 300 residues): {milliseconds:.0f} ms")
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}",
        "threads": options.threads,
        "load": os.getloadavg(),
        "size": options.size,
        "gflops": rates,
        "milliseconds": starts,
        "figures": {workload: [asdict(figure) for figure in figures] for workload, figures in tables.items()},
    }
    options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.plot:
        plot(options.plot, tables, options.size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
