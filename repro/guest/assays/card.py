"""Model cards: what a model is called and which hyper-parameters it has, as YAML front matter or as TOML."""

import dataclasses
import hashlib
import json
import os
import re
from typing import Any, Dict, List

from .errors import CardError
from .front_matter import load_front_matter
from .plain_values import plain
from .toml_text import load_toml

HYPER_PARAMS = ("hyper_params", "hyper_parameters")
"""Both names are read; they mean the same."""
_NO_NAME = re.compile(r"^\.|[/\x00-\x1f\x7f]")


@dataclasses.dataclass(frozen=True)
class ModelCard:
    """A model's name and hyper-parameters. Cards of equal content are equal, whichever file they come from.

    Attributes:
        name: of the model; predictions are named after it.
        hyper_params: Dict[str, Any] of values by name.
        tags: List[str] of str.
        extra: Dict[str, Any] of what else the file says.

    >>> ModelCard("pls", {"n_components": 3}) == ModelCard("pls", {"n_components": 3})
    True
    """

    name: str
    hyper_params: Dict[str, Any] = dataclasses.field(default_factory=dict)
    tags: List[str] = dataclasses.field(default_factory=list)
    extra: Dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_path(cls, path):
        """Read the card in the front matter of a README (between two lines `---`); a file named .toml as TOML.

        Raises:
            CardError: no such file, no front matter, or what is in it is no card.
        """
        path = os.fspath(path)
        if path.endswith(".toml"):
            return _card(cls, load_toml(_text(path), CardError, path), path)
        return _card(cls, load_front_matter(_text(path), path), path)

    @property
    def digest(self):
        """SHA-256 over its content: equal cards, equal digest."""
        content = [self.name, self.hyper_params, self.tags, self.extra]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def __hash__(self):
        return hash(self.digest)


class Manifest:
    """The older form of a card, a TOML file. What is read from it is a ModelCard."""

    @staticmethod
    def from_path(path):
        """Read a card from TOML. Raises CardError as `ModelCard.from_path` does."""
        path = os.fspath(path)
        return _card(ModelCard, load_toml(_text(path), CardError, path), path)


def _text(path):
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return stream.read()
    except FileNotFoundError:
        raise CardError(
            "there is no model card %s" % path, "name a README.md with front matter, or a TOML file"
        ) from None
    except IsADirectoryError:
        raise CardError(
            "%s is a folder, not a model card" % path, "name the file: %s/README.md" % path.rstrip("/")
        ) from None
    except OSError as error:
        raise CardError("the model card %s cannot be read: %s" % (path, error.strerror)) from None
    except UnicodeDecodeError as error:
        raise CardError("the model card %s is not UTF-8: %s" % (path, error.reason), "save it as UTF-8") from None


def _card(cls, content, path):
    hyper_params = plain(_hyper_params(content, path), CardError, path)
    name = content["name"] if "name" in content else hyper_params.pop("name", None)  # the oldest form has it there
    if not isinstance(name, str) or not name.strip():
        raise CardError("%s: `name` is %s" % (path, "not there" if name is None else repr(name)), "add name: my-model")
    if _NO_NAME.search(name):
        raise CardError("%s: %r cannot be a model's name: predictions are named after it" % (path, name))
    tags = content.get("tags") or []
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise CardError("%s: `tags` is %r, and has to be a list of words" % (path, tags))
    extra = {key: value for key, value in content.items() if key not in ("name", "tags", *HYPER_PARAMS)}
    return cls(name, hyper_params, tags, plain(extra, CardError, path))


def _hyper_params(content, path):
    given = {key: content[key] or {} for key in HYPER_PARAMS if key in content}
    for key, value in given.items():
        if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
            raise CardError("%s: `%s` is %r, and has to be values by name" % (path, key, value))
    values = list(given.values())
    if len(values) == 2 and values[0] != values[1]:
        raise CardError("%s has both hyper_params and hyper_parameters, and they differ" % path, "keep one of them")
    return values[0] if values else {}
