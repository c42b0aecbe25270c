"""What a command says to the person: notes and errors on stderr, results on stdout."""

from __future__ import annotations

import json
import logging
import shutil
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from repro.errors import ReproError, redact

QUIET, NORMAL, VERBOSE = -1, 0, 1
_SHOWN_LOG_LINES = 6
_SHOWN_PRINTED_LINES = 2
_PRINTED = "(stdout) "
_GAP = "  "


@dataclass
class Console:
    """How much is said; set by -q, -v and --debug."""

    level: int = NORMAL
    debug: bool = False

    def note(self, text: str) -> None:
        """A line on stderr, unless -q."""
        if self.level >= NORMAL:
            click.echo(text, err=True)

    def detail(self, text: str) -> None:
        """A line on stderr with -v."""
        if self.level >= VERBOSE:
            click.secho(text, err=True, dim=True)

    def apply(self) -> None:
        """Let the log of repro say as much as this does."""
        levels = {QUIET: logging.ERROR, NORMAL: logging.WARNING, VERBOSE: logging.INFO}
        log = logging.getLogger("repro")
        log.setLevel(logging.DEBUG if self.debug else levels[self.level])
        if not any(isinstance(handler, _Handler) for handler in log.handlers):
            log.addHandler(_Handler())
            log.propagate = False

    def show_error(self, error: ReproError) -> None:
        """One short message: what happened, the likely cause, what to do, what was seen."""
        self._show_traceback(error)
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
        for label, text in (("cause", error.cause), ("do", error.fix)):
            if text:
                click.echo(f"{click.style(f'{label}:', bold=True)} {text}", err=True)
        for line in self._evidence(error):
            click.secho(line, err=True, dim=True)

    def show_unexpected(self, error: Exception) -> None:
        """An error that is none of ours: a fault of repro, or of a model's wrapper."""
        self._show_traceback(error)
        click.echo(
            f"{click.style('unexpected error:', fg='red', bold=True)} {type(error).__name__}: {redact(str(error))}",
            err=True,
        )
        if not self.debug:
            click.echo("this is a fault in repro or in a model's wrapper; --debug shows where", err=True)

    def _show_traceback(self, error: Exception) -> None:
        if self.debug:
            click.echo(redact("".join(traceback.format_exception(error))), err=True)

    def _evidence(self, error: ReproError) -> list[str]:
        if self.level >= VERBOSE:
            return [*error.evidence.lines(), *getattr(error, "traceback", "").splitlines()]
        tail = error.evidence.log_tail
        printed = [line for line in tail if line.startswith(_PRINTED)]
        logged = [line for line in tail if not line.startswith(_PRINTED)]
        # What the worker printed says less, mostly, than what it logged, which ends with the traceback.
        shown = [*logged[-_SHOWN_LOG_LINES:], *printed[-_SHOWN_PRINTED_LINES:]]
        lines = replace(error.evidence, log_tail=tuple(shown)).lines()
        hidden = len(tail) - len(shown)
        return [*lines, f"({hidden} more log lines with -v)"] if hidden else lines


class _Handler(logging.Handler):
    """Log records as lines on stderr, wherever that leads at the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        click.secho(record.getMessage(), err=True, dim=record.levelno < logging.WARNING)


def print_json(value: Any) -> None:
    """A result for a program, on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def counted(count: int, noun: str) -> str:
    """A number of things, as people say it.

    >>> counted(1, "record"), counted(30000, "record")
    ('1 record', '30,000 records')
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, fit: bool = False) -> None:
    """Aligned columns on stdout; the last one as wide as it is, or with `fit` as there is room for on a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    if fit and sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
        rows = [[*row[:-1], shortened(row[-1], max(room, len(header[-1])))] for row in rows]
    for number, row in enumerate([header, *rows]):
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        click.secho(_GAP.join(cells).rstrip(), bold=number == 0)


def shortened(text: str, width: int) -> str:
    """The beginning of a text that is too long.

    >>> shortened("reverses text", 13), shortened("reverses text", 9)
    ('reverses text', 'reverses\N{HORIZONTAL ELLIPSIS}')
    """
    return text if len(text) <= width else text[: width - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """`label  value` lines on stdout; facts without a value are left out."""
    shown = [(label, value) for label, value in facts if value]
    width = max((len(label) for label, _ in shown), default=0)
    for label, value in shown:
        first, *rest = value.splitlines()
        click.echo(f"{click.style(label.ljust(width), bold=True)}{_GAP}{first}")
        for line in rest:
            click.echo(f"{' ' * width}{_GAP}{line}")
