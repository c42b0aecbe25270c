"""The folders of one training, laid out as SageMaker lays them: filled before it, and asked how it ended after it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.data.output import output_errors
from repro.errors import Evidence, InputFileError, OutOfMemoryError, ReproError, SettingsError, TrainingError
from repro.exchange_folder import ExchangeFolder
from repro.guest.training import FAILED, WRONG_INPUT, WRONG_OPTIONS
from repro.guest.training_options import TrainingPaths
from repro.training_output import read_plain
from repro.training_task import TrainingTask

if TYPE_CHECKING:
    from repro.runtimes.base import Exit

_MOST_FACTS_BYTES = 64 << 20
_MOST_REASON_BYTES = 1 << 16
_SHOWN_REASON = 1024  # what SageMaker shows of it
_NO_PROGRAM = 127


class TrainingFolders:
    """Private folders for one training; removed at the end of the `with` block.

    Args:
        root: where to make them; None: the system's temporary folder.

    Raises:
        OutputError: they cannot be made there.
    """

    def __init__(self, root: Path | None) -> None:
        self._folder = ExchangeFolder(root)
        self.prefix = self._folder.path / "ml"
        self._paths = TrainingPaths(self.prefix)

    def __enter__(self) -> TrainingFolders:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.remove()

    @property
    def output_dir(self) -> Path:
        """What the model has kept, and its predictions."""
        return Path(self._paths.output_dir)

    def lay_in(self, task: TrainingTask, hyper_parameters: Mapping[str, Any], *, with_weights: bool) -> None:
        """Put everything in that is read. Raises OutputError, DatasetError."""
        paths = self._paths
        card = Path(paths.model_toml_file if task.card_file.suffix == ".toml" else paths.model_card_file)
        with output_errors(self.prefix):
            for file in (paths.dataset_file, card, paths.hyperparameters_file, paths.failure_file):
                Path(file).parent.mkdir(parents=True)
            self.output_dir.mkdir()
            if with_weights:  # below a folder that is mounted read-only no other can be made to mount on
                Path(paths.weights_dir).mkdir()
            if task.archive is None:
                task.dataset.save(paths.dataset_file)
            else:
                shutil.copyfile(task.archive, paths.dataset_file)
            shutil.copyfile(task.card_file, card)
            texts = {name: _as_text(value) for name, value in hyper_parameters.items()}
            Path(paths.hyperparameters_file).write_text(json.dumps(texts), encoding="utf-8")

    def check_ended(self, ended: Exit, evidence: Evidence) -> None:
        """Raise what the training failed of; nothing where it ended well."""
        if ended.oom_killed:
            raise OutOfMemoryError("the training was killed for want of memory", evidence=evidence)
        if ended.code != 0:
            reason = read_plain(Path(self._paths.failure_file), _MOST_REASON_BYTES).decode("utf-8", "replace").strip()
            raise _failure(reason, ended.code, evidence)

    def facts(self) -> Mapping[str, Any]:
        """What run.py says of what it did; empty where it says nothing, as one without the guest may."""
        try:
            said = json.loads(read_plain(Path(self._paths.facts_file), _MOST_FACTS_BYTES) or b"{}")
        except (ValueError, RecursionError):
            return {}
        return said if isinstance(said, dict) else {}


def _as_text(value: Any) -> str:
    """A value as SageMaker has it: as text."""
    return value if isinstance(value, str) else json.dumps(value)


def _failure(reason: str, code: int | None, evidence: Evidence) -> ReproError:
    """The error for an exit status and for the reason that run.py has left."""
    said, _, fix = reason.partition("\ndo: ")
    first = said.splitlines()[0][:_SHOWN_REASON] if said else ""
    if code == WRONG_OPTIONS and first:
        return SettingsError(first, fix=fix)
    if code == WRONG_INPUT and first:
        return InputFileError(first, fix=fix)
    if code == FAILED and first:
        where = "the end of its log says where"
        return TrainingError(f"the model failed in training: {first}", fix=where, evidence=evidence)
    status = "and the engine does not know how" if code is None else f"with status {code}"
    if code == _NO_PROGRAM:
        cause = "the image has neither a program `train` nor the run.py that config.yaml names (`command`)"
        return TrainingError(f"the training ended {status}", cause=cause, evidence=evidence)
    return TrainingError(f"the training ended {status}", cause=first, fix="the last lines say why", evidence=evidence)
