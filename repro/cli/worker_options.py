"""Options of the commands that start a worker: where and with what it runs. They become keywords of `Model`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

WORKER_KEYWORDS = (
    "runtime",
    "variant",
    "device",
    "weights",
    "memory",
    "cpus",
    "batch_size",
    "start_timeout_s",
    "call_timeout_s",
)
_SECONDS = click.FloatRange(min=0, min_open=True)


def worker_options(function: F) -> F:
    """--device, --weights, --batch-size, --memory, --cpus, --start-timeout, --call-timeout."""
    for option in reversed(
        [
            click.option("--device", type=int, metavar="N", help="Index of a GPU, or -1 for the CPU. [default: -1]"),
            click.option(
                "--weights", type=click.Path(exists=True), help="A file or folder in place of the fetched weights."
            ),
            click.option(
                "--batch-size", type=click.IntRange(min=1), metavar="N", help="Records that are handed over together."
            ),
            click.option("--memory", metavar="SIZE", help="Limit of memory, such as 8g (docker)."),
            click.option(
                "--cpus", type=click.FloatRange(min=0, min_open=True), metavar="X", help="Limit of CPU cores (docker)."
            ),
            click.option(
                "--start-timeout", "start_timeout_s", type=_SECONDS, metavar="S", help="Seconds that loading may take."
            ),
            click.option(
                "--call-timeout", "call_timeout_s", type=_SECONDS, metavar="S", help="Seconds that a batch may take."
            ),
        ]
    ):
        function = option(function)
    return function
