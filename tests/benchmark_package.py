"""A distribution with a model that can be trained: standard library alone, so that it runs in any environment.

It predicts the mean of what was measured at the same position: good where positions were seen, no use elsewhere. Its
hyper-parameters let it take its time, leave a trace, fail, or die.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

WRAPPER = '''
from pathlib import Path

from repro.models import Model


@Model.register("{name}-model")
class Positions(Model):
    """The mean at a position."""

    folder = Path(__file__).parent / "container"
    default_image = "{image}"

    def told_hyper_params(self, given, folder=Path()):
        told = super().told_hyper_params(given, folder)
        if "shift_file" in told:
            told["shift"] = float((folder / told.pop("shift_file")).read_text())
        return told
'''

RUN = '''
import os
import time

from repro_guest import Runner


class Positions(Runner):
    """The mean at a position."""

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--delay-s", type=float, default=0.0)
        parser.add_argument("--trace", default="")
        parser.add_argument("--meets", type=int, default=0)
        parser.add_argument("--shift", type=float, default=0.0)
        parser.add_argument("--fails-on", default="")
        parser.add_argument("--dies", type=int, default=0)

    def train(self, task):
        self.leave("begin", task)
        self.meet()
        time.sleep(self.options.delay_s)
        if self.options.dies:
            os.kill(os.getpid(), 9)
        if self.options.fails_on and self.options.fails_on in task.dataset.name:
            raise ValueError("in no mood for %s" % task.dataset.name)
        by_position = {}
        for mutant, value in zip(task.train.mutants, task.train.targets):
            by_position.setdefault(mutant[1:-1], []).append(value)
        mean = sum(task.train.targets) / len(task.train.targets)
        found = []
        for mutant in task.test.mutants:
            values = by_position.get(mutant[1:-1], [mean])
            found.append(sum(values) / len(values) + self.options.shift)
        self.leave("end", task)
        return found

    def leave(self, what, task):
        if self.options.trace:
            with open(self.options.trace, "a") as file:
                threads = os.environ.get("OMP_NUM_THREADS")
                file.write("%s %s %s %s %d\\n" % (what, task.dataset.name, task.fold, threads, os.getpid()))

    def meet(self):
        """Wait until so many have begun."""
        deadline = time.monotonic() + 120
        while self.options.meets and len(self.begun()) < self.options.meets:
            if time.monotonic() > deadline:
                raise TimeoutError("nobody came")
            time.sleep(0.05)

    def begun(self):
        with open(self.options.trace) as file:
            return {line.split()[-1] for line in file if line.startswith("begin")}


if __name__ == "__main__":
    Positions.main()
'''

CARD = "---\nname: {name}\nhyper_params: {{shift: 0.5}}\ntags: [baseline]\n---\n# {name}\n"
RESIDUES = "ACDEFGHIKL"
WILD_TYPE = "MKTAYIAKQRQISFVK"


def make_package(folder: Path, name: str = "positions", image: str = "positions:1.0") -> Path:
    """Make the distribution `name` in a folder that is to stand on the module path, and give that folder."""
    container = folder / name / "container"
    (container / "src").mkdir(parents=True)
    (folder / name / "__init__.py").write_text(WRAPPER.format(name=name, image=image))
    (container / "src" / "run.py").write_text(RUN)
    (container / "Dockerfile").write_text(
        "FROM python:3.11-slim-bookworm\nWORKDIR /app\nCOPY repro_guest repro_guest\nCOPY src/run.py run.py\n"
    )
    (container / "README.md").write_text(CARD.format(name=name))
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nSummary: Means\n")
    (info / "entry_points.txt").write_text(f"[repro.models]\n{name} = {name}\n")
    return folder


def write_assay(path: Path, seed: int = 0, bins: bool = False) -> Path:
    """Write single mutants as ProteinGym has them; what is measured depends on the position, and a little on chance."""
    draw = random.Random(seed)
    bears = [draw.gauss(0, 1) for _ in WILD_TYPE]
    lines = ["mutant,mutated_sequence,DMS_score" + (",DMS_score_bin" if bins else "")]
    for position, own in enumerate(WILD_TYPE):
        for residue in RESIDUES:
            if residue != own:
                score = bears[position] + draw.gauss(0, 0.3)
                sequence = WILD_TYPE[:position] + residue + WILD_TYPE[position + 1 :]
                line = f"{own}{position + 1}{residue},{sequence},{score!r}"
                lines.append(line + (f",{int(score > 0)}" if bins else ""))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in with two assays, `one.csv` and `two.csv`, and the model `positions`, which runs here."""
    from repro.registry import catalogue

    for name in [name for name in os.environ if name.startswith("REPRO_") and name != "REPRO_REQUIRE_ENGINE"]:
        monkeypatch.delenv(name)
    packages = make_package(tmp_path / "packages")
    folders = {name: tmp_path / name for name in ("cache", "exchange", "work")}
    for folder in folders.values():
        folder.mkdir()
    monkeypatch.setenv("REPRO_CACHE_DIR", str(folders["cache"]))
    monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(folders["exchange"]))
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.syspath_prepend(packages)
    monkeypatch.chdir(folders["work"])
    write_assay(folders["work"] / "one.csv", seed=1)
    write_assay(folders["work"] / "two.csv", seed=2)
    catalogue.__dict__.pop("sources", None)
    yield folders["work"]
    catalogue.__dict__.pop("sources", None)
    sys.modules.pop("positions", None)
