"""A distribution that adds a model which can be trained, as other people's packages do: standard library alone.

It predicts the mean of what it has learned from, and does what its hyper-parameter `do` says; into `seen.json` it
writes what it sees from inside.
"""

from __future__ import annotations

import csv
from pathlib import Path

WRAPPER = '''
from pathlib import Path

from pydantic import BaseModel, Field

from repro.models import Model


class Options(BaseModel):
    pooling: str = Field("mean", description="how to pool")


class Hyperparameters(BaseModel):
    shift: float = 0.0
    n_steps: int = 1
    do: str = "predict"


@Model.register("trainee-model")
class Trainee(Model):
    """Predicts the mean of what it has learned from."""

    folder = Path(__file__).parent / "container"
    default_image = "IMAGE"
    Options = Options
    Hyperparameters = Hyperparameters
'''

RUN = """
import json
import os
import subprocess
import sys
import time

from repro_guest import Runner

PLACES = ["/", "/app", "/opt/ml/input/data/training", "/opt/ml/model", "/opt/ml/output", "/tmp", os.environ["HOME"]]


class Trainee(Runner):
    ignored_hyper_params = {"nogpu": "the host says where it runs"}

    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default="small")
        parser.add_argument("--pooling", default="mean")

    @classmethod
    def add_training_arguments(cls, parser):
        parser.add_argument("--shift", type=float, default=0.0)
        parser.add_argument("--n-steps", type=int, default=1)
        parser.add_argument("--do", default="predict")

    def load(self, options):
        self.weights = None
        if options.weights_dir:
            path = options.weights_dir
            with open(os.path.join(path, "mean.txt") if os.path.isdir(path) else path) as file:
                self.weights = file.read().strip()

    def predict(self, records):
        for record in records:
            yield {"output": record}

    def train(self, task):
        options = self.options
        folder = task.output_dir
        if options.do == "hang":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            print("hanging", flush=True)
            time.sleep(600)
        if options.do == "raise":
            raise ValueError("no residue fits: hunter2-hunter2")
        if options.do == "allocate":
            task.much = b"x" * (1 << 30)
        if options.do == "die":
            os._exit(9)
        if options.do == "links":
            os.symlink("/etc/passwd", os.path.join(folder, "passwd"))
            os.mkfifo(os.path.join(folder, "pipe"))
            os.makedirs(os.path.join(folder, "deep", "deeper"))
            with open(os.path.join(folder, "deep", "deeper", "file"), "w") as file:
                file.write("kept")
            os.chmod(os.path.join(folder, "deep"), 0)
        if options.do == "no-table":
            sys.stdout.flush()
            os._exit(0)
        if options.do == "other-rows":
            with open(os.path.join(options.output_dir, "dms_trainee.csv"), "w") as file:
                file.write("mutant,test,pred,split\\nM1W,7,0,0\\n")
            os._exit(0)
        seen = {"weights": self.weights, "variant": options.variant, "pooling": options.pooling}
        seen.update(uid=os.getuid(), n_steps=options.n_steps, shift=options.shift, argv=sys.argv[1:])
        seen["writable"] = [place for place in PLACES if os.access(place, os.W_OK)]
        seen["network"] = os.listdir("/sys/class/net")
        with open("/proc/self/status") as file:
            seen["status"] = dict(line.rstrip("\\n").split(":\\t", 1) for line in file if ":\\t" in line)
        with open(os.path.join(folder, "seen.json"), "w") as file:
            json.dump(seen, file)
        mean = sum(task.train.targets) / len(task.train.targets) + options.shift
        return [mean] * len(task.test)


if __name__ == "__main__":
    Trainee.main()
"""
CARD = """\
name = "trainee"
tags = ["baseline"]

[hyper_params]
n_steps = 3
nogpu = false
"""
DOCKERFILE = """\
FROM python:3.11-slim-bookworm
WORKDIR /app
COPY repro_guest repro_guest
COPY src/run.py run.py
COPY scripts/train /usr/local/bin/train
COPY scripts/train /usr/local/bin/ping
USER 1000:1000
"""
PROGRAM = '#!/bin/sh\nexec python /app/run.py "$(basename "$0")" "$@"\n'
CONFIG = """\
default_variant: small
models:
  small:
    files: [{source: "file:weights/small/mean.txt", sha256: SMALL}]
  large:
    files: [{source: "file:weights/large/mean.txt", sha256: LARGE}]
"""
WILD_TYPE = "MKTAYIAKQR"
MUTANTS = [f"{residue}{place}W" for place, residue in enumerate(WILD_TYPE, 1)]


def make_training_package(folder: Path, image: str) -> Path:
    """Make the distribution `trainee` in a folder that is to stand on the module path, and give that folder."""
    import hashlib

    container = folder / "trainee" / "container"
    (container / "src").mkdir(parents=True)
    (container / "scripts").mkdir()
    config = CONFIG
    for variant in ("small", "large"):
        (container / "weights" / variant).mkdir(parents=True)
        (container / "weights" / variant / "mean.txt").write_text(variant)
        config = config.replace(variant.upper(), hashlib.sha256(variant.encode()).hexdigest())
    (folder / "trainee" / "__init__.py").write_text(WRAPPER.replace("IMAGE", image))
    (container / "src" / "run.py").write_text(RUN)
    (container / "Dockerfile").write_text(DOCKERFILE)
    (container / "config.yaml").write_text(config)
    (container / "README.md").write_text(
        "---\nname: trainee\nhyper_params: {n_steps: 3, nogpu: false}\n---\n# Trainee\n"
    )
    (container / "card.toml").write_text(CARD)
    (container / "scripts" / "train").write_text(PROGRAM)
    (container / "scripts" / "train").chmod(0o755)
    info = folder / "trainee-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trainee\nVersion: 1.0\nSummary: It learns\n")
    (info / "entry_points.txt").write_text("[repro.models]\ntrainee = trainee\n")
    return folder


def write_assay(path: Path) -> Path:
    """Ten variants as ProteinGym has them, in two stored folds by position."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["mutant", "mutated_sequence", "DMS_score", "fold_modulo_2"])
        for place, mutant in enumerate(MUTANTS):
            writer.writerow([mutant, WILD_TYPE[:place] + "W" + WILD_TYPE[place + 1 :], place, place % 2])
    return path
