"""Groups of commands: help needs one line of each, and a command's module is imported when it is called."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click


class LazyGroup(click.Group):
    """A group whose commands are modules with a `command`.

    Args:
        lazy: what each command does, by its name.
        module: where a command is, `{}` in the place of its name (with `_` behind it where Python has that word).
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str], module: str, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self._lazy = lazy
        self._module = module

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return None
        stem = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        command: click.Command = import_module(self._module.format(stem)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self._lazy and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self._lazy, n=2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(self._lazy)}"
            ctx.fail(f"no command is called {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._lazy.items()))
