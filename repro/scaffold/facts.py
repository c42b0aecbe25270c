"""What is known of a new model, and the values that its templates stand open for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from repro.errors import SettingsError
from repro.images.lock import read_lock
from repro.located_yaml import read_yaml
from repro.scaffold.names import class_name

Template = Literal["cpu", "torch", "train"]
TEMPLATES: tuple[Template, ...] = get_args(Template)

_UNKNOWN = "not known yet"


@dataclass(frozen=True)
class NewModel:
    """A model that is to be written."""

    name: str
    template: Template = "cpu"
    author: str | None = None
    licence: str | None = None
    paper: str | None = None

    def __post_init__(self) -> None:
        for option, value in (("author", self.author), ("licence", self.licence), ("paper", self.paper)):
            if value is not None and (not value.strip() or not value.isprintable()):
                raise SettingsError(f"--{option} is {value!r}", fix="give it one line of text, or leave it out")

    @property
    def class_name(self) -> str:
        return class_name(self.name)


def chosen_template(name: str) -> Template:
    """The template of that name. Raises SettingsError."""
    for template in TEMPLATES:
        if template == name:
            return template
    raise SettingsError(f"there is no template {name!r}", fix=f"one of: {', '.join(TEMPLATES)}")


@dataclass(frozen=True)
class Place:
    """Where a new model is written, and what is called what there."""

    container: Path
    """The container side."""
    module: str
    """What its users import."""
    image: str


def template_values(model: NewModel, place: Place, bases: Bases) -> dict[str, str]:
    """The values of `${...}` in the templates."""
    own_import = f"from {place.module} import {model.class_name}\n"
    is_of_repro = place.module.startswith("repro.")
    return {
        "name": model.name,
        "class_name": model.class_name,
        "module": place.module,
        "distribution": place.module.replace("_", "-"),
        "image": place.image,
        # In the order of their names, as ruff has it.
        "import_of_repro": own_import if is_of_repro else "",
        "import_of_package": "" if is_of_repro else own_import,
        "python_image": bases.python_image,
        "torch_image": bases.torch_image,
        "torch_requirements": bases.torch_requirements,
        "licence_or_unknown": model.licence or _UNKNOWN,
        "author_or_unknown": model.author or _UNKNOWN,
        "licence_yaml": _quoted(model.licence),
        "paper_yaml": _quoted(model.paper),
        "authors_toml": f"authors = [{{ name = {_quoted(model.author)} }}]\n" if model.author else "",
    }


def card_words(model: NewModel, place: Place) -> dict[str, str]:
    """What stands for the capitals of models/Template.md."""
    return {
        "from repro.models.NAME import": f"from {place.module} import",
        "repro-models/NAME:VERSION": place.image,
        '{"KEY": ...}': '{"sequence": "MKTAYIAKQR"}',
        "NAME": model.name,
        "MODEL": model.class_name,
    }


def card_rows(model: NewModel) -> dict[str, str]:
    """The cells of the card's first table that are known."""
    weights = {"cpu": "none", "torch": "stated in `src/run.py`", "train": "`example`, in `weights/`"}[model.template]
    known = {"Paper": model.paper, "Licence": model.licence, "Weights": weights}
    return {label: value.replace("|", r"\|") for label, value in known.items() if value}


def _quoted(value: str | None) -> str:
    """A text as YAML and TOML both read it."""
    return "null" if value is None else json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True)
class Bases:
    """What images of models start from, as the models that there are have it."""

    python_image: str
    python_digest: str
    torch_image: str
    torch_requirements: str
    """What of it a model for the local runtime has to name, a package a line."""
    torch_lock: str
    """The content of requirements.lock of torch's base image."""

    @classmethod
    def read(cls, models_root: Path) -> Bases:
        """From the folder of torch's base image. Raises SettingsError."""
        folder = models_root / "bases" / "torch"
        ((python_image, python_digest),) = read_lock(folder).base.items()
        requirements = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        return cls(
            python_image=python_image,
            python_digest=python_digest,
            torch_image=_image(folder),
            torch_requirements="\n".join(line for line in requirements if line and not line.startswith("#")),
            torch_lock=(folder / "requirements.lock").read_text(encoding="utf-8"),
        )


def _image(folder: Path) -> str:
    config = folder / "config.yaml"
    return read_yaml(config, config.read_text(encoding="utf-8")).text("image") or ""
