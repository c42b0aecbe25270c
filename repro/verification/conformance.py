"""What every model must keep, whatever it computes: checks that need nothing but some records and the answers to them.

Each has a name, a finding, and a remedy where it fails. What cannot be checked is said to be not checked, never passed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from repro.errors import PredictionError, RecordError, ReproError, WorkerError
from repro.verification.compare import Comparison, Difference, Row, compare
from repro.verification.trial import Trial, ask, is_classic

if TYPE_CHECKING:
    from pydantic import BaseModel

    from repro.model import Model

State = Literal["passed", "failed", "not checked"]
Call = Callable[[Sequence[Mapping[str, Any]]], Sequence[Row]]
"""Gives the answers to some records."""

DECLARED = "declared fields"
ALONE = "batch of one equals batch of n"
ORDER = "order"
BAD_RECORD = "bad record"
EMPTY = "empty input"
ONE_SHOT = "one-shot equals serve"
DEVICES = "CPU against GPU"

_REMEDIES = {
    DECLARED: "declare in Outputs what run.py gives, or let run.py give what is declared",
    ALONE: "records of a batch must not touch each other: mask the padding, use eval mode, seed a sampler",
    ORDER: "predict must yield one result a record, in the order of the records; sort results back if you sort records",
    BAD_RECORD: "yield the exception in place of the record's result, or let predict raise: it is bisected",
    EMPTY: "an empty input file must give an empty output file, and status 0",
    ONE_SHOT: "both forms must call the same code; see that the defaults of run.py's options are those of the wrapper",
    DEVICES: "look for what depends on the device: precision (TF32, half), random numbers; or widen cuda",
}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    state: State
    finding: str
    remedy: str = ""
    case: str = ""
    differences: tuple[Difference, ...] = ()
    largest: float = 0.0
    """The largest difference between two numbers that it saw."""


def passed(name: str, trial: Trial, finding: str, largest: float = 0.0) -> Check:
    return Check(name, "passed", finding, case=trial.case.name, largest=largest)


def failed(name: str, trial: Trial, finding: str, differences: Sequence[Difference] = ()) -> Check:
    return Check(name, "failed", finding, _REMEDIES[name], trial.case.name, tuple(differences))


def not_checked(name: str, trial: Trial, why: str) -> Check:
    return Check(name, "not checked", why, case=trial.case.name)


def judged(name: str, trial: Trial, compared: Comparison, what: str) -> Check:
    """Passed where nothing differs; else failed, with what does."""
    if compared.is_right:
        return passed(name, trial, f"{what}: {compared.closeness}", max(compared.largest.values(), default=0.0))
    said = f"{what}: {_many(len(compared.differences), 'difference')}"
    return failed(name, trial, said, compared.differences)


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def guarded(name: str, trial: Trial, check: Callable[[], Check]) -> Check:
    """The check; a worker that fails in it is its finding."""
    try:
        return check()
    except WorkerError as error:
        log = f" (its log ends: {error.evidence.log_tail[-1]})" if error.evidence.log_tail else ""
        return failed(name, trial, f"{error.message}{log}")


def checks_of_a_warm_model(model: Model, trial: Trial) -> list[Check]:
    """What can be checked while one worker is running."""
    checks: list[tuple[str, Callable[[Model, Trial], Check]]] = [
        (DECLARED, _declared),
        (ALONE, _alone),
        (ORDER, _order),
        (BAD_RECORD, _bad_record),
    ]
    if not trial.chosen():
        checks = checks[-1:] if trial.case.errors else []
    return [guarded(name, trial, partial(check, model, trial)) for name, check in checks]


# -------------------------------------------------------------------------------------------------------------- fields


def _declared(model: Model, trial: Trial) -> Check:
    from repro.schema import RecordSchema

    if model.Outputs is None:
        return not_checked(DECLARED, trial, "the wrapper declares no Outputs")
    rows = [answer for answer in trial.answers if isinstance(answer, Mapping)]
    try:
        RecordSchema(model.Outputs).check(rows, 0)
    except RecordError as error:
        return failed(DECLARED, trial, f"the answer to {error.message}")
    wrong = _wrong_array(model.Outputs, rows)
    if wrong:
        return failed(DECLARED, trial, wrong)
    return passed(DECLARED, trial, f"{_many(len(rows), 'answer')} as Outputs says")


def _wrong_array(outputs: type[BaseModel], rows: Sequence[Mapping[str, Any]]) -> str:
    """A field that is declared as an array and is none; pydantic lets any value pass there."""
    from repro.declared import fields_of

    arrays = {field.name for field in fields_of(outputs) if field.kind == "array" and not field.is_list}
    for index, row in enumerate(rows):
        for name in arrays & row.keys():
            if row[name] is not None and not hasattr(row[name], "dtype"):
                kind = type(row[name]).__name__
                return f"the answer to record {index}: {name!r} is declared as an array and is a {kind}"
    return ""


# ------------------------------------------------------------------------------------------------------ batch and order


def _alone(model: Model, trial: Trial) -> Check:
    chosen = trial.chosen()
    if len(trial.records) < 2:
        # Beside itself a record is in a batch too.
        together = ask(model, trial.case, [trial.records[0]] * 3)
        compared = compare([trial.answers[0]] * 3, together, trial.tolerances)
        return judged(ALONE, trial, compared, "one record alone and three times in a batch")
    again = [row for index in chosen for row in ask(model, trial.case, [trial.records[index]])]
    size = min(len(trial.records), model.batch_size)
    return judged(ALONE, trial, trial.differing(chosen, again), f"{len(chosen)} records alone and {size} together")


def _order(model: Model, trial: Trial) -> Check:
    chosen = trial.chosen()
    if len(chosen) < 2:
        return not_checked(ORDER, trial, "the case has only one record")
    first = [trial.answers[chosen[0]]] * len(chosen)
    if compare(first, [trial.answers[index] for index in chosen], trial.tolerances).is_right:
        return not_checked(ORDER, trial, "all records have the same answer")
    shuffled, chance = list(chosen), random.Random(0)  # noqa: S311 (the same order each time)
    while shuffled == chosen:
        chance.shuffle(shuffled)
    again = ask(model, trial.case, [trial.records[index] for index in shuffled])
    compared = trial.differing(shuffled, again)
    return judged(ORDER, trial, compared, f"{len(shuffled)} records in another order")


# --------------------------------------------------------------------------------------------------------- bad records


def _bad_record(model: Model, trial: Trial) -> Check:
    """Bad records between good ones: each fails by itself, and the good ones have the answers that they had."""
    if is_classic(model):
        return not_checked(
            BAD_RECORD, trial, "predict_batch is the wrapper's own: it knows no errors of single records"
        )
    named = [error.record for error in trial.case.errors]
    bad = named or [{}]
    good = trial.chosen()[:2]
    asked = [trial.records[index] for index in good]
    rows = ask(model, trial.case, [*asked[:1], *bad, *asked[1:]])
    of_bad = rows[min(1, len(good)) : min(1, len(good)) + len(bad)]
    of_good = [*rows[: min(1, len(good))], *rows[min(1, len(good)) + len(bad) :]]
    survived = [row for row in of_bad if not isinstance(row, ReproError)]
    if survived and not named:
        said = "an empty record, the only bad one that could be derived, has an answer; name one under `errors`"
        return not_checked(BAD_RECORD, trial, said)
    if survived:
        return failed(BAD_RECORD, trial, f"{_many(len(survived), 'record')} that must fail has an answer")
    killers = [row for row in of_bad if not isinstance(row, PredictionError)]
    if killers:
        return failed(BAD_RECORD, trial, f"it ends the worker: {str(killers[0]).splitlines()[0]}")
    which = "named" if named else "derived (an empty one)"
    what = f"{_many(len(bad), 'bad record')} {which}, {len(good)} good ones beside"
    return judged(BAD_RECORD, trial, trial.differing(good, of_good), what)


def errors_compared(model: Model, trial: Trial) -> list[Difference]:
    """The records of a case that must fail, held against what they have to say."""
    errors = trial.case.errors
    rows: list[Row] = [ask(model, trial.case, [error.record])[0] for error in errors]
    names = [f"errors {number}" for number in range(len(errors))]
    return compare([error.expected for error in errors], rows, ids=names).differences


# -------------------------------------------------------------------------------------- one-shot form, other devices


def check_one_shot(trial: Trial, call: Call) -> Check:
    """The same records through the one-shot form, which `call` stands for."""
    chosen = trial.chosen()

    def check() -> Check:
        again = call([trial.records[index] for index in chosen])
        return judged(ONE_SHOT, trial, trial.differing(chosen, again), f"{_many(len(chosen), 'record')} in both forms")

    return guarded(ONE_SHOT, trial, check)


def check_empty(trial: Trial, call: Call, served: Sequence[Row]) -> Check:
    """No record gives no answer, in both forms; `served` is what a warm worker gave for none."""

    def check() -> Check:
        rows = [*served, *call([])]
        if rows:
            return failed(EMPTY, trial, f"{_many(len(rows), 'answer')} to no record")
        return passed(EMPTY, trial, "no record gives no answer, in both forms")

    return guarded(EMPTY, trial, check)


def check_devices(trial: Trial, other: Model, names: tuple[str, str]) -> Check:
    """The same records on a device of the other kind."""

    def check() -> Check:
        chosen = trial.chosen()
        again = ask(other, trial.case, [trial.records[index] for index in chosen])
        on_gpu = replace(trial, tolerances=trial.case.tolerances("cuda"))
        return judged(
            DEVICES,
            trial,
            on_gpu.differing(chosen, again),
            f"{_many(len(chosen), 'record')} on {names[0]} and {names[1]}",
        )

    return guarded(DEVICES, trial, check)
