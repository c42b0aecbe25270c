"""Verifying a model: its golden records, and what every model must keep. One worker runs at a time."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import DeviceError, NotSetUpError, ProtocolError, SettingsError, WorkerStartError
from repro.verification import conformance
from repro.verification.compare import Comparison, Difference, Row
from repro.verification.conformance import DEVICES, EMPTY, ONE_SHOT, Call, Check
from repro.verification.golden import GoldenCase
from repro.verification.golden_file import load_golden
from repro.verification.report import CaseResult, Report
from repro.verification.report_weights import WeightsUsed, fetched_variants, weights_used
from repro.verification.trial import Trial, ask, is_classic, run_case

if TYPE_CHECKING:
    from repro.model import Model
    from repro.runtimes.base import Environment

GOLDEN_FOLDER = Path("tests", "golden")
Say = Callable[[str], None]
# What such a constructor does by itself, and need not be told.
_CLASSIC = (("device", -1), ("runtime", "docker"), ("runtime", "auto"))


@dataclass(frozen=True)
class Request:
    """What is to be verified, and where. The defaults: all golden cases but slow ones, on the CPU."""

    runtime: str | None = None
    device: int = -1
    image: str | None = None
    variants: tuple[str, ...] = ()
    weights: Path | None = None
    """In place of the weights that were fetched, for cases that have none of their own."""
    cases: tuple[str, ...] = ()
    slow: bool = False
    golden: Path | None = None
    """Another folder with a golden.yaml than the model's own."""
    conformance: bool = True


def verify_model(model: type[Model], request: Request = Request(), say: Say = lambda line: None) -> Report:
    """Run a model's golden records, and check what every model must keep.

    Args:
        model: the model's class.
        request: what, and where.
        say: told what is done, a line at a time.

    Returns:
        What was found. Nothing that differs raises.

    Raises:
        NotSetUpError: there are no golden answers, or the model is not set up here.
        SettingsError: the golden file is wrong, or does not fit the model.
        ModelNotFoundError: no variant of that name.
        WorkerError, RuntimeUnavailableError, DeviceError: it could not be run.
    """
    golden = load_golden(request.golden or model.container_folder() / GOLDEN_FOLDER)
    for name in request.variants:
        model.config().variant(name)
    chosen = [golden.case(name) for name in request.cases] or list(golden.cases.values())
    return _Verification(model, request, say, Report(model.folder_name(), str(golden.path))).run(chosen)


