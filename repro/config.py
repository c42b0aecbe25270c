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
      - source: hf://org/name@main/head.tar.gz # any form of `repro.weight_address`; `url` is its older name
        sha256: 4f0c...                        # has to be stated here, as a branch moves
        mirrors: [s3://our-bucket/head.tar.gz]
        unsigned: true                         # buckets are asked without credentials
        unpack: true                           # a zip or tar archive becomes the folder `head`
```

Every key may be left out. A key that is not known, or a value of another type, is refused with its line: a typing
error in `sha256` must not turn the check of the weights off.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repro.errors import ModelNotFoundError, SettingsError
from repro.located_yaml import Section, read_yaml
from repro.weight_address import AddressError, check_address, last_part, local_path, without_archive_suffix

CONFIG_FILE = "config.yaml"

_VARIANT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME_BYTES = 200
"""With what the store adds to it while the file is on its way, a name that every file system takes."""


@dataclass(frozen=True)
class WeightFile:
    """One file of pretrained weights and where it comes from.

    >>> WeightFile("small.pt", url="https://example.org/small.pt").sha256 is None
    True
    """

    name: str
    """Its path inside the variant's folder, with `/` between parts."""
    url: str
    """Where it comes from; see `repro.weight_address` for the forms. A `file:` path is absolute here."""
    sha256: str | None = None
    size_bytes: int | None = None
    licence: str | None = None
    optional: bool = False
    """The model works without it, with less: it is always fetched, but a folder that the user names may lack it."""
    mirrors: tuple[str, ...] = ()
    """Addresses that are tried, in this order, where the first one fails."""
    unsigned: bool = False
    """Buckets are asked without credentials."""
    unpack: bool = False
    """What comes is an archive, and `name` the folder that it becomes; hash and size are those of the archive."""


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
    return _config(folder.absolute(), read_yaml(path, text))


def _config(folder: Path, section: Section) -> ModelConfig:
    licence = section.text("licence")
    variants = {name: _variant(name, body, licence, folder) for name, body in section.sections("models").items()}
    config = ModelConfig(
        model=folder.name,
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


def _variant(name: str, section: Section, licence: str | None, folder: Path) -> Variant:
    # The name becomes a folder of the weights store.
    if not _VARIANT_NAME.fullmatch(name):
        raise section.wrong("", "is no name for a variant: letters, digits, `.`, `_`, `+` and `-` only")
    own_licence = section.text("licence") or licence
    files = tuple(_file(body, own_licence, folder) for body in section.items("files"))
    _check_names(section, [file.name for file in files])
    variant = Variant(name, section.text("description") or "", files, section.mapping("info"))
    section.finish()
    return variant


def _check_names(section: Section, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise section.wrong("files", f"lists {', '.join(twice)} twice")
    for name in names:
        within = next((other for other in names if name.startswith(f"{other}/")), None)
        if within is not None:
            raise section.wrong("files", f"lists {name} inside {within}, which is a file or an archive of its own")


def _file(section: Section, licence: str | None, folder: Path) -> WeightFile:
    sha256 = section.text("sha256")
    if sha256 is not None and not _SHA256.fullmatch(sha256):
        raise section.wrong("sha256", "must be 64 hexadecimal digits, in lower case")
    source, url = section.text("source"), section.text("url")
    if source is not None and url is not None:
        raise section.wrong("url", "says the same as `source`: keep one of them")
    if source is None and url is None:
        raise section.wrong("url", "is missing")
    key, stated = ("url", url) if source is None else ("source", source)
    unpack = section.flag("unpack")
    address = _address(section, key, str(stated), sha256, folder)
    last = last_part(address)
    file = WeightFile(
        name=section.text("name") or (without_archive_suffix(last) if unpack else last),
        url=address,
        sha256=sha256,
        size_bytes=section.count("size_bytes"),
        licence=section.text("licence") or licence,
        optional=section.flag("optional"),
        mirrors=tuple(_address(section, "mirrors", mirror, sha256, folder) for mirror in section.texts("mirrors")),
        unsigned=section.flag("unsigned"),
        unpack=unpack,
    )
    if not file.name:
        raise section.wrong("name", "is missing, and the address says none")
    if not _inside(file.name):
        raise section.wrong("name", f"must be a path inside the variant's folder, without dot-files: {file.name!r}")
    section.finish()
    return file


def _address(section: Section, key: str, address: str, sha256: str | None, folder: Path) -> str:
    """An address as it is written, once it is known to be one; with a `file:` path made absolute."""
    try:
        check_address(address, sha256)
        if address.startswith("file:"):
            return (folder / local_path(address)).as_uri()
    except AddressError as error:
        raise section.wrong(key, str(error)) from None
    return address


def _inside(name: str) -> bool:
    # Dot-files and partial files are the store's own; the rest of the rule keeps a name from leaving the folder.
    if not name.isprintable() or "\\" in name or name[1:2] == ":" or len(name.encode()) > _LONGEST_NAME_BYTES:
        return False
    plain = all(part and not part.startswith(".") for part in name.split("/"))
    return plain and not name.endswith((".part", ".part.json"))
