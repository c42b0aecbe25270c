"""YAML whose every complaint names the file, the line and the key."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repro.errors import SettingsError

if TYPE_CHECKING:
    import yaml

_MOST_PLACES = 100_000

Where = tuple[str, ...]
"""A place in the file: the keys, and positions in lists, that lead there."""


def read_yaml(path: Path, text: str) -> Section:
    """The mapping that `text`, the content of `path`, holds; empty for an empty file.

    Raises:
        SettingsError: it is not YAML, states a key twice, is no mapping, holds itself, or is far too large or deep.
    """
    import yaml

    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        lines: dict[Where, int] = {}
        if root is not None:
            _note_lines(path, root, (), lines)
        values: object = loader.construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise SettingsError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', None) or error}") from error
    except ValueError as error:  # of a date or a number that is none, such as 2026-13-45
        raise SettingsError(f"{path}: not valid YAML: {error}") from error
    except RecursionError:
        raise SettingsError(
            f"{path}: is nested too deeply, or holds itself", fix="write it out, without & and *"
        ) from None
    finally:
        loader.dispose()
    return Section(path, (), values, lines)


def _note_lines(path: Path, node: yaml.Node, where: Where, lines: dict[Where, int]) -> None:
    import yaml

    if len(lines) >= _MOST_PLACES:
        # A few lines of aliases of aliases can stand for more than any machine holds.
        line = node.start_mark.line + 1
        raise SettingsError(f"{path}, line {line}: holds too much", fix="write it out, without & and *")
    lines.setdefault(where, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            _note_lines(path, item, (*where, str(position)), lines)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            place = (*where, str(key.value))
            line = key.start_mark.line + 1
            if place in lines:
                # YAML itself would let the later one win without a word.
                raise SettingsError(f"{path}, line {line}: {'.'.join(place)} stands there twice")
            lines[place] = line
            _note_lines(path, value, place, lines)


class Section:
    """One mapping of the file, taken apart key by key; what nobody asked for is an error at `finish`."""

    def __init__(self, path: Path, where: Where, values: object, lines: Mapping[Where, int]) -> None:
        self._path = path
        self._where = where
        self._lines = lines
        if values is not None and not isinstance(values, dict):
            raise self.wrong("", "must be a mapping of keys to values")
        self._values: dict[Any, object] = values or {}
        self._asked: set[str] = set()

    def wrong(self, key: str, what: str) -> SettingsError:
        """The error that says what is wrong with `key`, or with the whole section where `key` is empty."""
        return SettingsError(f"{self.place(key)} {what}")

    def place(self, key: str) -> str:
        """Where `key` stands, for errors: file, line and key; or the whole section where `key` is empty."""
        where = (*self._where, key) if key else self._where
        known = next((where[:n] for n in range(len(where), -1, -1) if where[:n] in self._lines), None)
        line = f", line {self._lines[known]}" if known is not None else ""
        return f"{self._path}{line}: {'.'.join(where) or 'the file'}"

    def text(self, key: str) -> str | None:
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value or None
        if isinstance(value, (dict, list)):
            raise self.wrong(key, "must be text")
        raise self.wrong(key, f'must be text: put quotes around it, {key}: "{value}"')

    def count(self, key: str) -> int | None:
        value = self._take(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
            return value
        raise self.wrong(key, f"must be a whole number above 0, not {value!r}")

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        raise self.wrong(key, f"must be true or false, not {value!r}")

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if value is None:
            return ()
        if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
            return tuple(value)
        example = f"[{value}]" if isinstance(value, str) else "[python, run.py]"
        raise self.wrong(key, f"must be a list of texts, such as {example}")

    def mapping(self, key: str) -> dict[str, object]:
        inner = self._inner((key,), self._take(key))
        return {inner._named(name): value for name, value in inner._values.items()}

    def value(self, key: str) -> object:
        """Whatever stands under `key`; None where nothing does."""
        return self._take(key)

    def section(self, key: str) -> Section | None:
        """The mapping under `key`; None where the key is not there, so that an empty one can be told from none."""
        value = self._take(key)
        return self._inner((key,), value) if key in self._values else None

    def sections(self, key: str) -> dict[str, Section]:
        return {name: self._inner((key, name), value) for name, value in self.mapping(key).items()}

    def items(self, key: str) -> list[Section]:
        value = self._take(key)
        if value is not None and not isinstance(value, list):
            raise self.wrong(key, "must be a list")
        return [self._inner((key, str(position)), item) for position, item in enumerate(value or [])]

    def entries(self, key: str, word: str, wrong: list[SettingsError] | None = None) -> list[Section]:
        """The mappings of a list in which a plain text stands for a mapping with that text under `word`.

        `wrong` gets the errors of those that are neither, so that the others are given; None: the first is raised.

        >>> text = "models: [pls, {model: esm, variant: small}]"
        >>> [entry.text("model") for entry in read_yaml(Path("spec.yaml"), text).entries("models", "model")]
        ['pls', 'esm']
        """
        value = self._take(key)
        if value is not None and not isinstance(value, list):
            example = f": [{value}]" if isinstance(value, str) else ""
            raise self.wrong(key, f"must be a list{example}")
        found = []
        for position, item in enumerate(value or []):
            try:
                found.append(self._inner((key, str(position)), {word: item} if isinstance(item, str) else item))
            except SettingsError as error:
                if wrong is None:
                    raise
                wrong.append(error)
        return found

    def finish(self) -> None:
        """Refuse what was never asked for.

        Raises:
            SettingsError: there is a key that is not known; the message holds the near one.
        """
        for error in self.unknown():
            raise error

    def unknown(self) -> list[SettingsError]:
        """The error for each key that was never asked for; each holds the near one."""
        return [self._not_known(name) for name in map(self._named, self._values) if name not in self._asked]

    def _not_known(self, name: str) -> SettingsError:
        near = difflib.get_close_matches(name, self._asked, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(self._asked))}"
        return self.wrong(name, f"is not a known key; {hint}")

    def _take(self, key: str) -> object:
        self._asked.add(key)
        return self._values.get(key)

    def _inner(self, where: Where, value: object) -> Section:
        return Section(self._path, (*self._where, *where), value, self._lines)

    def _named(self, key: object) -> str:
        if isinstance(key, str):
            return key
        raise self.wrong(str(key), "must be text: put quotes around it")
