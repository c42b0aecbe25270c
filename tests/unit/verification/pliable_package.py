"""A distribution as other people make them: a model that ships golden answers, and has a fault where it is told to.

The model `pliable` gives text, numbers, arrays and what is nested; its golden answers come from the definition of what
it computes, worked out here and not by its run.py.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TEXTS = ("abc", "b", "a longer text", "mnopqrst")

WRAPPER = '''
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from repro.models import Array, Model


class Inputs(BaseModel):
    text: str = Field(min_length=1, description="any text")


class Outputs(BaseModel):
    text: str = Field(description="reversed")
    length: int
    mean: float
    vector: Array
    nested: dict[str, list[float]]


class Options(BaseModel):
    fault: str = Field("", description="what to do wrong")
    scale: float = Field(1.0, description="of the numbers")


class Parameters(BaseModel):
    shift: float = Field(0.0, description="added to the numbers")
    loud: bool = Field(False, description="in capitals")


@Model.register("pliable-model")
class Pliable(Model):
    """Codes of letters."""

    folder = Path(__file__).parent / "container"
    default_image = "pliable:1.0"
    Inputs = Inputs
    Outputs = Outputs
    Options = Options
    Parameters = Parameters
    batch_size = 8
'''

RUN = """
import os
import time

from repro_guest import Runner


class Pliable(Runner):
    @classmethod
    def add_arguments(cls, parser):
        parser.add_argument("--variant", default="plain")
        parser.add_argument("--fault", default="")
        parser.add_argument("--scale", type=float, default=1.0)
        parser.add_argument("--shift", type=float, default=0.0)
        parser.add_argument("--loud", action="store_true")

    @classmethod
    def started(cls, options):
        # A GPU is pretended where one is asked for; what is computed there may be off.
        cls.on_gpu = options.device == "cuda"
        if cls.on_gpu and options.fault == "no-gpu" or not cls.on_gpu and options.fault == "no-cpu":
            raise RuntimeError("not on this device")
        options.device = "cpu"
        return super().started(options)

    def load(self, options):
        import numpy

        self.numpy = numpy
        self.weight = 1.0
        self.one_shot = hasattr(options, "input_file")
        if options.weights_dir:
            path = options.weights_dir
            with open(os.path.join(path, "weight.txt") if os.path.isdir(path) else path) as file:
                self.weight = float(file.read())
        if self.options.fault == "hang-in-one-shot" and self.one_shot:
            print("hanging", flush=True)
            time.sleep(3600)
        if self.options.fault == "empty" and self.one_shot and not os.path.getsize(options.input_file):
            raise SystemExit("there are no records")

    def predict(self, records):
        fault = self.options.fault
        if fault == "hang":
            time.sleep(3600)
        if fault == "order":
            records = sorted(records, key=lambda record: record["text"])
        for number, record in enumerate(records):
            if fault == "swallow" and "text" not in record:
                yield {}
                continue
            if fault == "die" and "text" not in record:
                os._exit(3)
            result = self.computed(record["text"])
            if fault == "batch":
                result["mean"] += len(records) * 1e-3
            if fault == "one-shot" and self.one_shot:
                result["mean"] += 0.5
            if fault == "gpu" and self.on_gpu:
                result["vector"] += 0.005
            if fault == "extra":
                result["surprise"] = 1
            if fault == "list":
                result["vector"] = result["vector"].tolist()
            if fault == "nan":
                result["vector"][1] = float("nan")
            if fault == "double":
                result["vector"] = result["vector"].astype("float64")
            yield result
            if fault == "too-many" and number == 1:
                yield result

    def computed(self, text):
        options = self.options
        codes = self.numpy.array([ord(letter) for letter in text], "float64")
        codes = codes * options.scale * self.weight + options.shift
        return {
            "text": text[::-1].upper() if options.loud else text[::-1],
            "length": len(text),
            "mean": float(codes.mean()),
            "vector": self.numpy.array([codes.min(), codes.mean(), codes.max()], "float32"),
            "nested": {"ends": [float(codes[0]), float(codes[-1])]},
        }


if __name__ == "__main__":
    Pliable.main()
