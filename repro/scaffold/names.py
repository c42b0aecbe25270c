"""Names for new models: which can be taken, and what each of them is called in Python."""

from __future__ import annotations

import builtins
import keyword
import pkgutil
import re
import sys
from collections.abc import Iterable

import repro
from repro.errors import SettingsError

LONGEST = 40

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Of the wrapper's own, or of what it imports.
_CLASSES = {"Any", "Array", "BaseModel", "Field", "Inputs", "Model", "Outputs", "Parameters", "Options", "Runner"}
_FOLDERS = {"bases", "tests", "test", "template", "repro", "repro_guest", "run", "src", "models", "scripts", "conftest"}
# No file or folder can have these names on Windows, where people check the repository out, too.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
# What nearly every model imports: a file of the model's that is called so would be found in their place.
_MODULES = {
    "click",
    "docker",
    "jax",
    "keras",
    "numpy",
    "onnx",
    "onnxruntime",
    "orjson",
    "pandas",
    "pip",
    "pyarrow",
    "pydantic",
    "pytest",
    "requests",
    "safetensors",
    "scipy",
    "setuptools",
    "sklearn",
    "tensorflow",
    "tokenizers",
    "torch",
    "torchvision",
    "tqdm",
    "transformers",
    "urllib3",
    "wheel",
    "yaml",
}


def check_name(name: str, taken: Iterable[str]) -> None:
    """Refuse what cannot be the name of a model; the message says a near one that can.

    Args:
        name: the name that is wanted.
        taken: the names of the models that there are.

    >>> check_name("gupta2020", taken=["esm"])

    Raises:
        SettingsError: it is no name, has a meaning already, or is taken.
    """
    why = _why_not(name, set(taken))
    if why:
        near = near_name(name, set(taken))
        raise SettingsError(f"{name!r} cannot be the name of a model: {why}", fix=f"for example: repro new {near}")


def near_name(name: str, taken: set[str]) -> str:
    """A name like this one that can be taken.

    >>> near_name("My-Model 2", set()), near_name("2020gupta", set()), near_name("class", set())
    ('my_model_2', 'gupta2020', 'class_model')
    """
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "_", name)
    plain = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    begins_with_digits = re.fullmatch(r"([0-9]+)_?(.*)", plain)
    if begins_with_digits:
        digits, rest = begins_with_digits.groups()
        plain = f"{rest or 'model'}{digits}"
    plain = plain[:LONGEST].rstrip("_") or "my_model"
    candidates = [plain, f"{plain}_model", *(f"{plain}_{number}" for number in range(2, 100))]
    return next((candidate for candidate in candidates if not _why_not(candidate, taken)), "my_model")


def _why_not(name: str, taken: set[str]) -> str:
    if not _NAME.fullmatch(name):
        return "it becomes a Python package, so only lower-case letters, digits and single _, and a letter first"
    if len(name) > LONGEST:
        return f"it has {len(name)} characters, and {LONGEST} are the most"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python's own"
    if name in taken:
        return "there is a model of that name"
    if name in sys.stdlib_module_names or hasattr(builtins, name):
        return "Python has something of that name"
    if name in _DEVICES:
        return "Windows has a device of that name, so that no folder there can be called so"
    if name in _MODULES:
        return "models import a package of that name, and would find this one"
    if name in _FOLDERS or name in {module.name for module in pkgutil.iter_modules(repro.__path__)}:
        return "repro has something of that name"
    return ""


def class_name(name: str) -> str:
    """The name of the model's class.

    >>> class_name("gupta2020"), class_name("my_model"), class_name("inputs")
    ('Gupta2020', 'MyModel', 'InputsModel')
    """
    name = "".join(word[0].upper() + word[1:] for word in name.split("_"))
    return f"{name}Model" if name in _CLASSES or keyword.iskeyword(name) or hasattr(builtins, name) else name
