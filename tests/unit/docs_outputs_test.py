"""What docs/outputs.md says of `.npz`: its example reads what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from repro.data.writers import write_records
from tests.documents import ROOT, steps_of

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    names: dict[str, Any] = {}
    code = next(step.text for step in steps_of(ROOT / "docs" / "outputs.md") if step.language == "python")
    exec(compile(code, "outputs.md", "exec"), names)
    return names


@pytest.mark.parametrize(
    "shapes",
    [[(), (), ()], [(4,), (4,), (4,)], [(3, 4), (0, 4), (5, 4)], [(3, 3), (1, 1), (2, 2)], [(3, 4), None, (5, 4)]],
    ids=["numbers", "one shape", "a row a residue", "contacts", "one that failed"],
)
def test_example_reads_every_layout_back(
    example: dict[str, Any], tmp_path: Path, shapes: list[tuple[int, ...] | None]
) -> None:
    values = [None if shape is None else RNG.normal(size=shape) for shape in shapes]
    rows = [{"id": str(i)} | ({} if value is None else {"x": value}) for i, value in enumerate(values)]
    write_records(tmp_path / "out.npz", rows)

    with np.load(tmp_path / "out.npz") as file:
        read = example["entries"](file, "x")

    assert list(read) == [row for row, value in enumerate(values) if value is not None]
    for row, value in read.items():
        np.testing.assert_array_equal(value, values[row])
