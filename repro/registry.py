"""Names and the classes behind them. Finding one imports the module that holds it, and no other if it can be told."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Generic, TypeVar

from repro.errors import ModelNotFoundError

ENTRY_POINT_GROUP = "repro.models"
_SUFFIX = "-model"

T = TypeVar("T")
C = TypeVar("C", bound=type)


@dataclass(frozen=True)
class ModelSource:
    """Where a model's wrapper is: one of repro's own, or one that an installed package adds."""

    name: str
    module: str
    package: str
    """The distribution that brings it."""

    def is_meant_by(self, name: str) -> bool:
        """Whether a model of that name is most likely here."""
        return name in (self.name, self.name + _SUFFIX) or name.startswith(self.name + "-")


class Registry(Generic[T]):
    """Classes by the name that they were registered under.

    >>> animals: Registry[type] = Registry("animal")
    >>> @animals.register("cat")
    ... class Cat: ...
    >>> animals.get("cat") is Cat
    True
    """

    def __init__(self, noun: str) -> None:
        self._noun = noun
        self._classes: dict[str, T] = {}

    def register(self, name: str) -> Callable[[C], C]:
        """A class decorator. Raises ValueError where another class has the name."""

        def add(cls: C) -> C:
            there = self._classes.get(name)
            if there is not None and _origin(there) != _origin(cls):
                raise ValueError(f"the {self._noun} name {name!r} is taken by {_origin(there)}")
            self._classes[name] = cls  # type: ignore[assignment]
            return cls

        return add

    def get(self, name: str) -> T | None:
        return self._classes.get(name)

    def items(self) -> list[tuple[str, T]]:
        return list(self._classes.items())


def _origin(cls: object) -> str:
    return f"{getattr(cls, '__module__', '')}.{getattr(cls, '__qualname__', '')}"


class Catalogue:
    """The models that can be had: `repro/models/<name>`, and those of the entry-point group `repro.models`."""

    @cached_property
    def sources(self) -> dict[str, ModelSource]:
        """Every model's folder name and where its module is; nothing is imported for it."""
        import repro.models

        found: dict[str, ModelSource] = {}
        for module in pkgutil.iter_modules(repro.models.__path__):
            if module.ispkg:
                found[module.name] = ModelSource(module.name, f"repro.models.{module.name}", "repro")
        for entry in metadata.entry_points(group=ENTRY_POINT_GROUP):
            package = entry.dist.name if entry.dist is not None else "?"
            there = found.get(entry.name)
            if there is not None and there.module != entry.value:
                raise ModelNotFoundError(
                    f"two packages bring a model {entry.name!r}: {there.package} and {package}",
                    fix=f"uninstall one: pip uninstall {package}",
                )
            found[entry.name] = ModelSource(entry.name, entry.value.partition(":")[0], package)
        return found

    def load(self, source: ModelSource) -> None:
        """Import a model's wrapper.

        Raises:
            ModelNotFoundError: it cannot be imported; holds the reason.
        """
        try:
            importlib.import_module(source.module)
        except Exception as error:
            raise ModelNotFoundError(
                f"the model {source.name} ({source.module}, from {source.package}) cannot be imported: "
                f"{type(error).__name__}: {error}",
                fix=f"mend or reinstall {source.package}",
            ) from error

    def candidates(self, name: str) -> list[ModelSource]:
        """Sources in the order in which they are likely to hold `name`: first those that it means."""
        by_length = sorted(self.sources.values(), key=lambda source: -len(source.name))
        return sorted(by_length, key=lambda source: not source.is_meant_by(name))

    def unknown(self, name: str, registered: list[str], broken: list[ModelNotFoundError]) -> ModelNotFoundError:
        """The error for a name that nothing has; what is `broken` may have had it."""
        known = [*self.sources, *registered]
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        fix = f"did you mean {' or '.join(near)}?" if near else "repro list shows all models"
        if Path(f"repro-{name}", "pyproject.toml").is_file():  # where `repro new --package` writes it
            fix = f"install its package: pip install -e ./repro-{name} (or: uv pip install -e ./repro-{name})"
        cause = f"it may be one of those that cannot be looked into: {broken[0].message}" if broken else ""
        return ModelNotFoundError(f"no model is called {name!r}", cause=cause, fix=fix)


catalogue = Catalogue()
