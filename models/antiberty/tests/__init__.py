from pathlib import Path

GOLDEN_ROOT = Path(__file__).parent / "golden"
"""What the antiberty package itself computes; `scripts/make_golden.py` made it, `golden.yaml` says how close."""