class _Verification:
    """One model's cases, one worker at a time."""

    def __init__(self, model: type[Model], request: Request, say: Say, report: Report) -> None:
        self._class = model
        self._request = request
        self._say = say
        self._report = report

    def run(self, cases: Sequence[GoldenCase]) -> Report:
        runnable = [case for case in cases if self._is_asked_for(case) and not self._is_skipped(case)]
        for group in _groups(runnable, self._worker_key):
            self._run_group(group)
        self._report.fetched = fetched_variants(self._class)
        for variant in self._request.variants:
            if not any(result.variant == variant for result in self._report.cases):
                reason = "there are no golden answers for this variant"
                self._report.cases.append(CaseResult("-", variant, "skipped", reason=reason))
        return self._report

    # ------------------------------------------------------------------------------------------- which cases, and where

    def _is_asked_for(self, case: GoldenCase) -> bool:
        return not self._request.variants or self._variant(case) in self._request.variants

    def _is_skipped(self, case: GoldenCase) -> bool:
        """Whether a case cannot, or should not, be run; the report says so then."""
        reason = fix = ""
        if case.is_slow and not self._request.slow and case.name not in self._request.cases:
            reason, fix = "it is slow", f"repro verify {self._class.folder_name()} --case {case.name}"
        elif self._request.weights is not None and case.weights is not None:
            reason, fix = "its answers are those of weights of its own", "leave --weights out"
        if reason:
            self._report.cases.append(CaseResult.skipped(case, self._variant(case), reason, fix))
        return bool(reason)

    def _variant(self, case: GoldenCase) -> str | None:
        config = self._class.config()
        return config.variant(case.variant).name if config.variants or case.variant else None

    def _worker_key(self, case: GoldenCase) -> str:
        """Cases of the same key are answered by the same worker."""
        return json.dumps([self._variant(case), str(case.weights), case.options], sort_keys=True, default=str)

    def _open(self, case: GoldenCase, device: int) -> Model:
        request = self._request
        weights = case.weights or request.weights
        keywords = {"image": request.image, "runtime": request.runtime, "variant": case.variant, "weights": weights}
        given = {name: value for name, value in keywords.items() if value is not None}
        return _make(self._class, {**given, "device": device, **case.options})

    # --------------------------------------------------------------------------------------------------- running them

    def _run_group(self, cases: Sequence[GoldenCase]) -> None:
        """Cases of one worker: first what it answers while it is warm; when it is closed, all that starts others."""
        device = self._request.device
        with self._open(cases[0], device) as model:
            environment = self._found(model)
            if self._lacks_weights(model, cases):
                return
            weights = weights_used(model, cases[0], given=self._request.weights is not None)
            tried = [self._run_case(model, case, weights) for case in cases]
            trials = [trial for trial in tried if trial is not None]
            call = self._one_shot(model, environment)
            served = ask(model, cases[0], []) if self._request.conformance else []
        if self._request.conformance:
            self._check_one_shot(trials, call, served)
            self._check_other_device(trials)

    def _found(self, model: Model) -> Environment:
        if is_classic(model):
            from repro.runtimes.docker import DockerRuntime

            environment = DockerRuntime().find(model.spec(model.image))
        else:
            environment = model.runtime.find(model.spec(model.image))
        report = self._report
        report.image, report.runtime, report.environment = model.image, environment.runtime, environment.identity
        report.device = _device_name(self._request.device)
        return environment

    def _lacks_weights(self, model: Model, cases: Sequence[GoldenCase]) -> bool:
        try:
            if not is_classic(model):
                model.weights_dir()
        except NotSetUpError as error:
            for case in cases:
                self._report.cases.append(CaseResult.skipped(case, self._variant(case), error.message, error.fix))
            return True
        return False

    def _run_case(self, model: Model, case: GoldenCase, weights: WeightsUsed) -> Trial | None:
        """The golden comparison, and the checks that need a warm worker."""
        self._say(f"{case.name}: {len(case.records)} records")
        try:
            trial = run_case(model, case, "cuda" if self._request.device >= 0 else "cpu")
        except ProtocolError as error:
            said = Difference("count", None, "", f"{len(case.records)} answers", error.message)
            self._add(case, weights, [said], Comparison())
            return None
        compared = trial.compared()
        self._add(case, weights, [*compared.differences, *conformance.errors_compared(model, trial)], compared)
        if self._request.conformance:
            self._report.checks += conformance.checks_of_a_warm_model(model, trial)
        return trial

    def _add(
        self, case: GoldenCase, weights: WeightsUsed, differences: Sequence[Difference], compared: Comparison
    ) -> None:
        fields = self._class.Options.model_fields if self._class.Options is not None else {}
        result = CaseResult(
            name=case.name,
            variant=self._variant(case),
            state="differs" if differences else "right",
            records=len(case.records) + len(case.errors),
            closeness=compared.closeness,
            largest=dict(compared.largest),
            options={**{name: field.default for name, field in fields.items()}, **case.options},
            differences=tuple(differences),
            made=case.made,
            held_against=case.held_against,
            weights=weights,
        )
        self._report.cases.append(result)

    # ------------------------------------------------------------------------------------ one-shot form, other devices

    def _one_shot(self, model: Model, environment: Environment) -> Callable[[GoldenCase], Call] | None:
        """What runs `run.py` in its one-shot form, once the worker is closed; None for the tutorial's classic form."""
        from repro.runtimes.base import Device
        from repro.settings import load_settings
        from repro.verification.one_shot import answers_in_one_shot

        if is_classic(model):
            return None
        variant = {"variant": model.variant.name} if model.variant is not None else {}
        weights_dir, root = model.weights_dir(), load_settings().exchange_root

        def of(case: GoldenCase) -> Call:
            return partial(
                answers_in_one_shot,
                environment,
                options={**variant, **case.options, **case.parameters},
                weights_dir=weights_dir,
                device=Device(self._request.device),
                exchange_root=root,
            )

        return of

    def _check_one_shot(
        self, trials: Sequence[Trial], of: Callable[[GoldenCase], Call] | None, served: Sequence[Row]
    ) -> None:
        answered = [trial for trial in trials if trial.chosen()]
        for trial in answered:
            if of is None:
                why = "predict_batch is the wrapper's own: each call of it is a one-shot call"
                checks = [conformance.not_checked(name, trial, why) for name in (ONE_SHOT, EMPTY)]
            else:
                self._say(f"{trial.case.name}: run.py in its one-shot form")
                checks = [conformance.check_one_shot(trial, of(trial.case))]
                if trial is answered[0]:
                    checks.append(conformance.check_empty(trial, of(trial.case), served))
            self._report.checks += checks

    def _check_other_device(self, trials: Sequence[Trial]) -> None:
        answered = [trial for trial in trials if trial.chosen()]
        why = _why_no_gpu() if self._request.device < 0 else ""
        if why or not answered:
            self._report.checks += [conformance.not_checked(DEVICES, trial, why) for trial in answered]
            return
        other = 0 if self._request.device < 0 else -1
        names = (_device_name(self._request.device), _device_name(other))
        with self._open(answered[0].case, other) as model:
            for trial in answered:
                self._say(f"{trial.case.name}: on the {names[1]}")
                self._report.checks.append(self._on_other_device(trial, model, names))

    def _on_other_device(self, trial: Trial, model: Model, names: tuple[str, str]) -> Check:
        try:
            if not is_classic(model):
                model.session.start()
            return conformance.check_devices(trial, model, names)
        except DeviceError as error:  # a GPU that the engine cannot give
            return conformance.not_checked(DEVICES, trial, error.message)
        except WorkerStartError as error:
            if model.device < 0:  # a model for GPUs alone
                return conformance.not_checked(DEVICES, trial, f"it does not start on the CPU: {error.message}")
            return conformance.failed(DEVICES, trial, error.message)


