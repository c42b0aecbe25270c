"""From what an author wrote to cells: everything is read, found and checked before the first cell begins."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.benchmarks.calls import ModelCall, describe, identity_of
from repro.benchmarks.cells import Cell, identity
from repro.benchmarks.inputs import Rows, Source, choose_rows, errors_at
from repro.benchmarks.problems import Problems
from repro.benchmarks.proteingym.finding import find_dataset
from repro.benchmarks.resources import Needs
from repro.benchmarks.spec import DatasetEntry, ModelEntry, Spec
from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.guest.assays import Dataset, ModelCard
    from repro.model import Model
    from repro.provenance.manifest import MadeBy

_CARD_FILE = "README.md"


@dataclass(frozen=True)
class Plan:
    """The cells of a benchmark, in the order of its file."""

    cells: tuple[Cell, ...]
    metrics: tuple[str, ...] | None
    """By their own names; None: all that a cell's rows suffice for."""
    bootstrap: int
    notes: tuple[str, ...] = ()
    """What its author should be told."""


@dataclass(frozen=True)
class _ReadyModel:
    """A model that is set up, with its card."""

    entry: ModelEntry
    call: ModelCall
    made_by: MadeBy
    identity: Mapping[str, Any]
    """What of the model a result depends on."""
    card: ModelCard
    needs: Needs


def make_plan(spec: Spec, problems: Problems | None = None) -> Plan:
    """Read the data sets and the cards, find the models, make the splits.

    Args:
        spec: what the benchmark is.
        problems: what is known to be wrong with its file already; told with the others.

    Raises:
        SettingsError, ModelNotFoundError, SetupError, InputFileError, RuntimeUnavailableError: one of them cannot be
            used; says where in the file it is named. Where there are several such problems, all are told.
    """
    problems = Problems() if problems is None else problems
    metrics: tuple[str, ...] = ()
    with problems.gathered():
        metrics = _metrics(spec)
    models = []
    for model in spec.models:
        with problems.gathered():
            models.append(_ready(spec, model))
    cells: list[Cell] = []
    for dataset in spec.datasets:
        with problems.gathered():
            for source, rows in _rows_of(spec, dataset, metrics, problems):
                content = rows.content
                cells += [_cell(source, rows, content, model) for model in models]
    problems.raise_all()
    distinct, notes = _distinct(spec, cells)
    return Plan(distinct, metrics or None, spec.bootstrap, notes)


# ------------------------------------------------------------------------------------------------------------ models


def _ready(spec: Spec, entry: ModelEntry) -> _ReadyModel:
    from repro.model import Model
    from repro.training_task import check_card

    with errors_at(entry.at.place("model")):
        model_class = Model.by_name(entry.model)
    card_file = model_class.container_folder() / _CARD_FILE if entry.card is None else spec.resolve(entry.card)
    card = _read_card(entry, card_file)
    keywords = _keywords(spec, entry, model_class, card)
    call = ModelCall(entry.model, keywords, str(card_file.absolute()), entry.hyper_params)
    with errors_at(entry.at.place("model")), call.make() as model:
        _check_can_train(model, entry)
        check_card(model, card, card_file, entry.hyper_params)
        call = replace(call, hyper_params=model.told_hyper_params(entry.hyper_params, spec.path.parent))
        made_by = describe(model)
        # Named, so that a cell does not choose another one when an engine starts or stops meanwhile.
        call = replace(call, keywords={**keywords, "runtime": made_by.environment.runtime})
        return _ReadyModel(entry, call, made_by, identity_of(model, made_by), card, _needs(entry, card))


def _keywords(spec: Spec, entry: ModelEntry, model: type[Model], card: ModelCard) -> dict[str, Any]:
    """Of the model's constructor. The variant is named whoever says it, as the cell is known by its weights too."""
    from repro.training_task import named_variant

    given = {"image": entry.image, "variant": entry.variant, "runtime": spec.runtime}
    given |= {"weights": None if entry.weights is None else str(spec.resolve(entry.weights).absolute())}
    with errors_at(entry.at.place("model")):
        if model.config().variants and not model.learns_from_scratch:
            given["variant"] = named_variant(model, entry.hyper_params, {"variant": entry.variant}, card.hyper_params)
    return {name: value for name, value in given.items() if value is not None}


def _check_can_train(model: Model, entry: ModelEntry) -> None:
    """Raise what can be known before run.py is asked. SettingsError."""
    from repro.provenance.maker import is_classic
    from repro.schema import check_options

    if is_classic(model):
        raise SettingsError(f"{model.name} is of the tutorial's classic form, which has no train")
    if model.Hyperparameters is not None:
        own = {name: value for name, value in entry.hyper_params.items() if name not in model.variant_names}
        check_options(model.name, (model.Options, model.Parameters, model.Hyperparameters), own)


def _read_card(entry: ModelEntry, path: Path) -> ModelCard:
    from repro.guest.assays import CardError, ModelCard

    with errors_at(entry.at.place("card" if entry.card is not None else "model")):
        try:
            card: ModelCard = ModelCard.from_path(path)
        except CardError as error:
            if entry.card is None:
                fix = "take a model that can be trained; or say which card it has (card: FILE)"
                raise CardError(f"{entry.model} cannot be trained: {error.message}", fix) from error
            raise
    return card


