"""The page of the command line, from click's own help texts.

It is written to a file that is committed, so that a review shows what a change does to the command line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from repro.cli.group import COMMANDS, EXIT_CODES, cli
from scripts.docs.tables import prose, table

_HEAD = """\
# Command line

`repro COMMAND --help` shows the same in a terminal; for `repro predict` and `repro ping`, `--help` after a model's name
adds that model's own options. Results go to standard output, messages to standard error; `--json` gives what a program
can read.
"""
_EVERYWHERE = {"--help", "--debug", "--verbose", "--quiet"}
_EXIT_CODE = re.compile(r"^  (\d+) +(.+)$", re.MULTILINE)


def render() -> str:
    """The page."""
    context = click.Context(cli, info_name="repro")
    overview = table(
        ["command", ""], ([f"[`repro {name}`](#repro-{name})", prose(COMMANDS[name])] for name in COMMANDS)
    )
    parts = [_HEAD, overview, *_everywhere(context)]
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        parts += _command(command, click.Context(command, info_name=name, parent=context))
    codes = table(["code", "meaning"], ([number, prose(meaning)] for number, meaning in _EXIT_CODE.findall(EXIT_CODES)))
    return "\n\n".join(part.strip() for part in [*parts, "## Exit codes", codes]) + "\n"


def _everywhere(context: click.Context) -> Iterator[str]:
    yield "Options of all commands:"
    yield table(["option", "meaning"], (row for option, row in _options(context) if option in _EVERYWHERE))


def _command(command: click.Command, context: click.Context, level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}"
    # Lines are broken at a width of their own: that of the terminal in which this runs is no part of it.
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {pieces}\n```"
    yield from _paragraphs(command.help or "")
    rows = [row for option, row in _options(context) if option not in _EVERYWHERE]
    if rows:
        yield table(["option", "meaning"], rows)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=context), level + 1)


def _paragraphs(text: str) -> Iterator[str]:
    r"""Paragraphs of a help text; one that begins with `\b` keeps its lines."""
    for paragraph in inspect.cleandoc(text).partition("\f")[0].split("\n\n"):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n")
            yield f"```text\n{lines}\n```"
        else:
            yield prose(paragraph)


def _options(context: click.Context) -> Iterator[tuple[str, list[str]]]:
    """The long name of each option, and its row."""
    for parameter in context.command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            said, meaning = record
            shown = " ".join(meaning.split()).replace("] [", "; ")  # two brackets side by side would be a link
            yield max(parameter.opts, key=len), [f"`{said}`", prose(shown)]
