"""Where the folders of a new model go: into a checkout of repro, or into a package of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import repro
from repro.errors import SettingsError
from repro.images.lock import REQUIREMENTS_LOCK, ImageLock, made_from, write_lock
from repro.registry import catalogue
from repro.scaffold import readme
from repro.scaffold.card import fill_card
from repro.scaffold.facts import Bases, NewModel, Place, Template, card_rows, card_words, template_values
from repro.scaffold.licences import unknown_licence
from repro.scaffold.names import check_name
from repro.scaffold.placing import place
from repro.scaffold.rendering import TEMPLATES_DIR, Files, below, render, write

_CONTAINER_LAYERS: dict[Template, list[str]] = {
    "cpu": ["container", "numpy", "cpu"],
    "torch": ["container", "torch"],
    "train": ["container", "numpy", "train"],
}
LOCK_HEADER = (
    "# The version of every package, for any system and Python: constraints for pip and uv. Made by `repro lock`."
)
# The row in the README's list of models.
_DESCRIPTION = "hydropathy of a protein: the example of `repro new`"
_WEIGHTS: dict[Template, str] = {"cpu": "none", "torch": "none", "train": "with its code"}


@dataclass(frozen=True)
class Written:
    """What was written, and what to do now."""

    folders: tuple[Path, ...]
    changed: tuple[Path, ...]
    """Files that were there and have an entry for the model now."""
    edit: tuple[Path, ...]
    """The files in which one's own model takes the place of the example."""
    next_commands: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    """What the one who writes the model has to know of what was written."""


def write_in_checkout(model: NewModel, folder: Path) -> Written:
    """Write a model into the checkout of repro that `folder` is in.

    Raises:
        SettingsError: the name cannot be taken; or `folder` is in no checkout, or not in that of this repro.
        OutputError: a folder cannot be written.
    """
    check_name(model.name, catalogue.sources)
    root = _checkout(model, folder)
    container, wrapper = root / "models" / model.name, root / "repro" / "models" / model.name
    where = Place(container, f"repro.models.{model.name}", f"repro-models/{model.name}:1.0")
    bases = Bases.read(root / "models")
    values = _values(model, where, bases)
    files = _container_files(model, where, bases, values)
    files |= below("tests", render(["tests"], values)) | {"tests/__init__.py": b""}
    listed = root / "README.md"
    text = listed.read_text(encoding="utf-8")
    with_model = readme.with_model(text, model.name, _DESCRIPTION, _WEIGHTS[model.template])
    place(
        {
            container: _container_filler(files, model, bases, at=""),
            wrapper: partial(write, render(["wrapper", "checkout"], values)),
        },
        finish=partial(_replace, listed, with_model),
    )
    there = () if folder.resolve() == root else (f"cd {root}",)
    return Written(
        folders=(container, wrapper),
        changed=(listed,) if with_model != text else (),
        edit=_to_edit(container, wrapper),
        next_commands=(*there, *_setup_commands(model), f"pytest models/{model.name}"),
        remarks=_remarks(model),
    )


def write_package(model: NewModel, folder: Path) -> Written:
    """Write a model as a package of its own, in the new folder `folder`.

    Raises:
        SettingsError: the name cannot be taken; the folder is there already.
        OutputError: it cannot be written.
    """
    check_name(model.name, catalogue.sources)
    module = f"repro_{model.name}"
    if find_spec(module) is not None:
        raise SettingsError(f"there is a package {module} in this environment already", fix="take another name")
    source = f"src/{module}"
    where = Place(folder / source / "container", module, f"my-account/{model.name}:1.0")
    bases = Bases.read(Path(repro.MODELS_ROOT))
    values = _values(model, where, bases)
    files = below(f"{source}/container", _container_files(model, where, bases, values))
    files |= below(source, render(["wrapper", "package/module"], values))
    files |= below("tests", render(["tests"], values)) | render(["package/root"], values)
    place({folder: _package_filler(files, model, bases, source)})
    return Written(
        folders=(folder,),
        changed=(),
        edit=(*_to_edit(where.container, folder / source), folder / source / "__init__.py"),
        next_commands=(f"cd {folder}", f'{_pip()} install -e ".[test]"', *_setup_commands(model), "pytest"),
        remarks=(
            f"{model.name} is found by repro once its package is installed; what you change then needs no new install",
            f"its image is {where.image}: put the account that you publish to in place of my-account, in __init__.py",
            *_remarks(model),
        ),
    )


