"""A job before it is one: what is asked for, and the same checked, down to each file that is to be uploaded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from repro.engines.sagemaker.account import Account
from repro.engines.sagemaker.places import EcrImage, Place, check_job_name, make_job_name, role_name
from repro.engines.sagemaker.record import JobRecord, record_place
from repro.errors import InputFileError, SettingsError
from repro.model import Model
from repro.training_task import TrainingRequest, TrainingTask

INSIDE = "/opt/ml"
CHECKPOINTS = f"{INSIDE}/checkpoints"
_WEIGHTS = f"{INSIDE}/input/data/weights"
_INSTANCE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")
_WITH_GPU = re.compile(r"ml\.(g|p)\d")
_LONGEST_RUN_S = 28 * 24 * 3600
_MOST_HYPER_PARAMS = 100
_LONGEST_VALUE = 2500  # characters, in the API of SageMaker


@dataclass(frozen=True)
class Resources:
    """What a job runs on, and for how long."""

    instance_type: str = "ml.m5.xlarge"
    volume_gb: int = 30
    max_runtime_s: int = 24 * 3600
    spot: bool = False
    """Instances that are taken away when somebody pays more; the job begins again then, from its checkpoints."""
    max_wait_s: int | None = None
    """With spot: for everything, the waiting among it. None: twice the longest run."""

    @property
    def has_gpu(self) -> bool:
        return _WITH_GPU.match(self.instance_type) is not None

    @property
    def whole_wait_s(self) -> int:
        return self.max_wait_s if self.max_wait_s is not None else 2 * self.max_runtime_s

    def check(self) -> None:
        """Raises SettingsError."""
        if _INSTANCE.fullmatch(self.instance_type) is None:
            raise SettingsError(
                f"{self.instance_type!r} is no instance type of SageMaker", fix="they begin with ml., as ml.m5.xlarge"
            )
        if self.volume_gb < 1:
            raise SettingsError(f"a volume of {self.volume_gb} GB holds nothing", fix="give it 1 GB at least")
        if not 1 <= self.max_runtime_s <= _LONGEST_RUN_S:
            raise SettingsError(f"no job runs for {self.max_runtime_s} seconds", fix="between a second and 28 days")
        if self.max_wait_s is not None and not self.spot:
            raise SettingsError("only a job on spot instances waits for one", fix="add --spot, or leave --max-wait out")
        if self.spot and self.whole_wait_s < self.max_runtime_s:
            raise SettingsError(
                f"the job may wait {self.whole_wait_s} s, its run included, and run {self.max_runtime_s} s",
                fix="make --max-wait no shorter than --max-runtime",
            )


@dataclass(frozen=True)
class JobRequest:
    """What is wanted. Data set, card, target, split, fold and hyper-parameters: as `Model.train` says."""

    model: Model
    training: TrainingRequest
    image: str
    """In ECR."""
    role: str
    """ARN or name of the role that the job has."""
    place: str
    """`s3://BUCKET/PREFIX`: each job has a folder of its own there."""
    resources: Resources = Resources()
    output: str | None = None
    """Another prefix, for what the job leaves."""
    checkpoints: str | None = None
    """Another prefix, for checkpoints; they lie under /opt/ml/checkpoints in the container."""
    weights: str | None = None
    """`s3://...` where the weights lie already; None: those of this machine are uploaded."""
    has_baked_weights: bool = False
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Upload:
    """A file and where it goes."""

    source: Path
    target: Place


@dataclass(frozen=True)
class JobPlan:
    """A job of which everything on this machine is checked."""

    name: str
    image: EcrImage
    role: str
    place: Place
    """The job's own folder."""
    output: Place
    checkpoints: Place | None
    weights: Place | None
    channels: Mapping[str, Place]
    uploads: tuple[Upload, ...]
    """Without the data set, where that has to be packed first."""
    task: TrainingTask
    hyper_parameters: Mapping[str, str]
    resources: Resources
    tags: Mapping[str, str]
    record: JobRecord

    @property
    def record_place(self) -> Place:
        return record_place(self.output, self.name)

    @property
    def dataset_place(self) -> Place:
        return self.channels["training"].below("dataset.zip")


