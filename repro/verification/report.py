"""What was found when a model was verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from repro.verification.compare import Difference
from repro.verification.conformance import Check
from repro.verification.golden import GoldenCase, HeldAgainst, Made
from repro.verification.report_weights import WeightsUsed

Verdict = Literal["right", "differs", "nothing verified"]


@dataclass(frozen=True)
class CaseResult:
    """What came of one golden case."""

    name: str
    variant: str | None
    state: Literal["right", "differs", "skipped"]
    records: int = 0
    """How many were asked, those that must fail among them."""
    closeness: str = ""
    """How close answers are that are right."""
    largest: Mapping[str, float] = field(default_factory=dict)
    """The largest difference of each field with numbers."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What its worker was started with, of the model's own options."""
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    """Why it was skipped."""
    fix: str = ""
    """What to do so that it is not."""
    made: Made | None = None
    held_against: HeldAgainst | None = None
    weights: WeightsUsed | None = None
    """None where it was not run."""

    @classmethod
    def skipped(cls, case: GoldenCase, variant: str | None, reason: str, fix: str = "") -> CaseResult:
        return cls(
            case.name, variant, "skipped", reason=reason, fix=fix, made=case.made, held_against=case.held_against
        )


@dataclass
class Report:
    """What was found when a model was verified, and where."""

    model: str
    golden: str
    """The golden file."""
    image: str = ""
    runtime: str = ""
    environment: str = ""
    """Digest of the image, or key of the local environment."""
    device: str = ""
    cases: list[CaseResult] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    fetched: tuple[str, ...] = ()
    """The variants whose published weights are here."""

    @property
    def verdict(self) -> Verdict:
        """`right` only where something was verified, and nothing was wrong."""
        if any(case.state == "differs" for case in self.cases) or any(check.state == "failed" for check in self.checks):
            return "differs"
        return "right" if any(case.state == "right" for case in self.cases) else "nothing verified"

    def summary(self) -> str:
        """The verdict, with the weights that it holds for.

        >>> of_fixtures = CaseResult("a", "small", "right", weights=WeightsUsed("test checkpoint", "fixtures"))
        >>> Report("esm", "golden.yaml", cases=[of_fixtures]).summary()
        'right on its test checkpoints; the published weights were not looked at (none is fetched)'
        """
        kinds = {case.weights.kind for case in self.cases if case.weights is not None} - {"none"}
        if not kinds:
            return self.verdict
        told = {
            "test checkpoint": "its test checkpoints",
            "given": "the weights given",
            "published": "published weights",
        }
        said = f"{self.verdict} on {' and '.join(words for kind, words in told.items() if kind in kinds)}"
        if "published" in kinds:
            looked_at = {case.variant for case in self.cases if case.weights and case.weights.kind == "published"}
            return f"{said} ({', '.join(sorted(filter(None, looked_at)))})"
        why = f"no golden case was run with {', '.join(self.fetched)}" if self.fetched else "none is fetched"
        return f"{said}; the published weights were not looked at ({why})"

    def varied_options(self) -> list[str]:
        """The model's options of which the cases that were run have different values."""
        run = [case.options for case in self.cases if case.state != "skipped"]
        names = dict.fromkeys(name for options in run for name in options)
        return [name for name in names if len({repr(options.get(name)) for options in run}) > 1]

    def problems(self) -> list[str]:
        """What is wrong, a line each; for the message of a test."""
        lines = [f"{case.name}: {shown(one)}" for case in self.cases for one in case.differences]
        for check in self.checks:
            if check.state == "failed":
                lines.append(f"{check.case}: {check.name}: {check.finding}; {check.remedy}")
                lines += [f"    {shown(one)}" for one in check.differences]
        return lines

    def as_dict(self) -> dict[str, Any]:
        """For a program: plain values."""
        return {"model": self.model, "verdict": self.verdict, "summary": self.summary(), **_plain(asdict(self))}


def shown(difference: Difference) -> str:
    """One difference as a sentence.

    >>> shown(Difference("value", 2, "score", "1.0", "1.5", (), 0.5, 0.1, "absolute 0.1"))
    'record 2, score: expected 1.0, got 1.5; they differ by 0.5, 0.1 is allowed'
    """
    name = f" ({difference.record_id})" if difference.record_id else ""
    where = [f"record {difference.record}{name}"] if difference.record is not None else []
    where += [difference.field] if difference.field else []
    place = f" at {shown_position(difference)}" if difference.position else ""
    text = f"expected {difference.expected}, got {difference.got}"
    if difference.kind not in ("value", "error", "order", "count"):
        text = f"{difference.kind}: {text}"
    if difference.difference is not None:
        text += f"; they differ by {difference.difference:.3g}, {difference.allowed or 0:.3g} is allowed"
    if difference.values > 1:
        text += f" ({difference.values} values differ)"
    return f"{', '.join(where)}{place}: {text}" if where else text


def shown_position(difference: Difference) -> str:
    """Where in an array the largest difference is; empty where it is a single value.

    >>> shown_position(Difference("value", 0, "x", "1", "2", (3, 1)))
    '[3, 1]'
    """
    return str(list(difference.position)) if difference.position else ""


def _plain(value: Any) -> Any:
    """JSON has no infinity: it is written as text, as in the outputs of `repro predict`."""
    from repro.data.jsonl import number_text

    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return number_text(value)
    return value
