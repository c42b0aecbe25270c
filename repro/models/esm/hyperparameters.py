"""Hyper-parameters of `repro train esm` beside those that it has in common with scoring."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from repro.models.esm.variants import Strategy

EMBEDDINGS = "embeddings"
"""The strategy that learns: ridge regression on mean embeddings."""
TrainStrategy = Literal[Strategy, "embeddings"]

_CARDS = "what cards of ProteinGym's benchmark call"


class Hyperparameters(BaseModel):
    alpha: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="penalty of squared weights, of embeddings"
    )
    cv_folds: int = Field(5, ge=2, description="folds of the cross-validation that chooses it where it is not said")
    cv_seed: int = Field(0, ge=0, description="seed of these folds")
    location: str | None = Field(None, description=f"{_CARDS} the variant")
    model_location: str | None = Field(None, description=f"{_CARDS} the variant")
    scoring_strategy: TrainStrategy | None = Field(None, description=f"{_CARDS} the strategy")
    offset_idx: int | None = Field(None, description=f"{_CARDS} the offset")
    nogpu: Any = Field(None, description="cards have it; not used, as the device is chosen where the training starts")
