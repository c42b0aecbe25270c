"""What is said of a table before a model has computed arrays that it cannot hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from repro import MODELS_ROOT
from repro.data.writers import fitting
from repro.errors import OutputError
from repro.models import Array, Model
from repro.models.antiberty import AntiBERTy
from repro.models.tutorial import TutorialModel
from repro.table_fit import check_fits, what_fits


class OneAlways(BaseModel):
    score: float
    vector: Array


class Embedder(Model):
    name = "embedder-model"
    folder = Path(MODELS_ROOT) / "tutorial"
    Outputs = OneAlways


def test_array_that_is_always_there_is_refused() -> None:
    with pytest.raises(OutputError, match=r"embedder-model gives arrays \(vector\)") as caught:
        check_fits(Embedder(runtime="local"), "tsv")
    assert ".parquet" in caught.value.fix


@pytest.mark.parametrize("output_format", ["jsonl", "parquet", "npz"])
def test_formats_that_hold_arrays_are_not_refused(output_format: str) -> None:
    check_fits(Embedder(runtime="local"), output_format)
    assert what_fits(AntiBERTy(runtime="local"), output_format) == ""


def test_model_whose_options_decide_is_not_refused_and_the_options_are_named() -> None:
    model = AntiBERTy(runtime="local")
    check_fits(model, "csv")
    assert "(pseudo_log_likelihood) with its options: --no-embeddings --score" in what_fits(model, "csv")


def test_options_that_are_as_they_should_be_are_not_named() -> None:
    assert what_fits(AntiBERTy(runtime="local", embeddings=[], score=False), "csv").endswith(": --score")


def test_model_that_declares_nothing_is_not_refused() -> None:
    check_fits(TutorialModel(runtime="local"), "csv")


def test_first_row_with_an_array_is_refused_with_the_options() -> None:
    with pytest.raises(OutputError) as caught:
        list(fitting([{"embedding": np.zeros(3)}], "csv", what_fits(AntiBERTy(runtime="local"), "csv")))
    assert caught.value.fix.startswith("choose an output that ends in .parquet")
    assert caught.value.fix.endswith(
        ", or ask antiberty only for what fits (pseudo_log_likelihood) with its options: --no-embeddings --score"
    )
