"""What is asked of a training, and the same checked: data set, target, split and fold, card and hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import is_zipfile

from repro.benchmarks.proteingym.finding import find_dataset
from repro.errors import InputFileError, SettingsError
from repro.guest.assays import AssaysError, CardError, Dataset, ModelCard
from repro.provenance.maker import is_classic
from repro.provenance.manifest import FileFacts
from repro.provenance.writing import describe_file

if TYPE_CHECKING:
    from repro.model import Model

CARD_FILE = "README.md"
_UNSAID = (None, "None", "null")
"""Values of a card that say nothing, as run.py takes them."""


@dataclass(frozen=True)
class TrainingRequest:
    """What to train on, and where the predictions go. None: what `Model.train` says of it."""

    dataset: Dataset | str | Path
    output_dir: Path
    card: str | Path | None = None
    target: str | None = None
    split: str | None = None
    fold: int | None = None
    hyper_params: Mapping[str, Any] = field(default_factory=dict)
    reference: str | Path | None = None


@dataclass(frozen=True)
class TrainingTask:
    """A request, checked: what it names is there and fits."""

    model: Model
    """With the weights that are asked for."""
    dataset: Dataset
    file_facts: FileFacts
    archive: Path | None
    """The file, where a container can read it as it is."""
    card: ModelCard
    card_file: Path
    target: str
    split: str | None
    """None: run.py chooses, as nothing is stored."""
    fold: int | None
    options: dict[str, Any]
    """Of run.py: those that were given, in Python or in the shell."""

    @classmethod
    def of(cls, model: Model, request: TrainingRequest) -> TrainingTask:
        """Check a request. Raises InputFileError, SettingsError, ModelNotFoundError (no such variant)."""
        with told_as_input():
            return cls._of(model, request)

    @classmethod
    def _of(cls, model: Model, request: TrainingRequest) -> TrainingTask:
        if is_classic(model):
            raise SettingsError(f"{model.name} starts a container a call, and has no train")
        dataset, facts, archive = _read_dataset(request)
        target = dataset.assay(request.target).target
        split = _checked_split(dataset, target, request)
        card_file = Path(request.card) if request.card is not None else model.container_folder() / CARD_FILE
        card = _read_card(model, card_file, is_its_own=request.card is None)
        check_card(model, card, card_file, request.hyper_params)
        options = {**model.given_options, **_checked_hyper_params(model, model.told_hyper_params(request.hyper_params))}
        if model.learns_from_scratch:
            model = model.with_variant(None)
            options.pop("variant", None)
        elif model.variant is not None and model.config().variants:
            name = named_variant(model, options, card.hyper_params) or model.variant.name
            model = model if name == model.variant.name else model.with_variant(name)
            options = {key: value for key, value in options.items() if key not in model.variant_names}
            options["variant"] = name
        return cls(model, dataset, facts, archive, card, card_file, target, split, request.fold, options)


def named_variant(model: Model | type[Model], *sources: Mapping[str, Any]) -> str | None:
    """The variant that options or hyper-parameters name, the strongest of them first; None where none does."""
    said = (source.get(name) for source in sources for name in model.variant_names)
    return next((str(name) for name in said if name is not None), None)


def _read_card(model: Model, path: Path, is_its_own: bool) -> ModelCard:
    try:
        card: ModelCard = ModelCard.from_path(path)
    except CardError as error:
        if not is_its_own:
            raise
        fix = "take a model that can be trained; one of your own needs a card (docs/adding-a-model.md), or --card FILE"
        raise InputFileError(f"{model.name} cannot be trained: {error.message}", fix=fix) from error
    return card


def check_card(model: Model | type[Model], card: ModelCard, path: Path, given: Mapping[str, Any]) -> None:
    """See that a card's values are of the kind that the wrapper declares; names it does not know are for run.py.

    Args:
        path: of the card.
        given: hyper-parameters that go before the card's.

    Raises:
        SettingsError: one does not fit.
    """
    from repro.schema import check_options

    kinds = (model.Options, model.Parameters, model.Hyperparameters)
    if model.Hyperparameters is None:
        return
    declared = {name for kind in kinds if kind is not None for name in kind.model_fields}
    declared -= {_plain(name) for name in given}
    values = {_plain(name): value for name, value in card.hyper_params.items() if value not in _UNSAID}
    try:
        check_options(model.name, kinds, {name: value for name, value in values.items() if name in declared})
    except SettingsError as error:
        error.message = f"the model card {path}: {error.message}"
        raise


def _plain(name: str) -> str:
    return name.replace("-", "_")


def _read_dataset(request: TrainingRequest) -> tuple[Dataset, FileFacts, Path | None]:
    if isinstance(request.dataset, Dataset):
        return request.dataset, FileFacts(request.dataset.name, None, None), None
    path = find_dataset(request.dataset)
    dataset = Dataset.from_path(path, reference=request.reference)
    return dataset, describe_file(path), path if is_zipfile(path) else None


def _checked_split(dataset: Dataset, target: str, request: TrainingRequest) -> str | None:
    """The split that is asked for, or stored; None where that is for run.py to choose. Raises DatasetError."""
    from repro.guest import folds

    name = request.split or folds.stored_split(dataset)
    if name is None and request.fold is not None:
        name = folds.MADE
    if name is not None:  # what a model needs to learn from is for run.py to say: one that scores needs nothing
        folds.plan(dataset, target, name, request.fold, zero_shot=True)
    return name


def _checked_hyper_params(model: Model, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hyper-parameters by the names that run.py has. Raises SettingsError."""
    from repro.guest.runner import Runner
    from repro.guest.training_options import training_parser
    from repro.schema import check_options

    plain = {name.replace("-", "_"): value for name, value in given.items()}
    not_for_models = training_parser(Runner)[1]
    for name in plain:
        if name in not_for_models:
            raise SettingsError(f"{name} is no hyper-parameter", fix=f"give it as {name}= or --{name}, where it is one")
    if model.Hyperparameters is not None:
        check_options(model.name, (model.Options, model.Parameters, model.Hyperparameters), _without_variant(plain))
    return plain


def _without_variant(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name != "variant"}


@contextmanager
def told_as_input() -> Iterator[None]:
    """Tell what is wrong with a data set or a card as an error of this side's tree."""
    try:
        yield
    except AssaysError as error:
        raise InputFileError(error.message, fix=error.fix) from error
