"""A run done again from its manifest, and its output held against the one that was made then."""

from __future__ import annotations

import inspect
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from repro.errors import ModelNotFoundError, SettingsError
from repro.file_run import FileRun, Say, Watch, predict_file
from repro.provenance.changes import Change, find_changes
from repro.provenance.comparison import RowComparison, compare_outputs
from repro.provenance.image import find_image
from repro.provenance.maker import describe_maker, is_classic
from repro.provenance.manifest import ENDING, Manifest, manifest_path
from repro.provenance.origin import locate_input, locate_output, locate_weights
from repro.provenance.privacy import HIDDEN
from repro.provenance.reading import find_manifest, read_manifest
from repro.provenance.recording import describe_host, describe_made_by, describe_worker
from repro.provenance.writing import describe_file
from repro.record_source import InputFile

if TYPE_CHECKING:
    from repro.model import Model

Verdict = Literal["same bytes", "same values", "different", "not comparable"]
Tell = Callable[[Sequence[Change]], None]


@dataclass(frozen=True)
class RerunRequest:
    """Which run to do again, and what to do otherwise. None: as it was done then."""

    manifest: str | Path
    """A manifest, or an output that has one."""
    output: str | Path | None = None
    """Where to keep what comes out; None: nowhere."""
    runtime: str | None = None
    device: int | None = None
    input: str | Path | None = None
    """Where the input is now."""


@dataclass(frozen=True)
class RerunReport:
    """What a run gave that was done again."""

    manifest: str
    input: str
    original: str | None
    """The output as it was made then; None where it is not there, or not as it was."""
    output: str | None
    """What came out now, where it was to be kept."""
    verdict: Verdict
    sha256_then: str | None
    sha256_now: str | None
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    comparison: RowComparison | None
    """Where the bytes differ and the output of then is there."""

    @property
    def is_same(self) -> bool:
        """Whether the values are the same; the bytes may differ in what a file says of its writer."""
        return self.verdict in ("same bytes", "same values")


def rerun(request: RerunRequest, *, say: Say, tell: Tell, watch: Watch) -> RerunReport:
    """Do a run again and hold what comes out against what it gave then, which is never touched.

    Args:
        request: which run.
        say: told, in a line, what happens.
        tell: given what is different now, before the first record is computed.
        watch: sees the rows pass.

    Raises:
        InputFileError: no manifest, or one that cannot be read; the input is gone or is another one now.
        SettingsError: the run cannot be done again (standard input, a secret option), or its output would be lost.
        ModelNotFoundError: the model is not installed.
        SetupError, RuntimeUnavailableError, DeviceError, WorkerError, OutputError: as `predict_file`.
    """
    file = find_manifest(request.manifest)
    manifest = read_manifest(file)
    if manifest.training is not None:
        raise SettingsError(
            f"{file} is of predictions that `repro train` has made, which are not done again from a manifest",
            fix=_train_command(manifest),
        )
    then = locate_output(manifest, file)
    _check_known(manifest, file)
    _check_output(request, manifest, file)
    source = locate_input(manifest, file, request.input)
    notes = _Notes(say)
    if then.told:
        notes(f"{then.told}: only the hash of what comes out can be held against it")
    with _model(request, manifest, file, notes) as model, _place(request, manifest) as output:
        changes = _changes(model, manifest, say)
        tell(changes)
        predict_file(model, _run(manifest, source, output), say=say, watch=watch)
        now = describe_file(output).sha256
        comparison = None
        if now != manifest.output.sha256 and then.state == "unchanged":
            comparison = compare_outputs(then.path, output, manifest.run.output_format)
    return RerunReport(
        manifest=str(file),
        input=str(source),
        original=str(then.path) if then.state == "unchanged" else None,
        output=None if request.output is None else str(output),
        verdict=_verdict(manifest.output.sha256 == now, comparison),
        sha256_then=manifest.output.sha256,
        sha256_now=now,
        changes=tuple(changes),
        notes=tuple(notes.said),
        comparison=comparison,
    )


