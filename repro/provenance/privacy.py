"""What must not stand in a manifest, which people hand on: secrets, and where a user's home is. And how what does stand
in one, which may be a stranger's, is shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from repro.errors import looks_secret, redact, without_control

HIDDEN = "***"


def without_secrets(value: Any, name: str = "") -> Any:
    """Options with secrets replaced: texts under a name that says token, password or key, passwords in addresses, and
    the values of such variables of this process, wherever they stand.

    >>> without_secrets({"api_key": "abc", "url": "https://ada:hunter2@example.org"})
    {'api_key': '***', 'url': 'https://***@example.org'}
    """
    return _changed(value, lambda text, key: HIDDEN if text and looks_secret(key) else redact(text), name)


def as_told(value: Any) -> Any:
    """What a worker says of itself: without secrets, and with the user's home folder as `~`."""
    home = os.path.expanduser("~")  # noqa: PTH111  # Path.home() raises where there is none
    # /opt/toolset/root is not in the home of root.
    at_home = re.compile(rf"(?<![\w.~-]){re.escape(home)}(?![\w.-])") if len(home) > 1 else None
    return _changed(value, lambda text, _: redact(at_home.sub("~", text) if at_home else text))


def to_be_shown(value: Any) -> Any:
    """Facts of a manifest, names among them too, without the characters that would move the cursor of who looks on.

    >>> to_be_shown({"a": ["\\x1b[2Jb"]})
    {'a': ['�[2Jb']}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: to_be_shown(getattr(value, one.name)) for one in fields(value)})
    if isinstance(value, Mapping):
        return {to_be_shown(key): to_be_shown(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(to_be_shown, value))
    return without_control(value) if isinstance(value, str) else value


def _changed(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """A JSON value with each text changed, which is told the name that it stands under."""
    if isinstance(value, Mapping):
        return {key: _changed(one, change, str(key)) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_changed(one, change, name) for one in value]
    return change(value, name) if isinstance(value, str) else value
