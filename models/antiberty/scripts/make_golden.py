"""Makes the values in tests/golden that the model is held against: what the antiberty package itself computes.

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
# A chain of 107 residues takes 107 forward passes to score: one of them, and short ones.
SELECTED = ("trastuzumab_light", "trastuzumab_heavy_1-30", "trastuzumab_heavy_1-9", "trastuzumab_heavy_1-1")


def sequences():
    """Name and sequence of each antibody, and the beginnings of one: short ones are scored in no time."""
    text = (MODEL / "examples" / "antibodies.fasta").read_text()
    entries = [entry.split("\n", 1) for entry in text.split(">")[1:]]
    named = {header.split()[0]: body.replace("\n", "") for header, body in entries}
    for length in (30, 9, 1):
        named[f"trastuzumab_heavy_1-{length}"] = named["trastuzumab_heavy"][:length]
    return named


def write_rows(folder, named, scores):
    """The records, and the expected answers: scores, and references to the arrays."""
    width = numpy.load(folder / "embedding.npy", mmap_mode="r").shape[1]
    means = [{"$npy": "embedding.npy", "start": number * width, "shape": [width]} for number in range(len(named))]
    files = {
        "antibodies.jsonl": [{"id": name, "sequence": sequence} for name, sequence in named.items()],
        "embedding.jsonl": [{"embedding": mean} for mean in means],
        "all_scores.jsonl": [{"pseudo_log_likelihood": scores[name]} for name in named],
        "selected.jsonl": [{"id": name, "sequence": named[name]} for name in SELECTED],
        "residues.jsonl": [{"residue_embeddings": {"$npy": f"{name}.npy"}} for name in SELECTED],
        "scores.jsonl": [{"pseudo_log_likelihood": scores[name]} for name in SELECTED],
    }
    for name, rows in files.items():
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def make():
    original = AntiBERTyRunner()
    named, means, scores = sequences(), [], {}
    for name, sequence in named.items():
        states = original.embed([sequence])[0].cpu().numpy()[1:-1]  # without [CLS] and [SEP]
        means.append(states.mean(0))
        if name in SELECTED:
            numpy.save(GOLDEN / f"{name}.npy", states)
        scores[name] = original.pseudo_log_likelihood([sequence], batch_size=16).item()
    numpy.save(GOLDEN / "embedding.npy", numpy.stack(means))
    write_rows(GOLDEN, named, scores)
    versions = {name: version(name) for name in ("antiberty", "transformers", "torch", "numpy")}
    made = {
        "command": "python models/antiberty/scripts/make_golden.py",
        "date": datetime.date.today().isoformat(),
        "device": str(original.device) + ", float32",
        "versions": {**versions, "python": platform.python_version()},
    }
    (GOLDEN / "made.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    make()
