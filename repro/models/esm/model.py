"""ESM from Python: see models/esm/README.md for what the models are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field

from repro.errors import RecordError, SettingsError
from repro.models import Array, Model
from repro.models.esm import DEFAULT_IMAGE, MODEL_NAME
from repro.models.esm.hyperparameters import EMBEDDINGS, Hyperparameters, TrainStrategy
from repro.models.esm.log_odds import LogOdds
from repro.models.esm.variants import (
    AMINO_ACIDS,
    MAX_RESIDUES,
    Strategy,
    check_mutants,
    check_sequence,
    check_wild_type,
)
from repro.models.hyperparameters import ListOrText

if TYPE_CHECKING:
    import numpy as np

# Mutants cost next to nothing by themselves: this many of one protein keep the model busy with their positions.
_MUTANTS_TOGETHER = 512


class Inputs(BaseModel):
    sequence: str = Field("", min_length=1, description="a protein, upper case; at most 1,022 residues to embed")
    mutant: str | list[str] | None = Field(
        None, description="to score: A42G, A42G:L56M or a mutated sequence; the sequence is then the wild type"
    )


class Outputs(BaseModel):
    embedding: Array | None = Field(None, description="(D,) float32: the mean over the residues")
    bos_embedding: Array | None = Field(None, description="(D,) float32: the state of the BOS token")
    residue_embeddings: Array | None = Field(None, description="(L, D) float32: a row a residue")
    logits: Array | None = Field(None, description="(L, 33) float32: a row a residue, a column a token")
    contacts: Array | None = Field(None, description="(L, L) float32: probability that two residues touch")
    mutant: str | None = Field(None, description="the one that was given")
    score: float | None = Field(None, description="of one mutant: higher is fitter")
    scores: Array | None = Field(None, description="(n,) float64: where the mutant is a list")
    log_odds: Array | None = Field(None, description="(L, 20) float32: of all substitutions, where no mutant is given")
    score_1: float | None = Field(None, description="of an ensemble's first member, where members are asked for")
    score_2: float | None = Field(None, description="of its second")
    score_3: float | None = Field(None, description="of its third")
    score_4: float | None = Field(None, description="of its fourth")
    score_5: float | None = Field(None, description="of its fifth")
    member_scores: Array | None = Field(None, description="(members, n) float64: of each member, beside scores")
    member_log_odds: Array | None = Field(None, description="(members, L, 20) float32: beside log_odds")


class Options(BaseModel):
    engine: Literal["fast", "reference"] = Field("fast", description="our own forward pass, or fair-esm untouched")
    precision: Literal["fp32", "tf32", "bf16"] = Field(
        "fp32", description="of matrix products and attention; tf32 for GPUs, bf16 for GPUs and CPUs that have it"
    )


class Parameters(BaseModel):
    task: Literal["embed", "score"] = Field("embed", description="embed sequences, or score mutants")
    embeddings: Annotated[list[Literal["mean", "bos", "residue"]], ListOrText] = Field(
        ["mean"], description="which embeddings to give"
    )
    layers: Annotated[list[int], ListOrText] = Field(
        [-1], min_length=1, description="of which layers: 0 the input, -1 the last"
    )
    logits: bool = Field(False, description="also give the logits of all tokens at each residue")
    contacts: bool = Field(False, description="also give the probability that two residues touch")
    strategy: TrainStrategy = Field("masked-marginals", description="how to score; embeddings: for train alone")
    offset: int = Field(1, description="number of the wild type's first residue in the names of mutants")
    wild_type: str | None = Field(None, description="to score: the wild type of records without a sequence")
    members: bool = Field(False, description="to score with an ensemble: also what each of its members says")


@Model.register(f"{MODEL_NAME}-model")
class ESM(Model):
    """ESM-1b, ESM-1v and ESM-2 (https://github.com/facebookresearch/esm): embeddings, and effects of mutations.

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
    else's. To score mutants there are `score_variants` and `log_odds`; records with `mutant` and `task="score"` do the
    same for files.

    The variant `esm1v_t33_650M_UR90S` is the ensemble of the five ESM-1v models: its worker holds all five, and a score
    is the mean of theirs (with `members=True` also each). Where memory is short, `ESMEnsemble` lets them take turns.

    Args:
        image: the Docker image.
        device: index of a GPU, or -1 for the CPU.
        **session: what `Model` takes, first of all `variant` (see `repro info esm`) and `weights` (a checkpoint, or a
            folder with VARIANT.pt); `engine` and `precision`; and `embeddings`, `layers`, `logits`, `contacts`, `task`,
            `strategy`, `offset`, `wild_type` and `members` as defaults of all calls. `task` is "embed", and for an
            ensemble "score".

    Raises:
        SettingsError: a precision that the engine or the device does not have; an ensemble that is to embed.

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
    AMINO_ACIDS = AMINO_ACIDS
    """The columns of `log_odds`."""

    default_image = DEFAULT_IMAGE
    variant_names = ("variant", "location", "model_location")
    Inputs = Inputs
    Outputs = Outputs
    Options = Options
    Parameters = Parameters
    Hyperparameters = Hyperparameters
    batch_size = 64

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        if self.is_ensemble(session.get("variant")):
            session.setdefault("task", "score")
        marginals = session.get("task") == "score" and session.get("strategy") != "pseudo-ppl"
        if marginals and session.get("batch_size") is None:
            session["batch_size"] = _MUTANTS_TOGETHER
        super().__init__(image, device, **session)
        self._refuse_precision(self.options["engine"], self.options["precision"], device)

    def predict(self, record: str | Mapping[str, Any], **parameters: Any) -> Any:
        """The result of one sequence, given as it is or as a record."""
        return super().predict({"sequence": record} if isinstance(record, str) else record, **parameters)

    def score_variants(
        self,
        wild_type: str,
        mutants: Iterable[str],
        strategy: Strategy = "masked-marginals",
        *,
        offset: int = 1,
        progress: bool | None = None,
    ) -> np.ndarray:
        """What the model thinks of mutants of one protein: a score each, higher is fitter.

        - masked-marginals: ln p(mutant) - ln p(wild type) at each mutated position, which is masked; summed over the
          positions of a mutant (Meier et al. 2021). A forward pass a position, however many mutants have it.
        - wt-marginals: the same from one pass over the wild type with nothing masked.
        - pseudo-ppl: sum over the residues of the mutated sequence of ln p(residue), each masked in its turn: a forward
          pass a residue a mutant. The only one that takes insertions and deletions.

        Proteins of more than 1,022 residues are seen through windows, as ProteinGym does it: for masked positions the
        window round each, for wt-marginals overlapping ones.

        Args:
            wild_type: the sequence that is mutated.
            mutants: names (`A42G`, `A42G:L56M`) or mutated sequences.
            offset: the number of the first residue in names.
            progress: whether to show a bar (pseudo-ppl); by default where a person looks on.

        Returns:
            (n,) float64, a score a mutant, in order.

        Raises:
            RecordError: a mutant is none of this wild type; names its row. Nothing was computed.
            PredictionError, WorkerError, SetupError, DeviceError: it could not be computed.

        >>> with ESM(variant="esm1v_t33_650M_UR90S_1", device=0) as model:  # doctest: +SKIP
        ...     model.score_variants("MKTAYIAKQR", ["A4G", "K2R:A4G", "MKTAYIAKQK"])
        array([-1.9, -3.2, -0.8])
        """
        import numpy as np

        listed = list(mutants)
        check_wild_type(wild_type)
        check_mutants(listed, wild_type, offset=offset, strategy=strategy)
        asked: dict[str, Any] = {"task": "score", "strategy": strategy, "offset": offset}
        if not listed:
            return np.zeros(0)
        if strategy == "pseudo-ppl":
            records = [{"sequence": wild_type, "mutant": mutant} for mutant in listed]
            scores = [row["score"] for row in self.predict_batch(records, progress=progress, **asked)]
        else:
            scores = self.predict({"sequence": wild_type, "mutant": listed}, **asked)["scores"]
        return np.array(scores, dtype=np.float64)

    def log_odds(self, wild_type: str, strategy: Strategy = "masked-marginals", *, offset: int = 1) -> LogOdds:
        """The scores of all substitutions of a protein: a matrix, (L, 20), with heat maps.

        Args:
            wild_type: the sequence.
            strategy: masked-marginals or wt-marginals.
            offset: the number of the first residue.

        Raises:
            SettingsError: pseudo-ppl, which has no such matrix.
            RecordError: the sequence is empty, or holds what is no amino acid.

        >>> with ESM() as model:  # doctest: +SKIP
        ...     model.log_odds("MKTAYIAKQR").to_html("scan.html")
        """
        if strategy == "pseudo-ppl":
            raise SettingsError("pseudo-ppl has no log-odds", fix="masked-marginals or wt-marginals")
        check_wild_type(wild_type)
        result = self.predict({"sequence": wild_type}, task="score", strategy=strategy, offset=offset)
        name = self.variant.name if self.variant is not None else self.name
        return LogOdds(wild_type, result["log_odds"], offset, title=f"{name}, {strategy}")

    def check(self, records: Sequence[Mapping[str, Any]], first: int = 0, **parameters: Any) -> None:
        """Also holds mutants against their wild types, where they are scored. Raises RecordError."""
        super().check(records, first)
        asked = self._call_options(parameters)
        scores = asked["task"] == "score"
        if not scores and self.variant is not None and self.is_ensemble(self.variant.name):
            fix = f"embed with one of its members, such as --variant {self.variant.name}_1"
            raise SettingsError(f"{self.variant.name} is an ensemble: it scores mutants, and does not embed", fix=fix)
        if scores and asked["strategy"] == EMBEDDINGS:
            fix = f"one of {', '.join(get_args(Strategy))}; or repro train, which learns from embeddings"
            raise SettingsError(f"the strategy {EMBEDDINGS} is for train alone", fix=fix)
        common = asked["wild_type"] if scores else None
        for index, record in enumerate(records, first):
            sequence = record.get("sequence") or common
            mutants = record.get("mutant")
            if not sequence and (scores or mutants is None):
                fix = 'give it, or for mutants of one protein: wild_type="..." (--wild-type)'
                raise RecordError(
                    f"record {index}: the key 'sequence' is missing", index=index, key="sequence", fix=fix
                )
            if scores and sequence and mutants is not None:
                self._check_mutants(mutants, sequence, index, asked)

    def check_values(self, records: Sequence[Mapping[str, Any]], first: int = 0, **parameters: Any) -> None:
        """Raise RecordError for a sequence that is no protein, or too long to be embedded."""
        asked = self._call_options(parameters)
        scores = asked["task"] == "score"
        for index, record in enumerate(records, first):
            sequence = record.get("sequence") or (asked["wild_type"] if scores else None) or ""
            check_sequence(sequence, index, most_residues=None if scores else MAX_RESIDUES)

    @classmethod
    def is_ensemble(cls, variant: str | None) -> bool:
        """Whether a variant is several checkpoints that score together. Raises ModelNotFoundError."""
        return "members" in cls.config().variant(variant).info

    def _refuse_precision(self, engine: str, precision: str, device: int) -> None:
        """Raise SettingsError for what no worker would compute."""
        if precision == "tf32" and device < 0:
            raise SettingsError("tf32 is a precision of GPUs", fix="device=0, or precision='fp32' or 'bf16'")
        if engine == "reference" and precision != "fp32":
            raise SettingsError(
                "the reference engine computes in fp32 alone", fix="engine='fast', or leave precision out"
            )

    def _check_mutants(self, mutants: str | list[str], wild_type: str, index: int, asked: Mapping[str, Any]) -> None:
        for mutant in [mutants] if isinstance(mutants, str) else mutants:
            check_mutants([mutant], wild_type, offset=asked["offset"], strategy=asked["strategy"], first=index)
