"""What a job is made from, kept beside what it leaves: whoever fetches that may sit at another machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.engines.sagemaker.places import EcrImage, Place
from repro.guest.training import table_name
from repro.provenance.maker import Maker
from repro.provenance.manifest import SAGEMAKER, FileFacts, MadeBy, TrainingFacts
from repro.provenance.privacy import without_secrets
from repro.provenance.recording import describe_made_by

if TYPE_CHECKING:
    from repro.training_task import TrainingTask

MOST_BYTES = 16 << 20


@dataclass(frozen=True)
class JobRecord:
    """All that is known before a job begins."""

    made_by: MadeBy
    dataset: FileFacts
    training: TrainingFacts
    table: str
    """What the file of the predictions is called."""

    @classmethod
    def of(cls, task: TrainingTask, image: EcrImage, weights: tuple[tuple[str, Path], ...]) -> JobRecord:
        """Args: weights: files of this machine, by their names."""
        from repro.weights import file_sha256

        model = task.model
        maker = Maker(
            model=model.name,
            runtime=SAGEMAKER,
            image=image.uri,
            environment=image.digest or image.uri,
            variant=model.variant.name if model.variant is not None else None,
            weights={name: file_sha256(path) for name, path in weights},
            options=task.options,
            device="",
            batch_size=model.batch_size,
        )
        training = TrainingFacts(
            dataset=task.dataset.name,
            dataset_digest=task.dataset.digest,
            target=task.target,
            split=task.split or "",
            folds=() if task.fold is None else (task.fold,),
            model=task.card.name,
            card_digest=task.card.digest,
            hyper_params=without_secrets(task.options),
        )
        return cls(
            describe_made_by(model, maker), task.file_facts, training, table_name(task.dataset.name, task.card.name)
        )

    def to_json(self) -> bytes:
        from pydantic import TypeAdapter

        return json.dumps(TypeAdapter(JobRecord).dump_python(self, mode="json"), indent=2).encode()

    @classmethod
    def from_json(cls, text: bytes) -> JobRecord | None:
        """None where it is none."""
        from pydantic import TypeAdapter, ValidationError

        try:
            return TypeAdapter(JobRecord).validate_json(text, strict=True)
        except ValidationError:
            return None


def record_place(output: Place, job: str) -> Place:
    """Where the record of a job lies."""
    return output.below(job, "repro.json")
