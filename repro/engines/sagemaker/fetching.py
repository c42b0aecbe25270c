"""Fetch what a job has left: unpacked with care, checked, and taken over whole with a manifest of what made it."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from repro.data.output import output_errors, temporary_folder
from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.aws_errors import aws_errors, code_of
from repro.engines.sagemaker.places import Place
from repro.engines.sagemaker.record import MOST_BYTES, JobRecord, record_place
from repro.engines.sagemaker.state import JobState, read_state
from repro.errors import InputError, ProtocolError, WeightsError
from repro.provenance.manifest import (
    LAYOUT,
    Counts,
    FileFacts,
    HostFacts,
    Manifest,
    RunFacts,
    Seconds,
    manifest_path,
)
from repro.provenance.privacy import without_secrets
from repro.provenance.recording import describe_worker
from repro.provenance.training import Told
from repro.provenance.writing import describe_file, to_json
from repro.training_output import check_output_dir, is_plain, read_plain, take_over
from repro.weights.archive import Limits, unpack

Say = Callable[[str], None]
_LIMITS = Limits(files=100_000, ratio=1000.0)
"""A table of numbers is text, which packs better than weights do."""
_FACTS = "training.json"
_MISSING = ("404", "NoSuchKey", "NotFound")


@dataclass(frozen=True)
class FetchedJob:
    """What a job has left, and where it is now."""

    name: str
    predictions: Path
    manifest: Path
    rows: int
    kept: tuple[str, ...]
    """What the model has kept beside the predictions, by paths in their folder."""


def fetch_job(name: str, output_dir: Path, account: Account, say: Say) -> FetchedJob:
    """Fetch a job's predictions, and what its model keeps, into a folder. It appears when all of it is complete.

    Raises:
        TrainingError: the job failed, was stopped, or took too long: with the reason.
        InputError: it goes on; or has left nothing in S3.
        ProtocolError: what it has left is no archive that can be unpacked, or has no whole table of predictions.
        OutputError: it cannot be written.
        SettingsError, RuntimeUnavailableError: AWS refuses it, or does not answer.
    """
    state = read_state(name, account)
    if not state.has_ended:
        raise InputError(f"the job {name} goes on: {state.status}", fix=f"repro sagemaker monitor {name}")
    state.check_completed()
    check_output_dir(output_dir)
    record = _record(state, account)
    with output_errors(output_dir):
        output_dir.resolve().parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder(output_dir) as folder:
            model = _unpacked(Place.parse(state.artifacts), folder, account, say)
            facts = _facts(state, folder, account, say)
            table = _table(model, record, facts)
            return _taken_over(state, table, output_dir, record, facts)


def _download(place: Place, target: Path, account: Account) -> bool:
    """Whether there is such an object."""
    from botocore.exceptions import ClientError  # type: ignore[import-untyped]

    with aws_errors(f"download {place.address}"):
        try:
            with target.open("xb") as file:
                account.s3.download_fileobj(place.bucket, place.key, file)
        except ClientError as error:
            if code_of(error) not in _MISSING:
                raise
            return False
    return True


def _unpacked(place: Place, folder: Path, account: Account, say: Say) -> Path:
    archive = folder / "model.tar.gz"
    say(f"downloading {place.address}")
    if not _download(place, archive, account):
        fix = "it was removed, or is in another account: aws s3 ls that place"
        raise InputError(f"there is nothing at {place.address}", fix=fix)
    return _unpack(archive, folder / "model", place.address)


def _unpack(archive: Path, into: Path, name: str) -> Path:
    try:
        unpack(archive, into, name, _LIMITS)
    except WeightsError as error:
        fix = "look at what the image writes into /opt/ml/model"
        raise ProtocolError(error.message, fix=fix) from error
    archive.unlink()
    return into


def _record(state: JobState, account: Account) -> JobRecord | None:
    """What `create` has kept of the job; None for one that something else has created."""
    from botocore.exceptions import ClientError

    place = record_place(state.output_place, state.name)
    with aws_errors(f"download {place.address}"):
        try:
            answer = account.s3.get_object(Bucket=place.bucket, Key=place.key)
        except ClientError as error:
            if code_of(error) not in _MISSING:
                raise
            return None
        return JobRecord.from_json(answer["Body"].read(MOST_BYTES))


def _facts(state: JobState, folder: Path, account: Account, say: Say) -> Mapping[str, Any]:
    """What run.py says of what it did; empty where it says nothing."""
    place = Place.parse(state.artifacts.rpartition("/")[0]).below("output.tar.gz")
    archive = folder / "output.tar.gz"
    if not _download(place, archive, account):
        return {}
    with suppress(ValueError, RecursionError):
        text = read_plain(_unpack(archive, folder / "output", place.address) / _FACTS, MOST_BYTES)
        said = json.loads(text or b"{}")
        if isinstance(said, dict):
            return said
    say(f"what run.py says of its training, in {place.address}, cannot be read")
    return {}


# ----------------------------------------------------------------------------------------------------- the predictions


@dataclass(frozen=True)
class _Table:
    path: Path
    rows: int


def _table(model: Path, record: JobRecord | None, facts: Mapping[str, Any]) -> _Table:
    """The predictions, which have to be there and whole. Raises ProtocolError."""
    named = record.table if record is not None else facts.get("predictions")
    if not isinstance(named, str) or not named or "/" in named:
        tables = sorted(path.name for path in model.glob("*.csv"))
        if len(tables) != 1:
            raise ProtocolError(f"which table has the predictions is not said: there are {', '.join(tables) or 'none'}")
        named = tables[0]
    path = model / named
    if not is_plain(path):
        there = ", ".join(sorted(one.name for one in model.iterdir())[:10])
        raise ProtocolError(f"the job has left no predictions: there is no {named} among {there}")
    rows = _rows(path)
    if type(facts.get("rows")) is int and facts["rows"] != rows:
        raise ProtocolError(f"{named} has {rows:,} rows, run.py says {facts['rows']:,}")
    return _Table(path, rows)


def _rows(path: Path) -> int:
    """How many rows a table has, each with a prediction."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            lacking = {"test", "pred", "split"} - set(reader.fieldnames or [])
            if lacking:
                raise ProtocolError(f"the predictions have no column {', '.join(sorted(lacking))}")
            number = 0
            for number, row in enumerate(reader, 1):
                if not all(_is_number(row[column]) for column in ("test", "pred")):
                    raise ProtocolError(f"row {number} of the predictions has a number that is none")
            return number
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProtocolError(f"the predictions cannot be read: {error}") from None


