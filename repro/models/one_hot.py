"""What `pls` and `ridge` have in common from Python: one number a sequence, learned from measured variants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field

from repro.models import Model


class Inputs(BaseModel):
    sequence: str = Field(min_length=1, description="a variant of the protein that was trained on, upper case")


class Outputs(BaseModel):
    prediction: float = Field(description="in the units of what was measured")


class OneHotHyperparameters(BaseModel):
    """Those that both have; each adds its own."""

    cv_folds: int = Field(5, ge=2, description="folds of the cross-validation that chooses")
    cv_seed: int = Field(0, ge=0, description="seed of these folds")
    aa_alphabet: Any = Field(None, description="cards have it; not used, as columns are the letters that the rows hold")


class OneHotModel(Model):
    """A model of one-hot encodings; a subclass says its image and its hyper-parameters."""

    Inputs = Inputs
    Outputs = Outputs
    learns_from_scratch = True
    batch_size = 4096

    def predict(self, record: str | Mapping[str, Any], **parameters: Any) -> Any:
        """The result of one sequence, given as it is or as a record."""
        return super().predict({"sequence": record} if isinstance(record, str) else record, **parameters)
