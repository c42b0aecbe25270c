from pathlib import Path

FIXTURES_ROOT = Path(__file__).parent / "fixtures"
"""Tiny checkpoints in the published format, one a family; `scripts/make_fixtures.py` made them."""

GOLDEN_ROOT = Path(__file__).parent / "golden"
"""What the fair-esm package alone computes with them; `golden.yaml` says how close to keep."""
