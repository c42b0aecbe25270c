"""What runs in a model's container reads pickled weights in their safe form only, or not at all.

A pickle runs whatever code its author likes. The weights of a model come from strangers, so `torch.load` is called with
`weights_only=True`, numpy without `allow_pickle`, and nothing else that unpickles is used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SOURCES = sorted([*ROOT.glob("models/*/src/**/*.py"), *ROOT.glob("models/*/scripts/**/*.py")])

UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pickle5"}
PICKLE_ERRORS = {"PickleError", "UnpicklingError"}
"""What torch raises when it refuses to run something."""


def unsafe_loads(code: str) -> Iterator[str]:
    """Each place in a program that may run code out of a file, as `line: what`."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (
                f"{node.lineno}: imports {alias.name}"
                for alias in node.names
                if alias.name.partition(".")[0] in UNPICKLERS and (alias.name != "pickle" or alias.asname)
            )
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in UNPICKLERS:
            yield from (
                f"{node.lineno}: imports {alias.name}" for alias in node.names if alias.name not in PICKLE_ERRORS
            )
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "pickle":
            if node.attr not in PICKLE_ERRORS:
                yield f"{node.lineno}: pickle.{node.attr}"
        elif isinstance(node, ast.Call):
            yield from unsafe_call(node)


def unsafe_call(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if called in ("torch.load", "torch.hub.load_state_dict_from_url") and keywords.get("weights_only") != "True":
        yield f"{node.lineno}: {called} without weights_only=True"
    if keywords.get("allow_pickle", "False") != "False":
        yield f"{node.lineno}: {called} with allow_pickle"
    if called.endswith(".read_pickle") or called == "torch.hub.load":
        yield f"{node.lineno}: {called}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_model_loads_nothing_that_can_run_code(path: Path) -> None:
    assert list(unsafe_loads(path.read_text(encoding="utf-8"))) == []


def test_every_model_is_looked_at() -> None:
    looked_at = {path.relative_to(ROOT).parts[1] for path in SOURCES}
    assert {"antiberty", "esm", "tutorial"} <= looked_at


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=safe)",
        "torch.hub.load_state_dict_from_url(url)",
        "torch.hub.load('org/name', 'model')",
        "import pickle\npickle.load(stream)",
        "import pickle as p",
        "from pickle import load",
        "import dill as pickle",
        "from joblib import load",
        "import sklearn, joblib",
        "numpy.load(path, allow_pickle=True)",
        "np.load(path, allow_pickle=trusted)",
        "pandas.read_pickle(path)",
    ],
)
def test_what_can_run_code_is_found(code: str) -> None:
    assert len(list(unsafe_loads(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "torch.load(p, weights_only=True)",
        "numpy.load(p)",
        "json.load(stream)",
        "load(p)",
        "import pickle\ntry: read()\nexcept pickle.UnpicklingError: raise",
    ],
)
def test_what_is_safe_is_let_through(code: str) -> None:
    assert list(unsafe_loads(code)) == []
