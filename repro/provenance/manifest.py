"""The manifest of an output: `OUT.repro.json` beside OUT says what made it. docs/provenance.md has it key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LAYOUT = 1
"""Goes up when a reader of the layout before would misunderstand what stands there; more keys alone do not matter."""
ENDING = ".repro.json"
SAGEMAKER = "sagemaker"
"""As a runtime: an image, started by a job of Amazon SageMaker."""


def manifest_path(output: str | Path) -> Path:
    """Where the manifest of an output is.

    >>> manifest_path("results/embeddings.parquet").name
    'embeddings.parquet.repro.json'
    """
    path = Path(output)
    return path.with_name(path.name + ENDING)


@dataclass(frozen=True)
class ModelFacts:
    """Which model, of which package."""

    name: str
    """The registered name."""
    version: str
    """VERSION of its wrapper."""
    package: str
    """The distribution that brings it."""
    package_version: str
    variant: str | None


@dataclass(frozen=True)
class EnvironmentFacts:
    """What the worker ran in."""

    runtime: str
    """docker, local, or SAGEMAKER."""
    image: str
    """Name of the image; for a local environment the one that the model would have."""
    identity: str
    """The image's own digest, or the key of the local environment: equal ones compute equally."""
    registry_digests: tuple[str, ...] = ()
    """`repository@sha256:...` for each registry that the image was pushed to or pulled from."""
    inputs_sha256: str = ""
    """Of all files that the image was built from: equal ones give equal images, but for their digests."""
    revision: str = ""
    """Of the source that the image was built from."""
    base: str = ""
    base_digest: str = ""


@dataclass(frozen=True)
class MadeBy:
    """All that the rows depend on beside the input, known before anything starts."""

    repro: str
    """Version of repro."""
    model: ModelFacts
    environment: EnvironmentFacts
    weights: Mapping[str, str]
    """SHA-256 of each file of weights; empty where they come with the model's packages, or there are none."""
    options: Mapping[str, Any]
    """Fixed when the worker starts."""
    parameters: Mapping[str, Any]
    """Of the call."""
    batch_size: int
    device: int
    """As asked for: index of a GPU, or -1 for the CPU."""


@dataclass(frozen=True)
class RunFacts:
    """How the input was read and the output written."""

    input_format: str
    output_format: str
    mapping: Mapping[str, str]
    limit: int | None
    on_error: str
    keywords: Mapping[str, Any]
    """What else was given for the worker, as it was given: `weights`, `memory`, `cpus`."""


@dataclass(frozen=True)
class WorkerFacts:
    """What a worker said of itself. Whatever it does not know stays at its default."""

    device: str = ""
    device_name: str = ""
    python: str = ""
    implementation: str = ""
    platform: str = ""
    threads: Mapping[str, int] = field(default_factory=dict)
    libraries: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Those that compute: version and how each was built."""
    packages: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of run.py, those with a default among them."""


@dataclass(frozen=True)
class HostFacts:
    """The machine. Neither its name nor that of a user."""

    platform: str
    cpu: str
    processors: int
    python: str


@dataclass(frozen=True)
class Stint:
    """Rows that were computed by one worker on one machine, in one go."""

    first: int
    """Index of the first row."""
    started: str
    worker: WorkerFacts | None
    """None: a model of the classic form, which has no worker to ask."""
    host: HostFacts


@dataclass(frozen=True)
class Seconds:
    """How long it took, without what earlier runs had done."""

    start: float
    """Until the model was loaded."""
    compute: float
    """From then until the last row was there."""
    whole: float
    """From the start of the run to the manifest."""


@dataclass(frozen=True)
class Counts:
    """How many records there were."""

    total: int
    failed: int
    resumed: int
    """How many of them an earlier run had done."""


@dataclass(frozen=True)
class FileFacts:
    """A file, by its name and its content."""

    path: str
    """As it was given."""
    sha256: str | None
    """None: standard input, a pipe, or a file that changed while it was read."""
    bytes: int | None


@dataclass(frozen=True)
class TrainingFacts:
    """What `train` has learned from, and how."""

    dataset: str
    dataset_digest: str
    """Of its content, however it is archived."""
    target: str
    split: str
    folds: tuple[int, ...]
    """Those that were held out; empty for a split that has none, or for a model that learns nothing."""
    model: str
    """As the card has it."""
    card_digest: str
    """Of the card's content, whichever file it stands in."""
    hyper_params: Mapping[str, Any]
    """All of them, with the defaults of run.py."""


@dataclass(frozen=True)
class Manifest:
    """What made one output."""

    repro_manifest: int
    """The layout of this file."""
    made_by: MadeBy
    run: RunFacts
    worker: WorkerFacts | None
    """Of the last rows; None for a model of the classic form."""
    host: HostFacts
    resumed: tuple[Stint, ...]
    """Who computed the rows before those, where the run was interrupted and gone on with."""
    started: str
    ended: str
    seconds: Seconds
    records: Counts
    input: FileFacts
    output: FileFacts
    training: TrainingFacts | None = None
    """Of predictions that `repro train` has made; None: those of `repro predict`."""