def _pip() -> str:
    """What installs into the environment that this runs in: those that uv makes have no pip."""
    return "pip" if find_spec("pip") is not None else "uv pip"


def _remarks(model: NewModel) -> tuple[str, ...]:
    remark = unknown_licence(model.licence) if model.licence is not None else ""
    return (remark,) if remark else ()


def _to_edit(container: Path, wrapper: Path) -> tuple[Path, ...]:
    files = ("src/run.py", "scripts/make_golden.py", "tests/golden/golden.yaml", "config.yaml", "README.md", "LICENSE")
    run_py, *others = (container / name for name in files)
    return (run_py, wrapper / "model.py", *others)


def _checkout(model: NewModel, folder: Path) -> Path:
    """The root of the checkout that a folder is in."""
    running = Path(repro.__file__).resolve().parents[1]
    inside = folder.resolve()
    for root in (inside, *inside.parents):
        if (root / "models" / "Template.md").is_file() and (root / "repro" / "models" / "__init__.py").is_file():
            if root == running:
                return root
            raise SettingsError(
                f"{root} is a checkout of repro, but the repro that runs is that of {running}",
                fix=f"activate the environment of the checkout: source {root}/.venv/bin/activate",
            )
    raise SettingsError(
        f"{folder} is not in a checkout of repro",
        fix=f"`repro new {model.name} --package` makes a package of its own; a checkout is for models of repro itself",
    )


def _values(model: NewModel, where: Place, bases: Bases) -> dict[str, str]:
    weights = (TEMPLATES_DIR / "train" / "weights" / "model.json").read_bytes()
    return {**template_values(model, where, bases), "weights_sha256": hashlib.sha256(weights).hexdigest()}


def _container_files(model: NewModel, where: Place, bases: Bases, values: dict[str, str]) -> Files:
    """The container side, but for image.lock."""
    layers = _CONTAINER_LAYERS[model.template]
    files = render(layers, values)
    template = (Path(repro.MODELS_ROOT) / "Template.md").read_text(encoding="utf-8")
    parts = [content.decode() for content in render(["card/all", f"card/{model.template}"], values).values()]
    files["README.md"] = fill_card(template, parts, card_words(model, where), card_rows(model)).encode()
    if model.template == "torch":
        files[REQUIREMENTS_LOCK] = bases.torch_lock.encode()
    return files


def _container_filler(files: Files, model: NewModel, bases: Bases, at: str) -> Callable[[Path], None]:
    def fill(folder: Path) -> None:
        write(files, folder)
        container = folder / at
        if model.template != "torch":  # its base is one of ours, which has a lock of its own
            write_lock(container, ImageLock(base={bases.python_image: bases.python_digest}))
        _date_requirements_lock(container)

    return fill


def _date_requirements_lock(container: Path) -> None:
    """Say in requirements.lock of which requirements.txt it is."""
    path = container / REQUIREMENTS_LOCK
    pins = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    path.write_text("\n".join([LOCK_HEADER, made_from(container), *pins]) + "\n", encoding="utf-8")


def _package_filler(files: Files, model: NewModel, bases: Bases, source: str) -> Callable[[Path], None]:
    fill_container = _container_filler(files, model, bases, at=f"{source}/container")

    def fill(folder: Path) -> None:
        fill_container(folder)
        # The card travels with the container side; a person looks for it here.
        (folder / "README.md").symlink_to(f"{source}/container/README.md")

    return fill


def _replace(path: Path, text: str) -> None:
    """Write a file; a reader sees the old one or the new one."""
    written = path.with_name(f".{path.name}.new")
    try:
        written.write_text(text, encoding="utf-8")
        written.replace(path)
    finally:
        written.unlink(missing_ok=True)


def _setup_commands(model: NewModel) -> tuple[str, ...]:
    return (f"repro setup {model.name}", f"repro verify {model.name}")
