"""Golden answers as data: records, what a model has to answer to them, and where that comes from."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from repro.errors import SettingsError
from repro.verification.compare import ExpectedError
from repro.verification.tolerance import Tolerance, Tolerances


@dataclass(frozen=True)
class Made:
    """How golden answers were made."""

    command: str
    date: str
    device: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class HeldAgainst:
    """Why golden answers are believed."""

    kind: Literal["package", "table", "definition"]
    name: str
    """The original package, whose own output they are; the published table; or how the answer is defined."""
    address: str | None = None
    how: str | None = None


@dataclass(frozen=True)
class GoldenError:
    """A record that must fail."""

    record: Mapping[str, Any]
    expected: ExpectedError


@dataclass(frozen=True)
class GoldenCase:
    """Some records, with what the model has to answer to them."""

    name: str
    made: Made
    held_against: HeldAgainst
    records: tuple[Mapping[str, Any], ...] = ()
    expected: tuple[Mapping[str, Any], ...] = ()
    errors: tuple[GoldenError, ...] = ()
    description: str = ""
    is_slow: bool = False
    """Whether it takes minutes, and is run only where it is asked for."""
    variant: str | None = None
    weights: Path | None = None
    """Those that it needs, where they are not the published ones."""
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tolerance: Mapping[str, Tolerance | Mapping[str, Tolerance]] = field(default_factory=dict)

    def tolerances(self, device: str) -> Tolerances:
        """How far answers may be away on a kind of device: `cpu` or `cuda`."""
        return Tolerances(
            {name: one if isinstance(one, Tolerance) else one[device] for name, one in self.tolerance.items()}
        )

    @property
    def ids(self) -> tuple[str | None, ...]:
        """Names of the records, where they have one."""
        return tuple(str(record["id"]) if "id" in record else None for record in self.records)


@dataclass(frozen=True)
class Golden:
    """All golden answers of a model."""

    path: Path
    cases: Mapping[str, GoldenCase]

    def case(self, name: str) -> GoldenCase:
        """The case of that name. Raises SettingsError, which holds the near ones."""
        if name in self.cases:
            return self.cases[name]
        near = difflib.get_close_matches(name, self.cases, n=3, cutoff=0.4)
        fix = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(self.cases)}"
        raise SettingsError(f"{self.path} has no case {name!r}", fix=fix)
