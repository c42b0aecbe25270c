"""One cell, computed in a process of its own: `python -m repro.benchmarks.job`, told by a line on standard input.

A process a cell, since a cell that takes all memory, or crashes the interpreter, then ends alone; and since a cell can
be ended at any moment. When standard input ends, the run that wants the cell has gone: the process ends as at SIGTERM,
which ends its worker.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from repro.benchmarks.cache import (
    DONE,
    FAILED,
    PREDICTIONS_FILE,
    Record,
    file_sha256,
    read_record,
    write_record,
)
from repro.benchmarks.calls import ModelCall, describe, identity_of
from repro.benchmarks.cells import shortened
from repro.benchmarks.inputs import Rows, Source, choose_rows
from repro.errors import InputFileError, NotSetUpError, ProtocolError, ReproError

if TYPE_CHECKING:
    from repro.provenance.manifest import TrainingFacts

_OUTPUT = "output"
_EXIT_TERMINATED = 128 + signal.SIGTERM
_GRACE_S = 20.0
"""Time to end the worker in order once nobody wants the cell any more."""


@dataclass(frozen=True)
class Job:
    """What a cell's process is told."""

    folder: str
    """Of the cell: a new one, or with `is_done` that of a cell whose scores alone are wanted."""
    key: str
    identity: Mapping[str, Any]
    facts: Mapping[str, Any]
    source: Source
    target: str
    split: str
    call: ModelCall
    device: int
    limits: Mapping[str, Any] = field(default_factory=dict)
    """`memory` and `cpus`, for a runtime that can limit them."""
    metrics: tuple[str, ...] | None = None
    """None: all that the rows suffice for."""
    bootstrap: int = 0
    is_done: bool = False

    def as_line(self) -> str:
        """As it travels."""
        return json.dumps(asdict(self), default=str) + "\n"

    @classmethod
    def from_line(cls, line: str) -> Job:
        """What `as_line` has made."""
        told = json.loads(line)
        told["source"] = Source(**told["source"])
        told["call"] = ModelCall(**told["call"])
        told["metrics"] = None if told["metrics"] is None else tuple(told["metrics"])
        return cls(**told)


Say = Callable[[str], None]


def compute(job: Job, say: Say) -> Record:
    """Compute a cell into its folder: predictions and scores, or why there are none.

    Errors of the cell are its result; whatever else is raised is a fault of the program.
    """
    before = read_record(Path(job.folder)) if job.is_done else None
    record = before or Record(job.key, DONE, job.identity, job.facts, _now())
    begun = time.monotonic()
    try:
        rows = _rows(job)
        if before is None:
            training = _predict(job, rows, say)
            record = replace(
                record,
                facts={**job.facts, "hyper_params": shortened(training.hyper_params)},
                seconds=round(time.monotonic() - begun, 3),
                rows=len(rows.held_out),
                predictions_sha256=_sha256(job),
            )
        say("scores")
        return replace(record, scores=_scores(job, rows), scored_with=scored_with(job.metrics, job.bootstrap))
    except ReproError as error:
        if before is not None:
            raise
        _remove_all(Path(job.folder))
        return replace(record, status=FAILED, error=str(error), seconds=round(time.monotonic() - begun, 3))


def scored_with(metrics: tuple[str, ...] | None, bootstrap: int) -> dict[str, Any]:
    """What scores depend on beside the predictions, as JSON has it."""
    from repro import __version__

    return {"metrics": None if metrics is None else sorted(metrics), "bootstrap": bootstrap, "repro": __version__}


def _rows(job: Job) -> Rows:
    rows = choose_rows(job.source.read(), job.target, job.split)
    if rows.content != job.identity["data"]:
        raise InputFileError(f"{job.source.path} was changed after the benchmark began", fix="run it again")
    return rows


def _predict(job: Job, rows: Rows, say: Say) -> TrainingFacts:
    """Leave `predictions.csv` in the folder, and nothing else of what the model keeps."""
    folder = Path(job.folder)
    with job.call.make(device=job.device, **job.limits) as model:
        if identity_of(model, describe(model)) != job.identity["model"]:
            raise NotSetUpError(f"{job.call.model} was changed after the benchmark began", fix="run it again")
        result = model.train(
            rows.dataset,
            folder / _OUTPUT,
            card=job.call.card,
            target=job.target,
            split=job.split,
            hyper_params=job.call.hyper_params,
            say=say,
        )
    shutil.move(result.predictions, folder / PREDICTIONS_FILE)
    shutil.rmtree(folder / _OUTPUT)
    return result.training


def _scores(job: Job, rows: Rows) -> dict[str, Any]:
    from repro.benchmarks.metrics import evaluate

    found = _columns(Path(job.folder) / PREDICTIONS_FILE)
    _check_rows(job, rows, found["test"])
    wanted = None if job.metrics is None else list(dict.fromkeys([*job.metrics, "spearman"]))
    scores = evaluate(found["test"], found["pred"], rows.classes(), wanted, job.bootstrap)
    return {name: asdict(score) for name, score in scores.items()}


def _check_rows(job: Job, rows: Rows, found: list[float]) -> None:
    """See that the rows are those that were held out, in their order: what was measured tells them."""
    measured = rows.dataset.table[job.target]
    wanted = [measured[row] for row in rows.held_out]
    if found != wanted:
        counts = f"{len(found):,} predictions for {len(wanted):,} held-out rows"
        what = counts if len(found) != len(wanted) else "predictions of other rows than those that were held out"
        raise ProtocolError(f"{job.call.model} gave {what}", cause="its run.py does not do what `train` has to do")


def _columns(path: Path) -> dict[str, list[float]]:
    """What was measured and what was predicted, a number a row."""
    import csv

    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        places = header.index("test"), header.index("pred")
        pairs = [(float(row[places[0]]), float(row[places[1]])) for row in reader]
    return {"test": [test for test, _ in pairs], "pred": [pred for _, pred in pairs]}


def _remove_all(folder: Path) -> None:
    """What a cell that failed has left on the way."""
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _sha256(job: Job) -> str:
    return file_sha256(Path(job.folder) / PREDICTIONS_FILE) or ""


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


# ---------------------------------------------------------------------------------------------------------- the process


def main() -> int:
    """Compute the cell that the first line of standard input tells."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its cells
    line = sys.stdin.readline()
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    job = Job.from_line(line)
    write_record(Path(job.folder), compute(job, _tell))
    return 0


def _end(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(_EXIT_TERMINATED)


def _tell(text: str) -> None:
    print(json.dumps({"said": text}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
