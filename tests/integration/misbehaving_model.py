"""The host's side of the model that misbehaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field

from repro.model import Model

FOLDER = Path(__file__).parent / "misbehaving"
RAW = ("python", "run.raw.py")
"""Its other run.py, which keeps or breaks the contract by hand."""


class Inputs(BaseModel):
    do: str = Field(min_length=1, description="what to do")
    text: str = ""
    value: Any = None
    code: str = ""
    seconds: float = 0.0
    note: str = ""
    megabytes: int = Field(0, ge=0)
    array: Any = None


class Options(BaseModel):
    at_load: str = ""
    seconds: float = 0.0


class Parameters(BaseModel):
    suffix: str = ""


@Model.register("misbehaving-model")
class MisbehavingModel(Model):
    """Does what each record says."""

    default_image = "repro-tests/misbehaving:not-built"
    folder = FOLDER
    Inputs = Inputs
    Options = Options
    Parameters = Parameters
    batch_size = 4