def plan_job(request: JobRequest, account: Account, now: datetime | None = None) -> JobPlan:
    """Check what can be checked without AWS.

    Raises:
        SettingsError: a name, a place, an option or a hyper-parameter cannot be used.
        InputFileError: the data set or the card cannot be used.
        ModelNotFoundError: no such variant.
        WeightsError, NotSetUpError: the weights are not here, and are not said to be elsewhere.
    """
    image = EcrImage.parse(request.image, request.model.folder_name())
    role_name(request.role)
    request.resources.check()
    if image.region != account.region:
        raise SettingsError(
            f"the image is in {image.region}, the job would be in {account.region}: SageMaker pulls in its own region",
            fix=f"--region {image.region}, or publish the image in {account.region}",
        )
    place = Place.parse(request.place)
    task = TrainingTask.of(request.model, request.training)
    moment = (now or datetime.now(timezone.utc)).strftime("%Y%m%d-%H%M%S")
    name = check_job_name(request.name or make_job_name(task.card.name, task.dataset.name, moment))
    folder = place.below(name)
    card_channel = _card_channel(task)
    channels = {channel: folder.below("input", channel) for channel in ("training", card_channel)}
    weights = _Weights.of(request, task, folder)
    if weights.place is not None:
        channels["weights"] = weights.place
    card = Upload(task.card_file, channels[card_channel].below(_CARD_FILES[card_channel]))
    hyper_parameters = _hyper_parameters(task, request.resources, weights)
    return JobPlan(
        name=name,
        image=image,
        role=request.role,
        place=folder,
        output=Place.parse(request.output) if request.output else place,
        checkpoints=_checkpoints(request, name, folder),
        weights=weights.place if request.weights else None,
        channels=channels,
        uploads=(card, *weights.uploads),
        task=task,
        hyper_parameters=hyper_parameters,
        resources=request.resources,
        tags=_tags(request, task),
        record=JobRecord.of(task, image, weights.files),
    )


_CARD_FILES = {"model_card": "README.md", "manifest": "manifest.toml"}


def _card_channel(task: TrainingTask) -> str:
    return "manifest" if task.card_file.suffix == ".toml" else "model_card"


def _checkpoints(request: JobRequest, name: str, folder: Place) -> Place | None:
    if request.checkpoints:
        return Place.parse(request.checkpoints).below(name)
    return folder.below("checkpoints") if request.resources.spot else None


@dataclass(frozen=True)
class _Weights:
    """The pretrained weights of a job."""

    place: Place | None = None
    uploads: tuple[Upload, ...] = ()
    files: tuple[tuple[str, Path], ...] = ()
    """Those of this machine, by name."""
    inside: str | None = None
    """What run.py is told, where that is not the folder of the channel."""

    @classmethod
    def of(cls, request: JobRequest, task: TrainingTask, folder: Place) -> _Weights:
        if request.weights is not None:
            return cls(Place.parse(request.weights))
        if request.has_baked_weights or task.model.variant is None:
            return cls()
        here = task.model.weights_dir()
        if here is None:
            return cls()
        place = folder.below("input/weights")
        if here.is_file():
            beside = [here.parent / file.name for file in task.model.variant.files]
            found = {here.name: here, **{path.name: path for path in beside if path.is_file()}}
        else:
            names = {path.relative_to(here).as_posix(): path for path in sorted(here.rglob("*")) if path.is_file()}
            found = {name: path for name, path in names.items() if not name.startswith(".")}  # the store's own notes
        uploads = tuple(Upload(path, place.below(name)) for name, path in found.items())
        return cls(place, uploads, tuple(found.items()), f"{_WEIGHTS}/{here.name}" if here.is_file() else None)


