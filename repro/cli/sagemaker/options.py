"""Options that the commands of `repro sagemaker` share."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
_DURATION = re.compile(r"(\d+)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType):  # type: ignore[type-arg,unused-ignore]  # generic since click 8.5
    """Whole seconds, or a number with s, m, h or d.

    >>> Duration().convert("90m", None, None)
    5400
    """

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _DURATION.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no time, such as 90m, 12h or 3600", param, ctx)
        return int(found[1]) * _SECONDS[found[2]]


def region_option(function: F) -> F:
    """--region."""
    return click.option(
        "--region", metavar="NAME", help="Region of AWS. [default: AWS_DEFAULT_REGION, or ~/.aws/config]"
    )(function)
