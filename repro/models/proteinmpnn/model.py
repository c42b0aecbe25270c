"""ProteinMPNN from Python: see models/proteinmpnn/README.md for what the model is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, Field

from repro.data.structures import StructureFileError, structure_text
from repro.errors import RecordError, SettingsError
from repro.models import Array, Model
from repro.models.proteinmpnn import DEFAULT_IMAGE, MODEL_NAME

if TYPE_CHECKING:
    import numpy as np

    from repro.session import Answer

Strategy = Literal["likelihood", "conditional", "unconditional"]
_LARGEST_SEED = 2**62


class Inputs(BaseModel):
    structure: str = Field("", min_length=1, description="text of a PDB or mmCIF file, or its path (also .gz)")
    chains: str | list[str] | None = Field(None, description="those that are scored or designed: A,B; by default all")
    sequence: str | None = Field(
        None, min_length=1, description="to score in place of the structure's own; chains: A/B"
    )
    mutant: str | list[str] | None = Field(None, description="to score: A42G, A42G:L56M or a mutated sequence")
    wild_type: str | None = Field(None, min_length=1, description="what mutants are named after, from `offset` on")
    fixed: str | list[str] | None = Field(None, description="residues that a design keeps: A:10-25,A:31")


class Outputs(BaseModel):
    log_likelihood: float | None = Field(None, description="of a sequence: mean of ln p over its residues")
    residue_log_probs: Array | None = Field(None, description="(L,) float32: ln p of each residue; NaN: no backbone")
    sequence: str | None = Field(None, description="the one that was looked at; / between chains, X in gaps")
    mutant: str | None = Field(None, description="the one that was given")
    score: float | None = Field(None, description="of one mutant: ln p less that of the wild type; higher is fitter")
    scores: Array | None = Field(None, description="(n,) float64: where the mutant is a list")
    log_probs: Array | None = Field(None, description="(L, 21) float32: of each letter of ProteinMPNN.LETTERS")
    residues: list[str] | None = Field(None, description="the rows of log_probs: A:52A; empty for a gap")
    designs: list[str] | None = Field(None, description="sequences of the chosen chains")
    log_likelihoods: list[float] | None = Field(None, description="of each design: mean of ln p over what was drawn")
    recoveries: list[float | None] | None = Field(None, description="share of drawn residues that are the structure's")


class Parameters(BaseModel):
    task: Literal["score", "design", "probabilities"] = Field("score", description="what to do with a backbone")
    strategy: Strategy = Field("likelihood", description="how to score mutants; of probabilities: given what")
    orders: int = Field(1, ge=1, le=10000, description="orders of decoding that scores are averaged over")
    seed: int = Field(0, ge=0, le=_LARGEST_SEED, description="of the first order, or of the first sample")
    structure: str | None = Field(None, min_length=1, description="of the records that have none: a path, or the text")
    chains: str | None = Field(None, min_length=1, description="of the records that name none: A,B")
    wild_type: str | None = Field(None, min_length=1, description="of the records that have none")
    offset: int = Field(1, description="number of the wild type's first residue in the names of mutants")
    mismatches: int = Field(0, ge=0, description="residues in which the structure may differ from the wild type")
    copies: Literal["first", "all"] = Field("first", description="of chains that the wild type fits, which to mutate")
    unresolved: Literal["error", "zero"] = Field("error", description="mutants of residues that have no backbone")
    samples: int = Field(1, ge=1, le=100000, description="sequences to design")
    temperature: float = Field(0.1, gt=0, allow_inf_nan=False, description="of the draws")
    omit: str = Field("", pattern="^[ACDEFGHIKLMNPQRSTVWY]*$", description="amino acids that are never drawn")


class Hyperparameters(BaseModel):
    """None but the parameters; that it is here has them checked before `train` starts anything."""


@Model.register(f"{MODEL_NAME}-model")
class ProteinMPNN(Model):
    """ProteinMPNN (Dauparas et al. 2022, https://doi.org/10.1126/science.add2187): sequences for a backbone.

    A record is `{"structure": ...}`, the text of a PDB or mmCIF file or its path. What is done with it says `task`:

    - score: `log_likelihood` and `residue_log_probs` of the structure's own sequence or of `sequence`; or `score` of a
      `mutant`, `scores` of a list of them
    - design: `samples` sequences, drawn at `temperature`: `designs`, `log_likelihoods`, `recoveries`
    - probabilities: ln p of every amino acid at each residue, `log_probs`, given all other residues
      (`strategy="conditional"`, also where that is `likelihood`) or the backbone alone (`unconditional`)

    A structure without a protein, a chain or a residue that is not there, a mutant of another wild type: each is that
    record's error and nobody else's.

    Args:
        image: the Docker image.
        device: index of a GPU, or -1 for the CPU.
        **session: what `Model` takes, first of all `variant` (see `repro info proteinmpnn`), and the parameters as
            defaults of all calls.

    Raises:
        SettingsError: `structure` names a file that cannot be read.

    >>> with ProteinMPNN() as model:  # doctest: +SKIP
    ...     model.predict({"structure": "5L33.pdb"})["log_likelihood"]
    -1.6126297855011698
    """

    LETTERS = "ACDEFGHIKLMNPQRSTVWYX"
    """The columns of `log_probs`."""

    default_image = DEFAULT_IMAGE
    Inputs = Inputs
    Outputs = Outputs
    Parameters = Parameters
    Hyperparameters = Hyperparameters
    batch_size = 256  # each may hold a structure

    def __init__(self, image: str = DEFAULT_IMAGE, device: int = -1, **session: Any) -> None:
        super().__init__(image, device, **session)
        self._with_text(self.options)  # for what it raises

    def score_variants(
        self, structure: str, mutants: Iterable[str], wild_type: str | None = None, **parameters: Any
    ) -> np.ndarray:
        """What the model thinks of mutants of one protein: a score each, higher is fitter.

        - likelihood: ln p of the whole mutated sequence less that of the wild type, decoded in the same random orders
          and averaged over them (`orders`, `seed`)
        - conditional: ln p(mutant) - ln p(wild type) at each mutated position, given the backbone and the wild type's
          other residues; summed over the positions of a mutant
        - unconditional: the same, given the backbone alone

        Args:
            structure: the text of a PDB or mmCIF file, or its path.
            mutants: names (`A42G`, `A42G:L56M`) or mutated sequences.
            wild_type: what they are named after, from `offset` on; by default the structure's chain and its numbers.
            **parameters: `strategy`, `orders`, `seed`, `chains`, `offset`, `mismatches`, `copies`, `unresolved`.

        Returns:
            (n,) float64, a score a mutant, in order.

        Raises:
            SettingsError: the structure cannot be read, or a parameter is not known.
            PredictionError: a mutant is none of this wild type, or it has no place in the structure.

        >>> with ProteinMPNN() as model:  # doctest: +SKIP
        ...     model.score_variants("6MRR.pdb", ["W2A", "W2A:S3T"])
        array([ 1.02574493, -0.76308279])
        """
        import numpy as np

        listed = list(mutants)
        if not listed:
            return np.zeros(0)
        record: dict[str, Any] = {"structure": structure, "mutant": listed}
        if wild_type is not None:
            record["wild_type"] = wild_type
        scores: np.ndarray = self.predict(record, task="score", **parameters)["scores"]
        return scores

    def design(self, structure: str, samples: int = 1, **parameters: Any) -> list[str]:
        """Sequences for a structure: `samples` of them, the same for a seed whatever else is asked for.

        Args:
            structure: the text of a PDB or mmCIF file, or its path.
            samples: how many; the one with number k is that of `seed + k`.
            **parameters: `temperature`, `seed`, `chains`, `omit`; and `fixed`, the residues that stay: `A:10-25`.

        Raises:
            SettingsError, PredictionError: as of `score_variants`.

        >>> with ProteinMPNN() as model:  # doctest: +SKIP
        ...     model.design("6MRR.pdb", samples=2, temperature=0.1, seed=37, fixed="A:1-10")
        ['GWSTELEKHRKKLEEFLKEKG...', 'GWSTELEKHRKELEEFLKKLG...']
        """
        record: dict[str, Any] = {"structure": structure}
        if "fixed" in parameters:
            record["fixed"] = parameters.pop("fixed")
        designs: list[str] = self.predict(record, task="design", samples=samples, **parameters)["designs"]
        return designs

    # ------------------------------------------------------------------------------- paths become texts on their way

    def answers(self, records: Iterable[Mapping[str, Any]], *, first: int = 0, **parameters: Any) -> Iterator[Answer]:
        """As `Model.answers`; structures that are paths are read. Raises RecordError."""
        return super().answers(self._with_texts(records, first), first=first, **parameters)

    def compute(self, records: Iterable[Mapping[str, Any]], *arguments: Any, **keywords: Any) -> Iterator[list[Any]]:
        """As `Model.compute`; structures that are paths are read. Raises RecordError."""
        first = keywords.get("first", arguments[2] if len(arguments) > 2 else 0)
        return super().compute(self._with_texts(records, first), *arguments, **keywords)

    def told_hyper_params(self, given: Mapping[str, Any], folder: Path = Path()) -> dict[str, Any]:
        """As of `Model`: `structure` may be a path here. Without one the data set has to hold the structure."""
        return self._with_text(super().told_hyper_params(given, folder), folder)

    @property
    def given_options(self) -> dict[str, Any]:
        """As of `Model`, with the text of the structure: what `train` is told."""
        return self._with_text(super().given_options)

    def _call_options(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        return self._with_text(super()._call_options(parameters))

    def _with_text(self, options: Mapping[str, Any], folder: Path = Path()) -> dict[str, Any]:
        if not options.get("structure"):
            return dict(options)
        try:
            return {**options, "structure": structure_text(options["structure"], folder)}
        except StructureFileError as error:
            raise SettingsError(str(error), fix="give the path of a PDB or mmCIF file, or its text") from error

    def _with_texts(self, records: Iterable[Mapping[str, Any]], first: int) -> Iterator[Mapping[str, Any]]:
        for index, record in enumerate(records, first):
            given = record.get("structure")
            if not isinstance(given, str):
                yield record
                continue
            try:
                yield {**record, "structure": structure_text(given)}
            except StructureFileError as error:
                fix = "give the path of a PDB or mmCIF file, or its text"
                raise RecordError(f"record {index}: {error}", index=index, key="structure", fix=fix) from error
