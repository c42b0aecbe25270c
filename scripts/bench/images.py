"""Measure what setting up costs: again with nothing changed, after a change of run.py; and what images weigh.

    python scripts/bench/images.py [--json FILE]

Each command runs in a process of its own, as a user's does. Figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from repro.images.build import build_image
from repro.model import Model
from repro.runtimes.docker import DockerRuntime
from repro.runtimes.engine import connect

BASE, TORCH = "python:3.11-slim-bookworm", "repro-models/torch:2.13.0"
MODELS = ("tutorial", "esm", "antiberty")
MB = 1_000_000
ROUNDS = 5


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    value: float
    unit: str
    wanted: float | None = None


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__ and __doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = [*again(), *rebuilds(), *sizes()]
    for figure in figures:
        wanted = "" if figure.wanted is None else f"  (wanted: under {figure.wanted:g})"
        print(f"{figure.what:<60} {figure.value:>10.3f} {figure.unit}{wanted}")
    if arguments.json:
        machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
        arguments.json.write_text(json.dumps({"machine": machine, "figures": [asdict(f) for f in figures]}, indent=2))


def again() -> Iterator[Figure]:
    """`repro setup` when there is nothing to do."""
    for name in ("tutorial", "antiberty"):
        command = [sys.executable, "-m", "repro", "setup", name, "--runtime", "docker"]
        with compiled() as environ:
            subprocess.run(command, check=True, env=environ, capture_output=True)
            times = [_timed(command, environ) for _ in range(ROUNDS)]
        yield Figure(f"repro setup {name}, nothing changed", statistics.median(times), "s", 1.0)


def rebuilds() -> Iterator[Figure]:
    """The build after a change of run.py, from beginning to end."""
    for name in MODELS:
        times = []
        with tempfile.TemporaryDirectory() as copied:
            folder, image = Path(copied) / name, f"repro-bench/images-{name}:1"
            shutil.copytree(Model.by_name(name).container_folder(), folder)
            build_image(folder, image, lambda line: None)
            for number in range(ROUNDS):
                with (folder / "src" / "run.py").open("a") as source:
                    source.write(f"# changed {number} at {time.time()}\n")
                begun = time.perf_counter()
                build_image(folder, image, lambda line: None)
                times.append(time.perf_counter() - begun)
            connect().images.remove(image, force=True)
        yield Figure(f"rebuild of {name} after a change of run.py", statistics.median(times), "s", 5.0)


def sizes() -> Iterator[Figure]:
    """What images add to what they stand on."""
    images = {}
    for name in MODELS:
        spec = Model.by_name(name).spec()
        DockerRuntime().setup(spec, lambda line: None)
        images[name] = _size(spec.image)
    yield Figure("image of tutorial over its base", (images["tutorial"] - _size(BASE)) / MB, "MB", 1.0)
    fair_esm = next(
        line["Size"]
        for line in connect().images.get(Model.by_name("esm").default_image).history()
        if "pip install" in line["CreatedBy"]
    )
    least = _size(TORCH) + fair_esm
    yield Figure("image of esm against base + torch + fair-esm", images["esm"] / least, "times", 1.1)
    for name in ("esm", "antiberty"):
        yield Figure(f"image of {name} over the shared base", (images[name] - _size(TORCH)) / MB, "MB")


def _size(image: str) -> int:
    return int(connect().images.get(image).attrs["Size"])


def _timed(command: list[str], environ: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, check=True, env=environ, capture_output=True)
    return time.perf_counter() - begun


@contextmanager
def compiled() -> Iterator[dict[str, str]]:
    """An environment in which Python keeps what it compiles, as it does for users."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        yield {**environ, "PYTHONPYCACHEPREFIX": folder}


if __name__ == "__main__":
    main()