def _needs(entry: ModelEntry, card: ModelCard) -> Needs:
    """What the entry says, else the card."""
    from repro.runtimes.base import Limits

    memory_bytes, cpus = entry.memory_bytes, entry.cpus
    with errors_at(f"{entry.at.place('model')}: its card"):
        said = Limits.of(card.extra.get("memory"), card.extra.get("cpus"), None)
    return Needs(memory_bytes or said.memory_bytes, cpus or said.cpus, entry.device)


# ------------------------------------------------------------------------------------------------- data sets, metrics


def _rows_of(
    spec: Spec, entry: DatasetEntry, metrics: tuple[str, ...], problems: Problems
) -> Iterator[tuple[Source, Rows]]:
    """Each target of a data set with each split; what is wrong with one of these is kept, and the others are given."""
    path = _dataset_file(spec, entry)
    is_table = not zipfile.is_zipfile(path)
    reference = None if entry.reference is None else str(spec.resolve(entry.reference).absolute())
    source = Source(str(path.absolute()), reference, entry.target if is_table else None, entry.name)
    with errors_at(entry.at.place("path")):
        dataset = source.read()
    for target in _targets(entry, dataset):
        for split in spec.splits:
            rows = problems.value(_checked_rows, spec, entry, dataset, target, split, metrics, default=None)
            if rows is not None:
                yield source, rows


def _targets(entry: DatasetEntry, dataset: Dataset) -> list[str]:
    """The one that is named, else all. Raises InputFileError."""
    if entry.target is None:
        return list(dataset.assays)
    with errors_at(entry.at.place("target")):
        return [dataset.assay(entry.target).target]


def _checked_rows(
    spec: Spec, entry: DatasetEntry, dataset: Dataset, target: str, split: str | None, metrics: tuple[str, ...]
) -> Rows:
    with errors_at(spec.at.place("splits") if split is not None else entry.at.place("path")):
        rows = choose_rows(dataset, target, split)
    _check_classes(spec, rows, metrics)
    return rows


def _dataset_file(spec: Spec, entry: DatasetEntry) -> Path:
    """The file that is there, else the example or the imported one of that name."""
    with errors_at(entry.at.place("path")):
        return find_dataset(entry.path, folder=spec.path.parent)


def _metrics(spec: Spec) -> tuple[str, ...]:
    from repro.benchmarks.metrics import Takes, by_name

    with errors_at(spec.at.place("metrics")):
        found = [by_name(name) for name in spec.metrics]
    for metric in found:
        if metric.takes is Takes.SEQUENCES:
            raise spec.at.wrong("metrics", f"has {metric.name}, which is of designed sequences, not of predictions")
    return tuple(dict.fromkeys(metric.name for metric in found))


def _check_classes(spec: Spec, rows: Rows, metrics: tuple[str, ...]) -> None:
    from repro.benchmarks.metrics import METRICS, Takes

    needy = [name for name in metrics if METRICS[name].takes is Takes.CLASSES]
    if needy and rows.classes() is None:
        raise spec.at.wrong(
            "metrics",
            f"has {', '.join(needy)}, which needs two classes of variants: {rows.dataset.name} has neither a column"
            f" {rows.target}_bin nor, from ProteinGym's reference file, a cutoff",
        )


# -------------------------------------------------------------------------------------------------------------- cells


def _cell(source: Source, rows: Rows, content: str, model: _ReadyModel) -> Cell:
    entry, made_by = model.entry, model.made_by
    environment = made_by.environment
    facts = {
        "dataset": rows.dataset.name,
        "dataset_digest": content,
        "target": rows.target,
        "split": rows.split,
        "folds": rows.folds,
        "model": entry.label,
        "model_name": made_by.model.name,
        "model_version": made_by.model.version,
        "variant": made_by.model.variant,
        "card": model.card.name,
        "card_digest": model.card.digest,
        "hyper_params": {**model.card.hyper_params, **entry.hyper_params},
        "runtime": environment.runtime,
        "image": environment.image,
        "environment": environment.identity,
        "weights": dict(made_by.weights),
        "repro": made_by.repro,
    }
    return Cell(
        dataset=rows.dataset.name,
        target=rows.target,
        model=entry.label,
        split=rows.split,
        source=source,
        call=model.call,
        needs=model.needs,
        identity=identity(
            content=content,
            target=rows.target,
            model=model.identity,
            device=entry.device,
            card=model.card.digest,
            hyper_params=model.call.hyper_params,
        ),
        facts=facts,
        limits=_limits(model.needs) if environment.runtime == "docker" else {},
    )


def _limits(needs: Needs) -> dict[str, Any]:
    """What the worker is held to: what somebody said, as what is only counted on may be too little."""
    said = {"memory": needs.memory_bytes, "cpus": needs.cpus}
    return {name: value for name, value in said.items() if value is not None}


def _distinct(spec: Spec, cells: list[Cell]) -> tuple[tuple[Cell, ...], tuple[str, ...]]:
    """The cells, each once. Raises SettingsError where two that differ are called the same."""
    by_names: dict[tuple[str, ...], Cell] = {}
    for cell in cells:
        other = by_names.setdefault(cell.names, cell)
        if other.key != cell.key:
            key = "datasets" if other.identity["data"] != cell.identity["data"] else "models"
            give = "give one of them a `name`" if key == "datasets" else "give one of them a `label`"
            raise spec.at.wrong(key, f"has two that differ and are called the same: {cell.name}; {give}")
    twice = len(cells) - len(by_names)
    notes = (f"{spec.path} names {twice:,} of its cells again: each is computed once",) if twice else ()
    return tuple(by_names.values()), notes
