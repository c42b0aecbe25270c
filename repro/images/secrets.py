"""Secrets of a build: they reach one RUN line through a mount, and stay in no layer, no label and no message."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.errors import SettingsError, looks_secret

_FORM = "write it as --secret id=NAME,src=FILE or --secret id=NAME,env=VARIABLE"
_SHORTEST_LINE = 6
_USERINFO = re.compile(r"://([^/?#\s'\"]*)@")
_NOBODY = ("", "git", "anonymous")


@dataclass(frozen=True)
class Secret:
    """A file, or the value of a variable, that RUN lines mount by its name."""

    id: str
    path: Path | None = None
    variable: str | None = None

    @property
    def argument(self) -> str:
        """As the docker client takes it."""
        return f"id={self.id},src={self.path}" if self.path is not None else f"id={self.id},env={self.variable}"

    def values(self, environ: Mapping[str, str] | None = None) -> list[str]:
        """What must not be shown: the whole, and each longer line of a file."""
        if self.variable is not None:
            return [(os.environ if environ is None else environ).get(self.variable, "")]
        assert self.path is not None
        text = self.path.read_text(encoding="utf-8", errors="replace").strip()
        return [line.strip() for line in text.splitlines() if len(line.strip()) >= _SHORTEST_LINE] or [text]


def read_secrets(given: Sequence[str], environ: Mapping[str, str]) -> list[Secret]:
    """Secrets as a user writes them.

    >>> read_secrets(["id=token,env=HUB_TOKEN"], {"HUB_TOKEN": "hf_1"})[0].argument
    'id=token,env=HUB_TOKEN'

    Raises:
        SettingsError: not of the form, or file or variable is not there.
    """
    return [_read(text, environ) for text in given]


def _read(text: str, environ: Mapping[str, str]) -> Secret:
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    name, path, variable = parts.pop("id", ""), parts.pop("src", ""), parts.pop("env", "")
    # The value itself may have been written here by mistake: so the message does not repeat it.
    if not name or parts or bool(path) == bool(variable):
        raise SettingsError("a --secret is not of the form", fix=_FORM)
    if variable and not environ.get(variable):
        raise SettingsError(f"the secret {name}: the variable {variable} is not set", fix=f"export {variable}=...")
    if path and not Path(path).expanduser().is_file():
        raise SettingsError(f"the secret {name}: there is no file {path}", fix=_FORM)
    return Secret(name, Path(path).expanduser().absolute() if path else None, variable or None)


def refuse_secret_arguments(build_args: Mapping[str, str]) -> None:
    """Build arguments stay readable in an image's history.

    Raises:
        SettingsError: the name of one says that it is a secret, or its value is an address with a user or a password.
    """
    for name, value in build_args.items():
        is_named_so = looks_secret(name) or "TOK" in name.upper().split("_")  # HF_TOK, and not TOKENIZER
        if is_named_so or _has_userinfo(value):
            what = "looks like a secret" if is_named_so else "has a user or a password in an address"
            raise SettingsError(
                f"--build-arg {name} {what}, and a build argument stays readable in the image's history",
                fix=f"--secret id={name.lower()},env={name}, and in the Dockerfile: "
                f"RUN --mount=type=secret,id={name.lower()} ...",
            )


def _has_userinfo(value: str) -> bool:
    """Whether there is an address with somebody's name in it; that of all users of a host, `ssh://git@`, is none."""
    return any(match[1] not in _NOBODY for match in _USERINFO.finditer(value))