"""

CONFIG = """\
default_variant: plain
models:
  plain: {}
  weighed:
    files: [{url: https://example.org/weight.txt}]
"""

GOLDEN = """\
made:
  command: python tests/unit/verification/pliable_package.py
  date: 2026-11-21
  device: cpu, float64
  versions: {numpy: 2.2.6}
held_against:
  definition: codes of the letters
cases:
"""

TOLERANCE = """\
    tolerance:
      mean: {absolute: 1.0e-4}
      vector: {cpu: {absolute: 1.0e-3}, cuda: {absolute: 1.0e-2}}
      nested: {relative: 0.01}
"""


def answer(text: str, scale: float = 1.0, shift: float = 0.0) -> dict[str, Any]:
    """What the model has to answer, worked out letter by letter; the array is a list."""
    codes = [ord(letter) * scale + shift for letter in text]
    mean = sum(codes) / len(codes)
    return {
        "text": "".join(reversed(text)),
        "length": len(text),
        "mean": mean,
        "vector": [min(codes), mean, max(codes)],
        "nested": {"ends": [codes[0], codes[-1]]},
    }


def write_golden(tests: Path) -> Path:
    """Write `golden`, and `fixtures` with weights, into a folder; gives the former."""
    golden = tests / "golden"
    golden.mkdir(parents=True)
    (tests / "fixtures").mkdir()
    (tests / "fixtures" / "weight.txt").write_text("2.0")
    write_rows(golden / "records.jsonl", [{"id": f"text {number}", "text": text} for number, text in enumerate(TEXTS)])
    rows = [answer(text) for text in TEXTS]
    vectors = np.array([row["vector"] for row in rows], "float32")
    np.save(golden / "vector.npy", vectors)
    for number, row in enumerate(rows):
        row["vector"] = {"$npy": "vector.npy", "start": 3 * number, "shape": [3]}
    write_rows(golden / "expected.jsonl", rows)
    case = "    records: records.jsonl\n    expected: expected.jsonl\n" + TOLERANCE
    errors = "    errors:\n      - {record: {txt: abc}, type: KeyError, message: text}\n"
    (golden / "golden.yaml").write_text(GOLDEN + "  codes:\n" + case + errors)
    return golden


def add_case(golden: Path, name: str, **keys: Any) -> None:
    """Add a case with the same records and answers; `keys` are further ones of it."""
    said = "".join(f"    {key}: {json.dumps(value)}\n" for key, value in keys.items())
    files = {"records": "records.jsonl", "expected": "expected.jsonl"}
    rest = "".join(f"    {key}: {value}\n" for key, value in files.items() if key not in keys)
    with (golden / "golden.yaml").open("a") as file:
        file.write(f"  {name}:\n{said}{rest}{'' if 'tolerance' in keys else TOLERANCE}")


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def read_rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def make_pliable_package(folder: Path) -> Path:
    """Make the distribution in a folder that is to stand on the module path, and give the model's golden folder."""
    container = folder / "pliable" / "container"
    (container / "src").mkdir(parents=True)
    (folder / "pliable" / "__init__.py").write_text(WRAPPER)
    (container / "src" / "run.py").write_text(RUN)
    (container / "config.yaml").write_text(CONFIG)
    (container / "Dockerfile").write_text("FROM scratch\n")
    info = folder / "pliable-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pliable\nVersion: 1.0\nSummary: Codes of letters\n")
    (info / "entry_points.txt").write_text("[repro.models]\npliable = pliable\n")
    return write_golden(container / "tests")


def installed_pliable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The model as if it were installed, in this process and in those it starts; yields its golden folder."""
    from repro import model
    from repro.registry import catalogue

    golden = make_pliable_package(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
    catalogue.__dict__.pop("sources", None)
    yield golden
    catalogue.__dict__.pop("sources", None)
    sys.modules.pop("pliable", None)
    model._registry._classes.pop("pliable-model", None)  # the next test's has another folder


def pretend_to_have_a_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a driver's tool on the PATH that lists one GPU; the model `pliable` computes on it."""
    folder.mkdir()
    tool = folder / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: pretended (UUID: GPU-0)'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
