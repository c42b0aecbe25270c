"""The manifest of what `train` has predicted: what made it, from which data, by which card and hyper-parameters."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from repro.provenance.maker import Maker
from repro.provenance.manifest import LAYOUT, Counts, FileFacts, Manifest, RunFacts, Seconds, TrainingFacts
from repro.provenance.privacy import without_secrets
from repro.provenance.record import now
from repro.provenance.recording import describe_host, describe_made_by, describe_worker

if TYPE_CHECKING:
    from repro.model import Model


@dataclass(frozen=True)
class Told:
    """What run.py says of a training that has ended; nothing of it is sure to be there."""

    dataset_digest: str = ""
    split: str = ""
    folds: tuple[int, ...] = ()
    dropped: int = 0
    hyper_params: Mapping[str, Any] | None = None
    seconds: float = 0.0
    worker: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Told:
        """What of `said` is of the kind that it should be."""
        split, folds, dropped, seconds = (said.get(name) for name in ("split", "folds", "dropped", "seconds"))
        hyper_params, worker, dataset = (said.get(name) for name in ("hyper_params", "worker", "dataset"))
        return cls(
            dataset_digest=str(dataset.get("digest", "")) if isinstance(dataset, dict) else "",
            split=split if isinstance(split, str) else "",
            folds=tuple(fold for fold in folds if type(fold) is int) if isinstance(folds, list) else (),
            dropped=dropped if type(dropped) is int else 0,
            hyper_params=hyper_params if isinstance(hyper_params, dict) else None,
            seconds=float(seconds) if isinstance(seconds, (int, float)) and 0 <= seconds < 1e9 else 0.0,
            worker=worker if isinstance(worker, dict) else None,
        )


class TrainingRecord:
    """The record of one training, begun before anything starts.

    Args:
        model: what learns.
        maker: the same, as it was described.
        options: of run.py that were chosen on the host.
    """

    def __init__(self, model: Model, maker: Maker, options: Mapping[str, Any]) -> None:
        self._started, self._begun = now(), time.monotonic()
        self._made_by = describe_made_by(model, replace(maker, options=dict(options)))
        self._keywords = model.recorded_keywords()

    @property
    def seconds(self) -> float:
        """Since it was begun."""
        return round(time.monotonic() - self._begun, 3)

    def manifest(
        self, training: TrainingFacts, told: Told, rows: int, dataset: FileFacts, table: FileFacts
    ) -> Manifest:
        """The manifest of the predictions, which are complete."""
        whole = self.seconds
        compute = min(told.seconds, whole)
        return Manifest(
            repro_manifest=LAYOUT,
            made_by=self._made_by,
            run=RunFacts("dataset", "csv", {}, None, "raise", without_secrets(self._keywords)),
            worker=describe_worker(told.worker or {}),
            host=describe_host(),
            resumed=(),
            started=self._started,
            ended=now(),
            seconds=Seconds(start=round(whole - compute, 3), compute=compute, whole=whole),
            records=Counts(rows, 0, 0),
            input=dataset,
            output=table,
            training=training,
        )
