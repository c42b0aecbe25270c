"""The golden answers of pls and ridge are what their script makes."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("model", ["pls", "ridge"])
def test_the_golden_answers_are_made_again(model: str, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    spec = importlib.util.spec_from_file_location("one_hot_golden", ROOT / "scripts" / "one_hot_golden.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    script.write(model, tmp_path)

    golden = ROOT / "models" / model / "tests" / "golden"
    assert (tmp_path / "records.jsonl").read_bytes() == (golden / "records.jsonl").read_bytes()
    made, kept = (
        [json.loads(line)["prediction"] for line in (folder / "expected.jsonl").read_text().splitlines()]
        for folder in (tmp_path, golden)
    )
    assert made == pytest.approx(kept, abs=1e-9)
    assert json.loads((golden / "made.json").read_text())["command"] == f"python scripts/one_hot_golden.py {model}"
