"""A golden case on a model that runs: what it was asked, and what it answered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repro.errors import RecordError, ReproError, SettingsError
from repro.verification.compare import Comparison, Row, compare
from repro.verification.golden import GoldenCase
from repro.verification.tolerance import Tolerances

if TYPE_CHECKING:
    from repro.model import Model

_MOST_ASKED_AGAIN = 6
_SHORTER_PART = 0.75


@dataclass(frozen=True)
class Trial:
    """The records of a case, as the model takes them, and its answers in one call."""

    case: GoldenCase
    records: tuple[Mapping[str, Any], ...]
    answers: tuple[Row, ...]
    tolerances: Tolerances

    def compared(self) -> Comparison:
        """The answers held against the golden ones."""
        return compare(self.case.expected, self.answers, self.tolerances, ids=self.case.ids)

    def chosen(self) -> list[int]:
        """Indexes of some records that were answered, for checks that ask again and again.

        Of different sizes, so that a batch of them is padded; the longest are left out, as they take the most time.
        """
        answered = [index for index, answer in enumerate(self.answers) if not isinstance(answer, ReproError)]
        by_size = sorted(answered, key=lambda index: len(str(self.records[index])))
        shorter = by_size[: max(2, math.ceil(_SHORTER_PART * len(by_size)))]
        if len(shorter) <= _MOST_ASKED_AGAIN:
            return sorted(shorter)
        step = (len(shorter) - 1) / (_MOST_ASKED_AGAIN - 1)
        return sorted(shorter[round(step * number)] for number in range(_MOST_ASKED_AGAIN))

    def differing(self, indexes: Sequence[int], again: Sequence[Row]) -> Comparison:
        """Answers to some of the records, in the order of `indexes`, held against the first ones."""
        ids = [self.case.ids[index] for index in indexes]
        return compare([self.answers[index] for index in indexes], again, self.tolerances, ids=ids)


def run_case(model: Model, case: GoldenCase, kind: str) -> Trial:
    """Ask a model for the answers to a case's records; `kind` of device: cpu or cuda.

    Raises:
        SettingsError: the case has records, options or parameters that the model does not take.
        WorkerError: the worker cannot start, or dies.
    """
    records = records_for(model, case)
    try:
        answers = tuple(model.answers(records, **case.parameters)) if records else ()
    except RecordError as error:
        raise SettingsError(f"the golden case {case.name}: {error.message}", fix="correct its records") from None
    return Trial(case, records, answers, case.tolerances(kind))


def records_for(model: Model, case: GoldenCase) -> tuple[Mapping[str, Any], ...]:
    """The case's records without their names, unless the model takes an `id`."""
    if model.Inputs is None or "id" in model.Inputs.model_fields:
        return case.records
    return tuple({key: value for key, value in record.items() if key != "id"} for record in case.records)


def ask(model: Model, case: GoldenCase, records: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Answers to records that the host has not checked: what the worker itself makes of them."""
    from repro.schema import check_options

    if is_classic(model):
        return list(model.answers(records, **case.parameters))
    parameters = check_options(model.name, (model.Parameters,), case.parameters)[0]
    return [answer for answers in model.session.stream(records, parameters) for answer in answers]


def is_classic(model: Model) -> bool:
    """Whether its wrapper does each call in its own way, as the tutorial's classic form does, with no worker."""
    from repro.provenance import is_classic as has_no_worker

    return has_no_worker(model)
