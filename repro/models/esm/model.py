"""ESM from Python: see models/esm/README.md for what the models are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from repro.models import Array, Model
from repro.models.esm import DEFAULT_IMAGE, MODEL_NAME


class Inputs(BaseModel):
    sequence: str = Field(min_length=1, description="a protein, upper case, at most 1,022 residues")


class Outputs(BaseModel):
    embedding: Array | None = Field(None, description="(D,) float32: the mean over the residues")
    bos_embedding: Array | None = Field(None, description="(D,) float32: the state of the BOS token")
    residue_embeddings: Array | None = Field(None, description="(L, D) float32: a row a residue")
    logits: Array | None = Field(None, description="(L, 33) float32: a row a residue, a column a token")
    contacts: Array | None = Field(None, description="(L, L) float32: probability that two residues touch")


class Parameters(BaseModel):
    embeddings: list[Literal["mean", "bos", "residue"]] = Field(["mean"], description="which embeddings to give")
    layers: list[int] = Field([-1], min_length=1, description="of which layers: 0 the input, -1 the last")
    logits: bool = Field(False, description="also give the logits of all tokens at each residue")
    contacts: bool = Field(False, description="also give the probability that two residues touch")


@Model.register(f"{MODEL_NAME}-model")
class ESM(Model):
    """ESM-1b, ESM-1v and ESM-2, computed by the published code (https://github.com/facebookresearch/esm).

    A record is `{"sequence": ...}`: one protein of at most 1,022 residues, in the letters of ESM's alphabet: the 20
    amino acids, X B U Z O, `.`, `-` and `<mask>`. A result holds what was asked for, all float32 (L residues, D the
    width of the model):

    - `embedding`, (D,): the mean over the residues, without BOS and EOS (`embeddings=["mean"]`, the default)
    - `bos_embedding`, (D,): the state of the BOS token (`embeddings=["bos"]`)
    - `residue_embeddings`, (L, D): a row a residue (`embeddings=["residue"]`)
    - `logits`, (L, 33): a row a residue, a column a token of `ESM.TOKENS` (`logits=True`)
    - `contacts`, (L, L): probability that two residues touch (`contacts=True`; ESM-1v cannot)

    Embeddings are those of `layers`. With one layer the shapes are as above; with several the layers come first, in the
    order of `layers`: (len(layers), D) and (len(layers), L, D).

    A sequence that the model does not take (another letter, lower case, too long) is that record's error and nobody
    else's.

    Args:
        image: the Docker image.
        device: index of a GPU, or -1 for the CPU.
        **session: what `Model` takes, first of all `variant` (see `repro info esm`) and `weights` (a checkpoint, or a
            folder with VARIANT.pt); and `embeddings`, `layers`, `logits`, `contacts` as defaults of all calls.

    >>> with ESM(variant="esm2_t33_650M_UR50D", device=0) as model:  # doctest: +SKIP
    ...     result = model.predict("MKTAYIAKQRQISFVKSHFSRQ", embeddings=["mean", "residue"])
    >>> result["embedding"].shape, result["residue_embeddings"].shape  # doctest: +SKIP
    ((1280,), (22, 1280))
    >>> ESM.TOKENS.index("W")
    22
    """

    TOKENS = (
        *("<cls>", "<pad>", "<eos>", "<unk>"),
        *"LAGVSERTIDPKQNFYMHWCXBUZO.-",
        *("<null_1>", "<mask>"),
    )
    """The columns of `logits`, for all variants."""

    default_image = DEFAULT_IMAGE
    Inputs = Inputs
    Outputs = Outputs
    Parameters = Parameters
    batch_size = 64

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)

    def predict(self, record: str | Mapping[str, Any], **parameters: Any) -> Any:
        """The result of one sequence, given as it is or as a record."""
        return super().predict({"sequence": record} if isinstance(record, str) else record, **parameters)