def _groups(cases: Sequence[GoldenCase], key: Callable[[GoldenCase], str]) -> Iterator[list[GoldenCase]]:
    """The cases by their worker, in the order in which the first of each comes."""
    by_key: dict[str, list[GoldenCase]] = {}
    for case in cases:
        by_key.setdefault(key(case), []).append(case)
    yield from by_key.values()


def _make(model: type[Model], keywords: Mapping[str, Any]) -> Model:
    """A model, of the tutorial's classic form too, whose constructor takes what it likes.

    Raises:
        SettingsError: a keyword that is no default, and that it does not take.
    """
    taken = inspect.signature(model).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values()):
        return model(**keywords)
    refused = [name for name in keywords if name not in taken and (name, keywords[name]) not in _CLASSIC]
    if refused:
        raise SettingsError(f"{model.name} takes no {refused[0]}", fix=f"leave {refused[0]} out")
    return model(**{name: value for name, value in keywords.items() if name in taken})


def _device_name(device: int) -> str:
    from repro.runtimes.base import Device

    return str(Device(device))


def _why_no_gpu() -> str:
    """Why no GPU can be compared with; empty where one is seen."""
    from repro.runtimes.base import Device
    from repro.runtimes.gpu import check_gpu

    try:
        check_gpu(Device(0))
    except DeviceError as error:
        return f"no GPU is seen here: {error.message}"
    return ""
