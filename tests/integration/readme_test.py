"""Runs the examples of the README as they stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.documents import ROOT, copy_project, environment, follow, steps_of


@pytest.mark.timeout(1200)  # where AntiBERTy is not set up yet, PyTorch is installed for it
def test_the_examples_of_the_readme_run_and_print_what_it_says(tmp_path: Path) -> None:
    folder = tmp_path / "repro"
    copy_project(folder)
    environ = environment(folder, "local")
    steps = [step for step in steps_of(ROOT / "README.md") if step.kind in ("shell", "python")]

    # The shell's part sets the models up that the Python part uses.
    for step in sorted(steps, key=lambda step: step.kind == "python"):
        follow(step, folder, environ)

    assert (folder / "out" / "embeddings.parquet").stat().st_size > 0
    header, *rows = (folder / "out" / "scores.csv").read_text().splitlines()
    assert "pseudo_log_likelihood" in header
    assert len(rows) == 2