def _is_number(text: str | None) -> bool:
    try:
        return math.isfinite(float(text or ""))
    except ValueError:
        return False


# ------------------------------------------------------------------------------------------------------ taken over


def _taken_over(
    state: JobState, table: _Table, output_dir: Path, record: JobRecord | None, facts: Mapping[str, Any]
) -> FetchedJob:
    predictions = output_dir / table.path.name
    output = replace(describe_file(table.path), path=str(predictions))
    content = _manifest(state, table.rows, output, record, facts)
    kept, _ = take_over(table.path.parent, output_dir, table.path.name, content)
    return FetchedJob(state.name, predictions, manifest_path(predictions), table.rows, kept)


def _manifest(
    state: JobState, rows: int, output: FileFacts, record: JobRecord | None, facts: Mapping[str, Any]
) -> bytes:
    if record is None:  # who created the job has not said what made it
        job = {"name": state.name, "image": state.image, "instance_type": state.instance_type}
        told = {"sagemaker": job, "output": {"sha256": output.sha256, "bytes": output.bytes}, "run": facts}
        return (json.dumps(without_secrets(told), indent=2, default=str) + "\n").encode()
    told_of = Told.of(facts)
    training = replace(
        record.training,
        split=told_of.split or record.training.split,
        folds=told_of.folds or record.training.folds,
        hyper_params=without_secrets(told_of.hyper_params or record.training.hyper_params),
    )
    whole = max(float(state.training_s), told_of.seconds)
    return to_json(
        Manifest(
            repro_manifest=LAYOUT,
            made_by=record.made_by,
            run=RunFacts("dataset", "csv", {}, None, "raise", {}),
            worker=describe_worker(told_of.worker or {}),
            host=HostFacts(f"Amazon SageMaker {state.instance_type}, job {state.name}", "", 0, ""),
            resumed=(),
            started=_moment(state.created),
            ended=_moment(state.ended or state.created),
            seconds=Seconds(start=round(whole - told_of.seconds, 3), compute=told_of.seconds, whole=whole),
            records=Counts(rows, 0, 0),
            input=record.dataset,
            output=output,
            training=training,
        )
    )


def _moment(at: datetime | None) -> str:
    return (
        (at or datetime.now(timezone.utc)).astimezone(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    )
