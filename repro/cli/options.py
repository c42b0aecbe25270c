"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from repro.cli.console import QUIET, VERBOSE, Console
from repro.settings import RUNTIMES

F = TypeVar("F", bound=Callable[..., Any])


def verbosity(function: F) -> F:
    """-q, -v and --debug: they are told to the console, wherever on the line they stand."""
    for option in (
        click.option(
            "--debug", is_flag=True, expose_value=False, callback=_debug, help="Show tracebacks (REPRO_DEBUG=1)."
        ),
        click.option("-v", "--verbose", is_flag=True, expose_value=False, callback=_level(VERBOSE), help="Say more."),
        click.option(
            "-q", "--quiet", is_flag=True, expose_value=False, callback=_level(QUIET), help="Only say errors."
        ),
    ):
        function = option(function)
    return function


def _debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    console = ctx.find_object(Console)
    if value and console is not None:
        console.debug = True
        console.apply()


def _level(level: int) -> Callable[[click.Context, click.Parameter, bool], None]:
    def set_level(ctx: click.Context, _: click.Parameter, value: bool) -> None:
        console = ctx.find_object(Console)
        if value and console is not None:
            console.level = level
            console.apply()

    return set_level


def complete_models(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.model import Model

    return [CompletionItem(name) for name in Model.list() if name.startswith(incomplete)]


def complete_variants(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from repro.errors import ReproError
    from repro.model import Model

    # An option that waits for its value keeps click from giving the words before it their names.
    named = ctx.params.get("model") or next((word for word in ctx.args if not word.startswith("-")), "")
    try:
        variants = Model.by_name(named).config().variants
    except ReproError:  # no model yet, or none of that name: nothing to propose
        return []
    return [CompletionItem(name, help=v.description) for name, v in variants.items() if name.startswith(incomplete)]


def model_argument(function: F) -> F:
    """MODEL."""
    return click.argument("model", shell_complete=complete_models)(function)


def runtime_option(function: F) -> F:
    """--runtime."""
    return click.option(
        "--runtime",
        type=click.Choice([*RUNTIMES, "auto"]),
        help="Where to run; auto: docker where an engine answers, else local. [default: REPRO_RUNTIME, or auto]",
    )(function)


def variant_option(*, multiple: bool = False) -> Callable[[F], F]:
    """--variant."""
    told = "Whose weights to fetch; may be given several times." if multiple else "Which pretrained weights."
    return click.option(
        "--variant",
        metavar="NAME",
        multiple=multiple,
        shell_complete=complete_variants,
        help=f"{told} [default: the model's own]",
    )


def json_option(function: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")(function)
