"""What `make demo` makes of embeddings: neighbours and a picture. (That it runs on the real model is for `.ci/run`.)"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

DEMO = Path(__file__).parents[2] / "scripts" / "demo.py"


@pytest.fixture(scope="module")
def demo() -> ModuleType:
    spec = importlib.util.spec_from_file_location("demo", DEMO)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["demo"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def chains(demo: ModuleType) -> list[Any]:
    rows = np.random.default_rng(0).normal(size=(6, 32)).astype(np.float32)
    rows[1] = rows[0] + 0.01
    names = ["rituximab_heavy", "muromonab_heavy", "rituximab_light", "avelumab_light", "omalizumab_heavy", "x_light"]
    scores = [-0.5, -0.4, -0.3, -0.6, -0.2, -0.7]
    return [demo.Chain(name, "EVQL", row, score) for name, row, score in zip(names, rows, scores, strict=True)]


def test_nearest_chain_is_the_one_that_points_the_same_way(demo: ModuleType, chains: list[Any]) -> None:
    first = demo.with_nearest(chains)[0]
    assert first.nearest == "muromonab_heavy"
    assert first.similarity == pytest.approx(1.0, abs=1e-2)


def test_stem_of_the_name_tells_the_origin(demo: ModuleType, chains: list[Any]) -> None:
    origins = [chain.origin.partition(" ")[0] for chain in chains]
    assert origins == ["mouse", "mouse", "mouse", "human", "humanised", "human"]


def test_picture_is_written(demo: ModuleType, chains: list[Any], tmp_path: Path) -> None:
    demo.draw(chains, "made by a test", tmp_path / "picture.png")
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")
