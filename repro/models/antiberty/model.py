"""AntiBERTy from Python: see models/antiberty/README.md for what the model is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from repro.models import Array, Model
from repro.models.antiberty import DEFAULT_IMAGE, MODEL_NAME
from repro.models.hyperparameters import ListOrText


class Inputs(BaseModel):
    sequence: str = Field(min_length=1, description="an antibody chain, upper case; X: unknown, _: masked")


class Outputs(BaseModel):
    embedding: Array | None = Field(None, description="(512,) float32: the mean over the residues")
    residue_embeddings: Array | None = Field(None, description="(L, 512) float32: a row a residue")
    pseudo_log_likelihood: float | None = Field(None, description="mean of ln p(residue | all others)")


class Parameters(BaseModel):
    embeddings: Annotated[list[Literal["mean", "residue"]], ListOrText] = Field(
        ["mean"], description="which embeddings to give"
    )
    score: bool = Field(False, description="also give the pseudo log-likelihood (a forward pass a residue)")


class Hyperparameters(BaseModel):
    chain_columns: Annotated[list[str] | None, ListOrText] = Field(
        None, min_length=1, description="columns of the data set with a chain each; the sequence alone by default"
    )
    nogpu: Any = Field(None, description="cards have it; not used, as the device is chosen where the training starts")


@Model.register(f"{MODEL_NAME}-model")
class AntiBERTy(Model):
    """AntiBERTy, a language model of antibodies (Ruffolo et al. 2021, https://arxiv.org/abs/2112.07782).

    A record is `{"sequence": ...}`: one chain of at most 510 residues. A result holds what was asked for:

    - `embedding`, float32, (512,): the mean over the residues of the last layer (`embeddings=["mean"]`, the default)
    - `residue_embeddings`, float32, (L, 512): the last layer, a row a residue (`embeddings=["residue"]`)
    - `pseudo_log_likelihood`, float: mean over the residues of ln p(residue | all other residues) (`score=True`)

    A sequence that the model does not take (another letter, lower case, too long; X or _ where it is to be scored) is
    that record's error and nobody else's.

    Args:
        image: the Docker image.
        device: index of a GPU, or -1 for the CPU.
        **session: what `Model` takes, and `embeddings` and `score` as defaults of all calls.

    >>> with AntiBERTy(runtime="local") as model:  # doctest: +SKIP
    ...     result = model.predict("EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKG", score=True)
    >>> result["embedding"].shape, round(result["pseudo_log_likelihood"], 2)  # doctest: +SKIP
    ((512,), -0.61)
    """

    default_image = DEFAULT_IMAGE
    Inputs = Inputs
    Outputs = Outputs
    Parameters = Parameters
    Hyperparameters = Hyperparameters
    batch_size = 32  # with scores a batch takes minutes on a CPU

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)

    def predict(self, record: str | Mapping[str, Any], **parameters: Any) -> Any:
        """The result of one sequence, given as it is or as a record."""
        return super().predict({"sequence": record} if isinstance(record, str) else record, **parameters)
