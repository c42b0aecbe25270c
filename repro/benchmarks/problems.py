"""Errors that are told together: who has written three names wrong should not have to come back three times."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from repro.errors import ReproError

T = TypeVar("T")
D = TypeVar("D")

_LINE = re.compile(r", line (\d+)")  # as every complaint about a benchmark's file begins


class Problems:
    """Errors that were met, in the order of the lines that they name.

    >>> from repro.errors import SettingsError
    >>> problems = Problems()
    >>> with problems.gathered():
    ...     raise SettingsError("a.yaml, line 3: no such model", fix="did you mean ridge?")
    >>> with problems.gathered():
    ...     raise SettingsError("a.yaml, line 2: no such file")
    >>> problems.raise_all()
    Traceback (most recent call last):
    repro.errors.SettingsError: a.yaml, line 2: no such file
    a.yaml, line 3: no such model
      do: did you mean ridge?
    """

    def __init__(self) -> None:
        self._errors: list[ReproError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep the error that the block ends with, if it does."""
        try:
            yield
        except ReproError as error:
            self._errors.append(error)

    def value(self, read: Callable[..., T], *words: object, default: D) -> T | D:
        """What `read` gives; `default` where it raises, which is kept."""
        try:
            return read(*words)
        except ReproError as error:
            self._errors.append(error)
        return default

    def add(self, errors: Iterable[ReproError]) -> None:
        """Keep errors that were not raised."""
        self._errors += errors

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._errors)

    def raise_all(self) -> None:
        """Raise the first of them, which tells the others too, each with what to do; nothing where there is none."""
        distinct = {(error.message, error.fix): error for error in self._errors}
        if not distinct:
            return
        first, *others = sorted(distinct.values(), key=_line)
        if others:
            first.message = "\n".join(_told(error) for error in (first, *others))
            first.fix = ""
        raise first


def _line(error: ReproError) -> int:
    found = _LINE.search(error.message)
    return int(found[1]) if found else 0


def _told(error: ReproError) -> str:
    return f"{error.message}\n  do: {error.fix}" if error.fix else error.message
