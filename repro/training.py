"""Training a model, or scoring variants with it: a data set and a card in, predictions of held-out rows out.

All that can be known is checked before anything starts. Then `run.py train` runs to its end in an environment of its
own, and what it leaves is checked and taken over whole: the predictions, what made them, and what the model has kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import InputFileError
from repro.provenance.maker import describe_maker
from repro.provenance.manifest import FileFacts, TrainingFacts, manifest_path
from repro.provenance.privacy import without_secrets
from repro.provenance.training import Told, TrainingRecord
from repro.provenance.writing import describe_file, to_json
from repro.runtimes.log import LogTail
from repro.runtimes.training import TrainingLaunch, check_launch, run_training, weights_dir_inside
from repro.training_folders import TrainingFolders
from repro.training_output import check_output_dir, checked_table, take_over
from repro.training_task import TrainingRequest, TrainingTask

if TYPE_CHECKING:
    from repro.model import Model
    from repro.runtimes.base import Environment

__all__ = ["TrainingRequest", "TrainingResult", "train_model"]

Say = Callable[[str], None]


@dataclass(frozen=True)
class TrainingResult:
    """What a training gave."""

    predictions: Path
    """A row each that was held out: `mutant` and `sequence` (those that there are), `test`, `pred`, `split`."""
    manifest: Path
    """What made them."""
    rows: int
    dropped: int
    """Rows of the data set that have no measured value."""
    training: TrainingFacts
    kept: tuple[str, ...]
    """What the model has kept in the folder of the predictions, by paths in it."""
    left_out: tuple[str, ...]
    """What it had kept that is no plain file or folder, and was not taken over."""
    seconds: float


def train_model(model: Model, request: TrainingRequest, say: Say | None = None) -> TrainingResult:
    """Do what `Model.train` says; raises what it says."""
    say = say or _unsaid
    task = TrainingTask.of(model, request)
    check_output_dir(request.output_dir)
    record = TrainingRecord(task.model, describe_maker(task.model), task.options)
    environment = task.model.session.environment
    with TrainingFolders(task.model.plan.exchange_root) as folders:
        launch = _launch(task.model, folders)
        check_launch(environment, launch)
        folders.lay_in(task, _hyper_parameters(task, environment, launch), with_weights=launch.weights_dir is not None)
        say(f"training {task.model.name} on {environment.runtime}")
        folders.check_ended(*run_training(environment, launch, LogTail(report=say)))
        return _taken_over(task, folders, record, request.output_dir)


def _unsaid(_: str) -> None:
    """Say it to nobody."""


def _taken_over(
    task: TrainingTask, folders: TrainingFolders, record: TrainingRecord, output_dir: Path
) -> TrainingResult:
    """Check what a training has left, and move it to where it is wanted."""
    told = Told.of(folders.facts())
    if told.dataset_digest not in ("", task.dataset.digest):
        raise InputFileError(f"{task.file_facts.path} changed while it was read", fix="run it again")
    table = checked_table(folders.output_dir, task, told.split)
    training = _facts(task, told)
    output = describe_file(table.path)
    predictions = output_dir / table.path.name
    manifest = record.manifest(
        training, told, table.rows, task.file_facts, FileFacts(str(predictions), output.sha256, output.bytes)
    )
    kept, left_out = take_over(folders.output_dir, output_dir, table.path.name, to_json(manifest))
    return TrainingResult(
        predictions=predictions,
        manifest=manifest_path(predictions),
        rows=table.rows,
        dropped=told.dropped,
        training=training,
        kept=kept,
        left_out=left_out,
        seconds=record.seconds,
    )


def _facts(task: TrainingTask, told: Told) -> TrainingFacts:
    hyper_params = without_secrets(told.hyper_params if told.hyper_params is not None else task.options)
    if task.model.learns_from_scratch:  # run.py has a default for the weights of `predict`, which it did not load
        hyper_params = {name: value for name, value in hyper_params.items() if name not in task.model.variant_names}
    return TrainingFacts(
        dataset=task.dataset.name,
        dataset_digest=task.dataset.digest,
        target=task.target,
        split=told.split or task.split or "",
        folds=told.folds,
        model=task.card.name,
        card_digest=task.card.digest,
        hyper_params=hyper_params,
    )


def _launch(model: Model, folders: TrainingFolders) -> TrainingLaunch:
    plan = model.plan
    return TrainingLaunch(
        prefix=folders.prefix,
        weights_dir=model.weights_dir(),
        mounts=plan.mounts,
        device=plan.device,
        network=plan.network,
        limits=plan.limits,
    )


def _hyper_parameters(task: TrainingTask, environment: Environment, launch: TrainingLaunch) -> dict[str, Any]:
    """All that run.py is told, as its file of hyper-parameters: `train` needs no option then."""
    said = {
        "target": task.target,
        "split": task.split,
        "fold": task.fold,
        "device": "cuda" if launch.device.is_gpu else None,
        "weights_dir": weights_dir_inside(environment, launch),
        **task.options,
    }
    return {name: value for name, value in said.items() if value is not None}
