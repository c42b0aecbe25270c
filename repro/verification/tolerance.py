"""How far a value may be from the one that is expected."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from repro.errors import SettingsError

Kind = Literal["exact", "absolute", "relative"]
DEVICE_KINDS = ("cpu", "cuda")


@dataclass(frozen=True)
class Tolerance:
    """Exact, or a distance from the expected value: absolute, or as a part of its size.

    >>> str(Tolerance("absolute", 1e-5)), Tolerance("relative", 0.01).allowed(-20.0)
    ('absolute 1e-05', 0.2)
    """

    kind: Kind = "exact"
    amount: float = 0.0

    @classmethod
    def of(cls, said: object) -> Tolerance:
        """A tolerance as it is written: `exact`, `{absolute: 1.0e-5}` or `{relative: 0.01}`.

        >>> Tolerance.of({"absolute": 2e-5})
        Tolerance(kind='absolute', amount=2e-05)

        Raises:
            SettingsError: it is none of these.
        """
        if said == "exact":
            return EXACT
        if isinstance(said, Mapping) and len(said) == 1:
            kind, amount = next(iter(said.items()))
            if kind in ("absolute", "relative"):
                return cls(kind, _amount(amount, kind))
        raise SettingsError("must be exact, {absolute: NUMBER} or {relative: NUMBER}" + f", not {said!r}")

    def allowed(self, expected: Any) -> Any:
        """How far a value may be from `expected`, which is a number or an array of them."""
        if self.kind != "relative":
            return self.amount
        try:
            return abs(expected) * self.amount
        except OverflowError:  # whole numbers have no largest one
            return sys.float_info.max

    def __str__(self) -> str:
        return self.kind if self.kind == "exact" else f"{self.kind} {self.amount:g}"


def _amount(said: object, kind: str) -> float:
    if isinstance(said, (int, float)) and not isinstance(said, bool) and 0 < said <= sys.float_info.max:
        if kind == "relative" and said >= 1:
            raise SettingsError(f"must be less than 1, not {said:g}: a relative tolerance of 1 takes 0 for any number")
        return float(said)
    # YAML 1.1 takes 1e-5 for text: a number needs a dot there.
    hint = "; write it with a dot, as 1.0e-5" if isinstance(said, str) else ""
    raise SettingsError(f"must be a number above 0, not {said!r}{hint}")


EXACT = Tolerance()


@dataclass(frozen=True)
class Tolerances:
    """The tolerance of each field; a field in a field is named with a dot, and has its parent's unless it has its own.

    >>> tolerances = Tolerances({"scores": Tolerance("absolute", 0.1)})
    >>> str(tolerances.of("scores.total")), str(tolerances.of("name"))
    ('absolute 0.1', 'exact')
    """

    fields: Mapping[str, Tolerance] = field(default_factory=dict)
    default: Tolerance = EXACT
    """Of fields that are not named."""

    def of(self, name: str) -> Tolerance:
        """The tolerance of the field `name`."""
        while name:
            if name in self.fields:
                return self.fields[name]
            name = name.rpartition(".")[0]
        return self.default
