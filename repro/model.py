"""Model: what a user imports. A subclass declares what it takes and which image it runs in; the rest is inherited."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from repro.errors import ModelNotFoundError, ReproError, SettingsError, looks_secret
from repro.registry import ModelSource, Registry, catalogue
from repro.wrapper import Wrapper

if TYPE_CHECKING:
    from repro.config import Variant
    from repro.guest.assays import Dataset
    from repro.runtimes.base import Runtime
    from repro.session import Answer, Session
    from repro.session_plan import SessionPlan
    from repro.training import TrainingResult

OnError = Literal["raise", "return"]
Results = list[Any]  # in the class `list` names the method
Names = list[str]
M = TypeVar("M", bound=type["Model"])

_registry: Registry[type[Model]] = Registry("model")


class Model(Wrapper):
    """A published model, run in an environment of its own.

    Nothing starts at construction. The first call starts a worker, which stays warm until `close()`, the end of a
    `with` block, the end of the process, or `idle_timeout_s` seconds without a call.

    Args:
        image: the Docker image; the model's own where it is None.
        device: index of a GPU, or -1 for the CPU. A GPU that is not there is an error, never a silent fall to the CPU.
        runtime: "docker" or "local"; by default docker where an engine answers, else local (or `REPRO_RUNTIME`).
        variant: which pretrained weights, by their name in the model's `config.yaml`.
        weights: a file or folder with the weights, in place of those that `repro setup` fetches.
        memory: limit of the worker's memory, in bytes or like "8g" (docker).
        cpus: limit of CPU time, in cores (docker).
        shm: size of shared memory, in bytes or like "2g" (docker).
        mounts: further folders that the worker may read: path here -> path in the container (docker).
        network: whether the worker may use the network (docker; the local runtime cannot keep it from it).
        batch_size: how many records are handed over together.
        start_timeout_s: seconds that loading the model may take.
        call_timeout_s: seconds that one batch may take.
        idle_timeout_s: seconds without a call after which the worker is stopped.
        **options: the model's own, as its `Options` and `Parameters` declare them.

    Raises:
        SettingsError: an option that the model does not have, or a value that does not fit.
        ModelNotFoundError: no such variant.

    >>> from repro.models.tutorial import TutorialModel
    >>> with TutorialModel(runtime="local") as model:  # doctest: +SKIP
    ...     model.predict("abc")
    'cba'
    """

    batch_size: int = 1024

    @staticmethod
    def register(name: str) -> Callable[[M], M]:
        """A class decorator that makes a model known by `name`, in Python and in the shell."""

        def add(cls: M) -> M:
            cls.name = name
            # The tutorial's classic form names the image in the constructor alone.
            cls.default_image = cls.default_image or cls._metadata("DEFAULT_IMAGE", "")
            return _registry.register(name)(cls)

        return add

    @staticmethod
    def by_name(name: str) -> type[Model]:
        """The class registered as `name`, or the only model of the folder `name`.

        >>> Model.by_name("tutorial").name
        'tutorial-model'

        Raises:
            ModelNotFoundError: there is none, or the folder has several; names the near ones.
        """
        there = _registry.get(name)
        if there is not None:
            return there
        broken: Results = []
        for source in catalogue.candidates(name):
            try:
                catalogue.load(source)
            except ModelNotFoundError as error:
                if source.is_meant_by(name):
                    raise
                broken.append(error)  # somebody else's: it stands in nobody's way
            found = _registry.get(name) or (_default_of(source) if source.name == name else None)
            if found is not None:
                return found
        raise catalogue.unknown(name, [registered for registered, _ in _registry.items()], broken)

    @staticmethod
    def list() -> Names:
        """The folder names of all models, in order; none is imported for it."""
        return sorted(catalogue.sources)

    def __init__(
        self,
        image: str | None = None,
        device: int = -1,
        *,
        runtime: str | None = None,
        variant: str | None = None,
        weights: str | Path | None = None,
        memory: str | int | None = None,
        cpus: float | None = None,
        shm: str | int | None = None,
        mounts: Mapping[str | Path, str] | None = None,
        network: bool = False,
        batch_size: int | None = None,
        start_timeout_s: float | None = None,
        call_timeout_s: float | None = None,
        idle_timeout_s: float | None = None,
        **options: Any,
    ) -> None:
        from repro.runtimes.base import Device, Limits
        from repro.schema import check_options
        from repro.session_plan import SessionPlan
        from repro.settings import load_settings

        settings = load_settings()
        self.image = image or self.default_image
        self.device = device
        self.variant = self._chosen_variant(variant)
        if weights is not None and not (self.variant and self.variant.files):
            raise SettingsError(f"{self.name} takes no weights: they come with its packages", fix="leave weights= out")
        self._weights = weights
        self._limits_given = {"memory": memory, "cpus": cpus}
        self._given = {**options, **({} if variant is None else {"variant": variant})}
        self._runtime_name = _checked_runtime(runtime)
        self._settings = settings
        self._runtime: Runtime | None = None
        keywords = inspect.signature(Model.__init__).parameters
        fixed, self._parameters = check_options(self.name, (self.Options, self.Parameters), options, list(keywords)[1:])
        if self.variant is not None:
            fixed["variant"] = self.variant.name
        self.batch_size = type(self).batch_size if batch_size is None else batch_size
        self._plan = SessionPlan(
            options=fixed,
            mounts={Path(path).absolute(): PurePosixPath(inside) for path, inside in (mounts or {}).items()},
            device=Device(device),
            network=network,
            limits=Limits.of(memory, cpus, shm),
            batch_size=self.batch_size,
            start_timeout_s=settings.start_timeout_s if start_timeout_s is None else start_timeout_s,
            call_timeout_s=settings.call_timeout_s if call_timeout_s is None else call_timeout_s,
            idle_timeout_s=settings.idle_timeout_s if idle_timeout_s is None else idle_timeout_s,
            exchange_root=settings.exchange_root,
        )

    # -------------------------------------------------------------------------------------------------- predictions

    def predict(self, record: Mapping[str, Any], **parameters: Any) -> Any:
        """The result of one record. Raises what `predict_batch` raises."""
        return self.predict_batch([record], **parameters)[0]

    def predict_batch(
        self,
        records: Sequence[Mapping[str, Any]],
        *,
        on_error: OnError = "raise",
        progress: bool | None = None,
        **parameters: Any,
    ) -> Results:
        """One result a record, in order.

        Args:
            records: what the model's `Inputs` declare; all are checked before anything starts.
            on_error: "raise": the first record that fails raises; "return": its error stands in its place.
            progress: whether to show a bar; by default where a person looks on.
            **parameters: the model's `Parameters`, for this call.

        Raises:
            RecordError: a record does not fit; names its index and key.
            PredictionError: the model raised for a record.
            WorkerError, SetupError, RuntimeUnavailableError, DeviceError: it could not be computed.
        """
        self.check_call(records, on_error, parameters)
        results = []
        for some in self._results(records, on_error, progress, parameters):
            results += some
        return results

    def stream(
        self,
        records: Iterable[Mapping[str, Any]],
        *,
        on_error: OnError = "raise",
        progress: bool | None = None,
        **parameters: Any,
    ) -> Iterator[Any]:
        """Like `predict_batch`, for any iterable and in bounded memory: results come as they are computed."""
        if type(self).predict_batch is not Model.predict_batch:  # a class of the tutorial's classic kind
            return self._stream_through_predict_batch(records, on_error, parameters)
        checked = self._checked(records, on_error, parameters)
        return itertools.chain.from_iterable(self._results(checked, on_error, progress, parameters))

    def answers(self, records: Iterable[Mapping[str, Any]], *, first: int = 0, **parameters: Any) -> Iterator[Answer]:
        """What the worker answers, one a record: a dict, or the error of a record that failed.

        `first` is the index of the first record in the whole input, for what errors say.
        """
        if type(self).predict_batch is not Model.predict_batch:
            for result in self._stream_through_predict_batch(records, "raise", parameters):
                yield result if isinstance(result, dict) else {"output": result}
            return
        checked = self._checked(records, "return", parameters, first)
        for answers in self.session.stream(checked, self._call_options(parameters), first):
            yield from answers

    def decode(self, answer: dict[str, Any]) -> Any:
        """What a user gets for the worker's answer to one record. Subclasses may unpack it."""
        return answer

    def check(self, records: Sequence[Mapping[str, Any]], first: int = 0, **parameters: Any) -> None:
        """Check records against the model's schema, before anything starts. Subclasses may look closer.

        `first` is the index of the first one, `parameters` are those of the call. Raises RecordError.
        """
        schema = self.schema()
        if schema is not None:
            schema.check(records if isinstance(records, list) else list(records), first)

    def check_values(self, records: Sequence[Mapping[str, Any]], first: int = 0, **parameters: Any) -> None:
        """Raise RecordError for a record that fits the schema and that the model will fail for, as far as that is known
        here. Looked at where the first failure ends the call (`on_error="raise"`), so that nothing is computed in vain.
        """

    def check_call(
        self,
        records: Sequence[Mapping[str, Any]],
        on_error: OnError,
        parameters: Mapping[str, Any] = MappingProxyType({}),
        first: int = 0,
    ) -> None:
        """Check records as a call with these parameters does it. Raises RecordError."""
        self.check(records, first, **parameters)
        if on_error == "raise":
            self.check_values(records, first, **parameters)

    def ping(self) -> dict[str, Any]:
        """What the worker says of itself: Python, device, packages, options. Starts it where needed."""
        return self.session.ping()

    def train(
        self,
        dataset: Dataset | str | Path,
        output_dir: str | Path,
        card: str | Path | None = None,
        split: str | None = None,
        fold: int | None = None,
        target: str | None = None,
        hyper_params: Mapping[str, Any] | None = None,
        *,
        reference: str | Path | None = None,
        say: Callable[[str], None] | None = None,
    ) -> TrainingResult:
        """Train the model on a data set, or score its variants, and write predictions of the rows that were held out.

        A container of its own does it, and ends with it; the worker of `predict` is not needed and not disturbed.

        Args:
            dataset: an archive or a CSV file as ProteinGym's, the name of an example or of an imported data set, or one
                that was read.
            output_dir: gets `{dataset}_{model}.csv`, its manifest, and what the model keeps, when all is complete.
            card: the model card, a README.md or TOML; by default that of the model.
            split: a stored split or one to make; by default the only one, else `train_valid_test`, else `random_5`.
            fold: the only fold to predict; by default all in turn.
            target: the column to predict; needed where there are several.
            hyper_params: go before those of the card.
            reference: ProteinGym's DMS_substitutions.csv, for a CSV file.
            say: told, a line at a time, what happens and what run.py prints.

        Raises:
            InputFileError: the data set or the card cannot be used, or lacks what was asked for.
            SettingsError: a hyper-parameter is not known, or its value does not fit.
            TrainingError: the model failed.
            OutputError: `output_dir` cannot be written.
            SetupError, RuntimeUnavailableError, DeviceError, WorkerError: it could not be run.

        >>> from repro.models.tutorial import TutorialModel
        >>> with TutorialModel() as model:  # doctest: +SKIP
        ...     model.train("A4_HUMAN_Seuma_2021", "out", split="modulo_5").rows
        468
        """
        from repro.training import TrainingRequest, train_model

        request = TrainingRequest(dataset, Path(output_dir), card, target, split, fold, hyper_params or {}, reference)
        return train_model(self, request, say)

    # --------------------------------------------------------------------------------------------------- life cycle

    @property
    def given_options(self) -> dict[str, Any]:
        """The model's own options that were given, `variant` among them, and not left at their defaults."""
        return dict(self._given)

    def told_hyper_params(self, given: Mapping[str, Any], folder: Path = Path()) -> dict[str, Any]:
        """What run.py is told of the hyper-parameters of a training: a model may read files that they name, relative
        to `folder`.

        Raises:
            SettingsError: one of them cannot be used.
        """
        return dict(given)

    def recorded_keywords(self) -> dict[str, Any]:
        """Keywords of the constructor that a manifest has, as they were given."""
        given = {"weights": None if self._weights is None else str(self._weights), **self._limits_given}
        return {name: value for name, value in given.items() if value is not None}

    def with_variant(self, name: str | None) -> Model:
        """This model with other pretrained weights, or None, and a worker of its own. Raises ModelNotFoundError."""
        from copy import copy
        from dataclasses import replace

        other = copy(self)
        other.__dict__.pop("_session", None)
        other.variant = None if name is None else self._chosen_variant(name)
        options = {key: value for key, value in self._plan.options.items() if key != "variant"}
        other._plan = replace(self._plan, options=options if name is None else {**options, "variant": name})
        return other

    @property
    def plan(self) -> SessionPlan:
        """What a worker runs, and with what patience; without the folder of its weights."""
        return self._plan

    @property
    def options(self) -> dict[str, Any]:
        """All of the model's own options with their values, the defaults of calls among them."""
        return {**self._plan.options, **self._parameters}

    @property
    def session(self) -> Session:
        """The handle on the worker."""
        if "_session" not in self.__dict__:
            self._session = self._make_session()
        return self._session

    @property
    def runtime(self) -> Runtime:
        """Where the worker runs."""
        if self._runtime is None:
            from repro.runtimes.choice import choose_runtime

            self._runtime = choose_runtime(self._runtime_name, self._settings)
        return self._runtime

    def close(self) -> None:
        """End the worker. Closing twice, or before any call, is fine."""
        session = self.__dict__.get("_session")
        if session is not None:
            session.close()

    def __repr__(self) -> str:
        if "_plan" not in self.__dict__:  # a class of the tutorial's classic kind
            return f"{type(self).__name__}()"
        shown = {"runtime": self._runtime_name, "variant": self.variant.name if self.variant else None}
        shown |= {name: value for name, value in self.options.items() if not looks_secret(name)}
        given = [f"{name}={value!r}" for name, value in shown.items() if value is not None]
        return f"{type(self).__name__}({', '.join([f'device={self.device}', *given])})"

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def weights_dir(self) -> Path | None:
        """Where the variant's files are; None where it has none, or where they lie in the image.

        Raises NotSetUpError, WeightsError.
        """
        from repro.weights.store import find_variant, use_local

        if self.variant is None or not self.variant.files or self.uses_baked_weights():
            return None
        if self._weights is not None:
            return use_local(self.variant, Path(self._weights))
        return find_variant(self.folder_name(), self.variant, self._settings.weights_dir)

    def uses_baked_weights(self) -> bool:
        """Whether the worker takes the weights that lie in its image: those of the variant, where the user names none.

        Raises NotSetUpError, EngineUnavailableError where it runs in Docker and has no image.
        """
        if self.variant is None or not self.variant.files or self._weights is not None:
            return False
        if self.runtime.name != "docker":
            return False
        return self.variant.name in self.runtime.find(self.spec(self.image)).baked

    # ------------------------------------------------------------------------------------------------------ details

    def _results(
        self, records: Iterable[Mapping[str, Any]], on_error: OnError, progress: bool | None, parameters: dict[str, Any]
    ) -> Iterator[Results]:
        from repro.progress import watched

        total = len(records) if isinstance(records, Sequence) else None
        return watched(self.compute(records, on_error, parameters), total, self.name, progress)

    def compute(
        self,
        records: Iterable[Mapping[str, Any]],
        on_error: OnError,
        parameters: Mapping[str, Any],
        first: int = 0,
        call: int | None = None,
    ) -> Iterator[Results]:
        """Results of records that are checked already, in lists as they come.

        `first` is the index of the first record, for what errors say; `call` as `Session.stream` takes it.
        """
        if on_error not in ("raise", "return"):
            raise SettingsError(f"on_error={on_error!r} is not known", fix="'raise' or 'return'")
        for answers in self.session.stream(records, self._call_options(parameters), first, call):
            if set(map(type, answers)) == {dict}:
                yield list(map(self.decode, cast("list[dict[str, Any]]", answers)))
            elif on_error == "return":
                yield [self._decode_or_error(answer) for answer in answers]
            else:
                failed = next(index for index, answer in enumerate(answers) if isinstance(answer, ReproError))
                yield [self._decode_or_error(answer) for answer in answers[:failed]]
                raise cast("ReproError", answers[failed])

    def _decode_or_error(self, answer: Answer) -> Any:
        return answer if isinstance(answer, ReproError) else self.decode(answer)

    def _stream_through_predict_batch(
        self, records: Iterable[Mapping[str, Any]], on_error: OnError, parameters: dict[str, Any]
    ) -> Iterator[Any]:
        source = iter(records)
        while chunk := list(itertools.islice(source, self.batch_size)):
            yield from self.predict_batch(chunk, **parameters)

    def _checked(
        self,
        records: Iterable[Mapping[str, Any]],
        on_error: OnError,
        parameters: Mapping[str, Any],
        first: int = 0,
    ) -> Iterator[Mapping[str, Any]]:
        source = iter(records)
        while chunk := list(itertools.islice(source, self._plan.batch_size)):
            self.check_call(chunk, on_error, parameters, first)
            yield from chunk
            first += len(chunk)

    def _call_options(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        from repro.schema import check_options

        if not parameters:
            return self._parameters
        fixed = [name for name in parameters if self.Options is not None and name in self.Options.model_fields]
        if fixed:
            raise SettingsError(
                f"{fixed[0]!r} is fixed when the worker starts", fix=f"{type(self).__name__}({fixed[0]}=...)"
            )
        return check_options(self.name, (self.Parameters,), {**self._parameters, **parameters})[0]

    def _chosen_variant(self, name: str | None) -> Variant | None:
        config = self.config()
        return config.variant(name) if config.variants or name is not None else None

    def _make_session(self) -> Session:
        from dataclasses import replace

        from repro.session import Session

        runtime = self.runtime
        plan = replace(self._plan, weights_dir=self.weights_dir())
        return Session(runtime, lambda: runtime.find(self.spec(self.image)), plan)


def _default_of(source: ModelSource) -> type[Model] | None:
    """The model of a folder: the only one that its package registers."""
    mine = [cls for _, cls in _registry.items() if (cls.__module__ + ".").startswith(source.module + ".")]
    return mine[0] if len(mine) == 1 else None


def _checked_runtime(name: str | None) -> str | None:
    from repro.settings import RUNTIMES

    if name is None or name == "auto":
        return None
    if name not in RUNTIMES:
        raise SettingsError(f"runtime={name!r} is not known", fix=f"one of: {', '.join(RUNTIMES)}")
    return name
