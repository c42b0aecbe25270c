"""The command line: one command a file, and here what stands around them all: signals, errors, exit codes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from repro.errors import InputFileError, ReproError

_EXIT_UNEXPECTED = 1
_EXIT_INTERRUPTED = 130
_EXIT_CLOSED_PIPE = 141
_SIGNAL_BASE = 128


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and give the exit code. `repro --help` lists the codes."""
    import click

    from repro.cli.console import Console
    from repro.cli.group import cli

    console = Console(debug=os.environ.get("REPRO_DEBUG") == "1")
    try:
        with _ended_in_order():
            return cli.main(arguments, prog_name="repro", standalone_mode=False, obj=console) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        console.note("interrupted")
        return _EXIT_INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except ReproError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            return _closed_pipe()
        console.show_error(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 (the edge: whatever it is, it becomes one line and an exit code)
        told = _of_the_input(error)
        if told is None:
            console.show_unexpected(error)
            return _EXIT_UNEXPECTED
        console.show_error(told)
        return told.exit_code


def _of_the_input(error: Exception) -> ReproError | None:
    """An error about a data set or a model card, which the code that containers share raises without this tree."""
    from repro.guest.assays.errors import AssaysError

    if not isinstance(error, AssaysError):
        return None
    told = InputFileError(error.message, fix=error.fix)
    told.__cause__ = error
    return told


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP (a batch system, a lost connection) end the program as Ctrl-C does: tidily."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(_SIGNAL_BASE + number)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        for number, handler in before.items():
            if handler == signal.SIG_DFL:  # under nohup SIGHUP is ignored, and shall be
                signal.signal(number, end)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _closed_pipe() -> int:
    """Whoever read stdout has gone: end quietly, also when the interpreter flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _EXIT_CLOSED_PIPE
