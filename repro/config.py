"""What a model's container folder says about the model: `models/<name>/config.yaml` as plain frozen data.

```yaml
description: Protein language models that embed a sequence
licence: MIT
paper: https://doi.org/10.1126/science.ade2574
source: https://github.com/facebookresearch/esm
default_variant: small
models:                      # the variants: sets of pretrained weights
  small:
    description: 6 layers, 8 million parameters
    info: {layers: 6, embedding_dim: 320}
    files:
      - url: https://example.org/small.pt      # name: the last part of the address, unless stated
        sha256: null                           # unknown: recorded at the first fetch and held ever after
        size_bytes: null
```

Every key may be left out. A key that is not known, or a value of another type, is refused with its line: a typing
error in `sha256` must not turn the check of the weights off.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from repro.errors import ModelNotFoundError, SettingsError
from repro.located_yaml import Section, read_yaml

CONFIG_FILE = "config.yaml"

_VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class WeightFile:
    """One file of pretrained weights and where it comes from.

    >>> WeightFile("small.pt", url="https://example.org/small.pt").sha256 is None
    True
    """

    name: str
    """Its path inside the variant's folder, with `/` between parts."""
    url: str
    sha256: str | None = None
    size_bytes: int | None = None
    licence: str | None = None
    optional: bool = False
    """The model works without it, with less: it is always fetched, but a folder that the user names may lack it."""


@dataclass(frozen=True)
class Variant:
    """One set of pretrained weights of a model.

    A variant without files is one whose weights come with the model's own packages, or that needs none.
    """

    name: str
    description: str = ""
    files: tuple[WeightFile, ...] = ()
    info: Mapping[str, object] = field(default_factory=dict)
    """Facts that `repro info` shows: layers, embedding_dim, ..."""


IMPLICIT_VARIANT = Variant("default")
"""What a model has that lists no variants: one, with nothing to fetch."""


@dataclass(frozen=True)
class ModelConfig:
    """What `config.yaml` says. All of it has a default, as a model needs no such file."""

    model: str = ""
    """Name of the model's folder."""
    description: str = ""
    licence: str | None = None
    paper: str | None = None
    source: str | None = None
    """Address of the original code."""
    command: tuple[str, ...] = ("python", "run.py")
    """How `run.py` is started in the container or environment; `predict`, `serve` and options follow."""
    python: str | None = None
    """The interpreter that the local runtime has to use, such as `3.11`; any that suits when unset."""
    default_variant: str | None = None
    variants: Mapping[str, Variant] = field(default_factory=dict)

    def variant(self, name: str | None = None) -> Variant:
        """The variant of that name, or the default one.

        >>> ModelConfig("esm", variants={"small": Variant("small")}).variant().name
        'small'

        Raises:
            ModelNotFoundError: there is none of that name; the message holds the near ones.
        """
        if name is None:
            return self._default()
        if name in self.variants:
            return self.variants[name]
        if not self.variants:
            raise ModelNotFoundError(f"{self.model}: no variant {name!r}; this model has no variants", fix="name none")
        near = difflib.get_close_matches(name, self.variants, n=3, cutoff=0.4)
        fix = f"did you mean {' or '.join(near)}?" if near else f"choose one of: {', '.join(self.variants)}"
        raise ModelNotFoundError(f"{self.model}: no variant {name!r}", fix=fix)

    def _default(self) -> Variant:
        if self.default_variant is not None:
            return self.variants[self.default_variant]
        if not self.variants:
            return IMPLICIT_VARIANT
        if len(self.variants) == 1:
            return next(iter(self.variants.values()))
        raise ModelNotFoundError(
            f"{self.model} has several variants and none of them is the default",
            fix=f"choose one of: {', '.join(self.variants)}",
        )


def load_config(folder: Path) -> ModelConfig:
    """Read `config.yaml` of a model's container folder; an empty config where there is none.

    Raises:
        SettingsError: the file cannot be read, is not YAML, or holds something that does not belong there;
            the message names file, line and key.
    """
    path = folder / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ModelConfig(model=folder.name)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {path}: {error}") from error
    return _config(folder.name, read_yaml(path, text))


def _config(model: str, section: Section) -> ModelConfig:
    licence = section.text("licence")
    variants = {name: _variant(name, body, licence) for name, body in section.sections("models").items()}
    config = ModelConfig(
        model=model,
        description=section.text("description") or "",
        licence=licence,
        paper=section.text("paper"),
        source=section.text("source"),
        command=section.texts("command") or ModelConfig.command,
        python=section.text("python"),
        default_variant=section.text("default_variant"),
        variants=variants,
    )
    if config.default_variant is not None and config.default_variant not in variants:
        raise section.wrong("default_variant", f"is {config.default_variant!r}, which is not under `models`")
    section.finish()
    return config


def _variant(name: str, section: Section, licence: str | None) -> Variant:
    # The name becomes a folder of the weights store.
    if not _VARIANT_NAME.fullmatch(name):
        raise section.wrong("", "is no name for a variant: letters, digits, `.`, `_`, `+` and `-` only")
    own_licence = section.text("licence") or licence
    files = tuple(_file(body, own_licence) for body in section.items("files"))
    names = [file.name for file in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise section.wrong("files", f"lists {', '.join(twice)} twice")
    variant = Variant(name, section.text("description") or "", files, section.mapping("info"))
    section.finish()
    return variant


def _file(section: Section, licence: str | None) -> WeightFile:
    url = section.text("url")
    if url is None:
        raise section.wrong("url", "is missing")
    address = urlsplit(url)
    if not (address.scheme and (address.netloc or address.path)):
        raise section.wrong("url", f"is not an address: {url!r}")
    file = WeightFile(
        name=section.text("name") or PurePosixPath(address.path).name,
        url=url,
        sha256=section.text("sha256"),
        size_bytes=section.count("size_bytes"),
        licence=section.text("licence") or licence,
        optional=section.flag("optional"),
    )
    if not _inside(file.name):
        raise section.wrong("name", f"must be a path inside the variant's folder, without dot-files: {file.name!r}")
    if file.sha256 is not None and not _SHA256.fullmatch(file.sha256):
        raise section.wrong("sha256", "must be 64 hexadecimal digits, in lower case")
    section.finish()
    return file


def _inside(name: str) -> bool:
    # Dot-files and partial files are the store's own; the rest of the rule keeps a name from leaving the folder.
    plain = all(part and not part.startswith(".") and "\\" not in part for part in name.split("/"))
    return plain and not name.endswith((".part", ".part.json"))
