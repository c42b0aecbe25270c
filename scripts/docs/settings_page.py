"""The page of the settings, from the docstrings in `repro/settings.py`.

It is written to a file that is committed, as is the command line's: a setting is part of it.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

from repro.settings import Settings
from scripts.docs.tables import prose, table

_HEAD = """\
# Settings

Environment variables, read when a command starts or a model is made. An option of the command line, or a keyword in
Python, comes before the variable.
"""
_TAIL = """\
`DOCKER_HOST` and the docker context say where the engine is; packages come from where `pip config list` says.
`OMP_NUM_THREADS`, `MKL_NUM_THREADS` and `OPENBLAS_NUM_THREADS` reach workers as they are; where none of them is set,
one that is limited to some cores (`--cpus`) computes with as many threads.
`REPRO_DEBUG=1` shows the traceback of an error; `TEST_DEVICES="-1 0"` says on which devices the tests of models run.
"""
_SAID = re.compile(r"(REPRO_\w+): (.+)", re.DOTALL)


def render() -> str:
    """The page."""
    rows = [[f"`{variable}`", f"`{attribute}`", prose(meaning)] for variable, attribute, meaning in _settings()]
    return "\n\n".join([_HEAD.strip(), table(["variable", "in `Settings`", "meaning"], rows), _TAIL])


def _settings() -> Iterator[tuple[str, str, str]]:
    """Each setting: its variable, its attribute, and what the docstring below that says."""
    (body,) = ast.parse(inspect.getsource(Settings)).body
    assert isinstance(body, ast.ClassDef)
    for field, below in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else ""
            said = _SAID.fullmatch(" ".join(str(text).split()))
            if said is None:
                raise ValueError(f'Settings.{field.target.id} needs a docstring: """REPRO_NAME: what it means."""')
            default = getattr(Settings, field.target.id, None)
            is_number = isinstance(default, float)
            yield said[1], field.target.id, f"{said[2]} {default:g} when unset." if is_number else said[2]
