"""Version and image of a model as its wrapper states them, read from the source: importing a wrapper takes its time."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path

from repro.registry import ModelSource

_VERSION, _IMAGE, _CLASS_IMAGE, _NAME = "VERSION", "DEFAULT_IMAGE", "default_image", "MODEL_NAME"


@dataclass(frozen=True)
class StatedImage:
    """What a wrapper says of its image; empty where its source does not say it plainly."""

    version: str = ""
    image: str = ""


def stated_image(source: ModelSource) -> StatedImage:
    """Version and image that a model's wrapper states.

    >>> stated_image(ModelSource("esm", "repro.models.esm", "repro"))
    StatedImage(version='1.0', image='repro-models/esm:1.0')
    """
    path = _source_file(source.module)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8")) if path is not None else ast.Module([], [])
    except (OSError, ValueError, SyntaxError):  # a wrapper that cannot be read is told of by `repro doctor`
        return StatedImage()
    stated = {_NAME: source.name}
    for name, value in _assignments(tree):
        text = _text(value, stated)
        if text is not None:
            stated[name] = text
    image = stated.get(_CLASS_IMAGE) or stated.get(_IMAGE, "")
    return StatedImage(stated.get(_VERSION) or _tag(image), image)


def _source_file(module: str) -> Path | None:
    """Where a module's source is. `find_spec` of importlib.util would import the packages above it."""
    folders: list[str] | None = None
    spec: ModuleSpec | None = None
    parts = module.split(".")
    for number in range(len(parts)):
        spec = PathFinder.find_spec(".".join(parts[: number + 1]), folders)
        if spec is None:
            return None
        folders = list(spec.submodule_search_locations or ())
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _assignments(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """`name = value` of the module and of its classes, in their order."""
    for statement in getattr(tree, "body", []):
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, statement.value
        elif isinstance(statement, ast.ClassDef):
            yield from _assignments(statement)


def _text(value: ast.expr, known: dict[str, str]) -> str | None:
    """The value of a text, a known name, or an f-string of both; None for everything else."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.Name):
        return known.get(value.id)
    if isinstance(value, ast.FormattedValue):
        return _text(value.value, known)
    if isinstance(value, ast.JoinedStr):
        parts = [_text(part, known) for part in value.values]
        return None if None in parts else "".join(part for part in parts if part is not None)
    return None


def _tag(image: str) -> str:
    _, colon, tag = image.rpartition(":")
    return tag if colon and "/" not in tag else ""