def _hyper_parameters(task: TrainingTask, resources: Resources, weights: _Weights) -> dict[str, str]:
    """All that run.py is told: names and texts. Raises SettingsError where SageMaker cannot hold it."""
    said = {
        "target": task.target,
        "split": task.split,
        "fold": task.fold,
        "device": "cuda" if resources.has_gpu else None,
        "weights_dir": weights.inside,
        **task.options,
    }
    texts = {name: _as_text(value) for name, value in said.items() if value is not None}
    if len(texts) > _MOST_HYPER_PARAMS:
        raise SettingsError(
            f"SageMaker holds {_MOST_HYPER_PARAMS} hyper-parameters", fix="put the others into the card"
        )
    for name, text in texts.items():
        if len(text) > _LONGEST_VALUE:
            said_of = f"the hyper-parameter {name} has {len(text):,} characters, SageMaker holds {_LONGEST_VALUE:,}"
            raise SettingsError(said_of, fix="put it into the card (--card FILE), or a structure into the data set")
    return texts


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


_TAG = re.compile(r"[^\w\s.:/=+@-]")
_LONGEST_TAG = 256
_MOST_TAGS = 50


def _tags(request: JobRequest, task: TrainingTask) -> dict[str, str]:
    from repro import __version__

    own = {
        "repro:version": __version__,
        "repro:model": task.model.name,
        "repro:dataset": task.dataset.name,
        "repro:dataset-digest": task.dataset.digest,
        "repro:card-digest": task.card.digest,
    }
    for name in request.tags:
        if name in own or name.lower().startswith("aws:") or _TAG.search(name + request.tags[name]):
            raise SettingsError(f"the tag {name!r} cannot be given", fix="take another name, and no special characters")
    if len(own) + len(request.tags) > _MOST_TAGS:
        raise SettingsError(f"a job has {_MOST_TAGS} tags at most", fix="give fewer")
    return {name: _TAG.sub("-", value)[:_LONGEST_TAG] for name, value in {**own, **request.tags}.items()}


def check_readable(plan: JobPlan) -> None:
    """See that each file can be read. Raises InputFileError."""
    for upload in plan.uploads:
        try:
            upload.source.open("rb").close()
        except OSError as error:
            raise InputFileError(f"{upload.source} cannot be read: {error.strerror}") from None


def request_body(plan: JobPlan) -> dict[str, Any]:
    """What SageMaker is asked for."""
    resources = plan.resources
    body: dict[str, Any] = {
        "TrainingJobName": plan.name,
        "AlgorithmSpecification": {"TrainingImage": plan.image.uri, "TrainingInputMode": "File"},
        "RoleArn": plan.role,
        "HyperParameters": dict(plan.hyper_parameters),
        "InputDataConfig": [_channel(name, place) for name, place in plan.channels.items()],
        "OutputDataConfig": {"S3OutputPath": plan.output.address},
        "ResourceConfig": {
            "InstanceType": resources.instance_type,
            "InstanceCount": 1,
            "VolumeSizeInGB": resources.volume_gb,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": resources.max_runtime_s},
        "EnableNetworkIsolation": True,
        "EnableManagedSpotTraining": resources.spot,
        "Tags": [{"Key": name, "Value": value} for name, value in plan.tags.items()],
    }
    if resources.spot:
        body["StoppingCondition"]["MaxWaitTimeInSeconds"] = resources.whole_wait_s
    if plan.checkpoints is not None:
        body["CheckpointConfig"] = {"S3Uri": plan.checkpoints.address, "LocalPath": CHECKPOINTS}
    return body


def _channel(name: str, place: Place) -> dict[str, Any]:
    # A prefix is one of names: without the slash, `weights` would take `weights-old` too.
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{place.address}/", "S3DataDistributionType": "FullyReplicated"}
    return {"ChannelName": name, "DataSource": {"S3DataSource": source}, "InputMode": "File"}