def _train_command(manifest: Manifest) -> str:
    """The command that trains as it was done then, but for the card and hyper-parameters, which the manifest tells."""
    training = manifest.training
    assert training is not None
    output = str(Path(manifest.output.path).parent)
    words = ["repro", "train", manifest.made_by.model.name, manifest.input.path, "-o", output]
    words += ["--target", training.target]
    if training.split:
        words += ["--split", training.split]
    if len(training.folds) == 1:
        words += ["--fold", str(training.folds[0])]
    return shlex.join(words)


class _Notes:
    """What is to be known of a run beside its result: said at once, and kept for the report."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self.said: list[str] = []

    def __call__(self, text: str) -> None:
        self.said.append(text)
        self._say(text)


def _verdict(same_bytes: bool, comparison: RowComparison | None) -> Verdict:
    if same_bytes:
        return "same bytes"
    if comparison is None:
        return "not comparable"
    return "same values" if comparison.is_same else "different"


# ------------------------------------------------------------------------------------------- whether it can be done


def _check_known(manifest: Manifest, file: Path) -> None:
    """See that the manifest holds all that the run needs."""
    if manifest.input.sha256 is None:
        is_stream = manifest.input.path == "-"
        came = "from standard input" if is_stream else "from a pipe, or a file that changed while it was read"
        raise SettingsError(
            f"{manifest.output.path} cannot be made again: its records came {came}, and nobody knows them any more",
            fix="repro predict MODEL FILE -o OUTPUT, with the records in a file, gives an output that can",
        )
    made_by = manifest.made_by
    for name, value in {**made_by.options, **made_by.parameters, **manifest.run.keywords}.items():
        if isinstance(value, str) and HIDDEN in value:
            raise SettingsError(
                f"{file}: the run cannot be done again: the value of {name!r} is a secret and was not written down",
                fix="run `repro predict` with it, and compare with `repro info`",
            )


def _check_output(request: RerunRequest, manifest: Manifest, file: Path) -> None:
    """See that nothing of then is lost."""
    from repro.data.formats import OUTPUT_ENDINGS, is_stream

    if request.output is None:
        return
    output, wanted = Path(request.output), manifest.run.output_format
    if is_stream(output):
        raise SettingsError("a run is done again into a file", fix="-o FILE, or nothing: the output is then not kept")
    if OUTPUT_ENDINGS.get(output.suffix.lower(), wanted) != wanted:
        raise SettingsError(f"{output} would be {wanted}, as the output of then is", fix=f"name it .{wanted}")
    beside = file.with_name(file.name.removesuffix(ENDING))
    for kept in (beside, file, Path(manifest.output.path)):
        if any(_is_same(path, kept) for path in (output, manifest_path(output))):
            raise SettingsError(f"-o {output} would overwrite the output or the manifest of then", fix="name another")


def _is_same(path: Path, other: Path) -> bool:
    return path.resolve() == other.resolve() or (path.exists() and other.exists() and path.samefile(other))


# ------------------------------------------------------------------------------------------------- the run as it was


@contextmanager
def _place(request: RerunRequest, manifest: Manifest) -> Iterator[Path]:
    """Where the output goes: where it is wanted, or a folder that is removed."""
    if request.output is not None:
        yield Path(request.output)
        return
    with tempfile.TemporaryDirectory(prefix="repro-rerun-") as folder:
        yield Path(folder, Path(manifest.output.path).name)


def _run(manifest: Manifest, source: Path, output: Path) -> FileRun:
    run = manifest.run
    return FileRun(
        input=InputFile(source, run.input_format, run.mapping, run.limit),
        output=output,
        output_format=run.output_format,
        on_error="return" if run.on_error == "return" else "raise",
        keywords=run.keywords,
    )


def _changes(model: Model, manifest: Manifest, say: Say) -> list[Change]:
    """What is different now. Starts the worker, which alone knows its device and packages."""
    made_by = describe_made_by(model, describe_maker(model))
    worker = None
    if not is_classic(model):
        say(f"starting {model.name} on {model.runtime.name}")
        worker = describe_worker(model.ping())
    return find_changes(manifest, made_by, worker, describe_host())


def _model(request: RerunRequest, manifest: Manifest, file: Path, note: Say) -> Model:
    """The model with all that it was made with then, but for what is wanted otherwise."""
    made_by = manifest.made_by
    cls = _class(manifest)
    _check_declared(cls, manifest, file)
    runtime = _runtime(request, manifest)
    device = made_by.device if request.device is None else request.device
    image = find_image(made_by.environment, note) if runtime == "docker" else None
    _tell_chosen(cls, manifest, image, note)
    taken = inspect.signature(cls).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return _classic(cls, request, image)
    limits = {} if runtime == "local" else {key: manifest.run.keywords.get(key) for key in ("memory", "cpus")}
    keywords: dict[str, Any] = {
        "runtime": runtime,
        "device": device,
        "image": image,
        "variant": made_by.model.variant,
        "weights": locate_weights(manifest, file),
        "batch_size": made_by.batch_size,
        **limits,
        **made_by.options,
        **made_by.parameters,
    }
    return cls(**{name: value for name, value in keywords.items() if value is not None or name in made_by.parameters})


def _check_declared(cls: type[Model], manifest: Manifest, file: Path) -> None:
    """See that a manifest, which may be a stranger's, sets no more than the model's own options: not what the worker
    may see of this machine."""
    made_by = manifest.made_by
    for key, given, declared in (
        ("options", made_by.options, cls.Options),
        ("parameters", made_by.parameters, cls.Parameters),
    ):
        known = set(declared.model_fields) if declared is not None else set()
        if unknown := sorted(given.keys() - known):
            raise SettingsError(
                f"{file}: the key made_by.{key}.{unknown[0]}: {cls.name} declares no such option",
                cause="the manifest was edited, or the model is of another version now",
                fix=f"repro info {cls.name}",
            )


def _tell_chosen(cls: type[Model], manifest: Manifest, image: str | None, note: Say) -> None:
    """Say, before anything starts, what the manifest wants of this machine that is not the model's own."""
    named = manifest.made_by.environment.image
    if image is not None and cls.default_image and named != cls.default_image:
        which = named if named == image else f"{named}, now {image},"
        note(f"the manifest wants the image {which} and not {cls.default_image}, which is the model's own")
    weights = manifest.run.keywords.get("weights")
    if weights is not None:
        note(f"the manifest wants the weights {weights}, not those that the model fetches")


def _classic(cls: type[Model], request: RerunRequest, image: str | None) -> Model:
    """A model whose `__init__` is its own: it takes what it takes."""
    taken = inspect.signature(cls).parameters
    wanted = {"runtime": request.runtime, "device": request.device}
    given = {name: value for name, value in wanted.items() if value is not None}
    if unknown := sorted(given.keys() - taken.keys()):
        raise SettingsError(f"{cls.name} takes no {unknown[0]}", fix=f"leave --{unknown[0]} out")
    if image is not None and "image" in taken:
        given["image"] = image
    make: Callable[..., Model] = cls
    return make(**given)


def _class(manifest: Manifest) -> type[Model]:
    from repro.model import Model

    facts = manifest.made_by.model
    try:
        return Model.by_name(facts.name)
    except ModelNotFoundError as error:
        if facts.package:
            error.fix = f"pip install {facts.package}=={facts.package_version}".removesuffix("==")
        raise


def _runtime(request: RerunRequest, manifest: Manifest) -> str:
    from repro.runtimes.choice import choose_runtime
    from repro.settings import load_settings

    if request.runtime == "auto":
        return choose_runtime(None, load_settings()).name
    return request.runtime or manifest.made_by.environment.runtime
