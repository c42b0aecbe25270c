"""Makes the values in tests/golden that the tests hold run.py against: what the antiberty package itself computes.

`AntiBERTyRunner.embed` and `AntiBERTyRunner.pseudo_log_likelihood`, one sequence at a time, on the sequences of
examples/antibodies.fasta and the first residues of one of them. Nothing of run.py is used. Takes minutes.

    uv pip install -r models/antiberty/requirements.txt
    python models/antiberty/scripts/make_golden.py
"""

import datetime
import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy
from antiberty import AntiBERTyRunner

MODEL = Path(__file__).parent.parent
GOLDEN = MODEL / "tests" / "golden"
WITH_RESIDUES = ("trastuzumab_light", "trastuzumab_heavy_1-30", "trastuzumab_heavy_1-9", "trastuzumab_heavy_1-1")


def sequences():
    """Name and sequence of each antibody, and the beginnings of one: short ones are scored in no time."""
    text = (MODEL / "examples" / "antibodies.fasta").read_text()
    entries = [entry.split("\n", 1) for entry in text.split(">")[1:]]
    named = {header.split()[0]: body.replace("\n", "") for header, body in entries}
    for length in (30, 9, 1):
        named[f"trastuzumab_heavy_1-{length}"] = named["trastuzumab_heavy"][:length]
    return named


def make():
    original = AntiBERTyRunner()
    records, means = [], []
    for name, sequence in sequences().items():
        states = original.embed([sequence])[0].cpu().numpy()[1:-1]  # without [CLS] and [SEP]
        means.append(states.mean(0))
        if name in WITH_RESIDUES:
            numpy.save(GOLDEN / f"{name}.npy", states)
        score = original.pseudo_log_likelihood([sequence], batch_size=16).item()
        records.append({"id": name, "sequence": sequence, "pseudo_log_likelihood": score})
    numpy.save(GOLDEN / "embedding.npy", numpy.stack(means))
    (GOLDEN / "antibodies.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    made = {
        "command": "python models/antiberty/scripts/make_golden.py",
        "date": datetime.date.today().isoformat(),
        **{name: version(name) for name in ("antiberty", "transformers", "torch", "numpy")},
        "python": platform.python_version(),
        "device": str(original.device) + ", float32",
    }
    (GOLDEN / "made.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    make()
