"""Flags are sentences that many cells share: each is told once, with the cells that it is of."""

from __future__ import annotations

from collections.abc import Sequence

from repro.cli.console import counted

_SHOWN = 3


def marks(flags: Sequence[Sequence[str]]) -> tuple[list[str], list[str]]:
    """The numbers of its flags for each cell, and a line for each number.

    >>> marks([("near zero", "opposite"), (), ("opposite",)])
    (['1, 2', '', '2'], ['1: near zero', '2: opposite'])
    """
    numbers = {flag: number for number, flag in enumerate(_distinct(flags), 1)}
    rows = [", ".join(str(numbers[flag]) for flag in some) for some in flags]
    return rows, [f"{number}: {flag}" for flag, number in numbers.items()]


def told(names: Sequence[str], flags: Sequence[Sequence[str]]) -> list[str]:
    """A line for each flag, with the cells that have it; where these are many, with the first of them.

    >>> told(["a", "b", "c"], [("near zero",), ("opposite",), ("near zero",)])
    ['near zero: a; c', 'opposite: b']
    """
    cells = list(zip(names, flags, strict=True))
    return [f"{flag}: {_some([name for name, own in cells if flag in own])}" for flag in _distinct(flags)]


def _some(names: list[str]) -> str:
    shown = names if len(names) <= _SHOWN + 1 else [*names[:_SHOWN], f"and {counted(len(names) - _SHOWN, 'cell')} more"]
    return "; ".join(shown)


def _distinct(flags: Sequence[Sequence[str]]) -> list[str]:
    return list(dict.fromkeys(flag for some in flags for flag in some))
