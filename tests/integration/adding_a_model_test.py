"""Follows docs/adding-a-model.md word for word in a copy of the repository, as a contributor would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.documents import ROOT, Step, copy_project, environment, follow, run, steps_of

DOCUMENT = ROOT / "docs" / "adding-a-model.md"
CLASSIC = ROOT / "tests" / "fixtures" / "classic_tutorial.md"
STEPS = steps_of(DOCUMENT)
TUTORIAL = (
    "Set up the Dockerfile plumbing",
    "Set up the model wrapper",
    "Try it",
    "Add unit tests",
)
# Names of these tests' own: they remove the images that they make, and a reader who followed the document has some too.
OWN_ACCOUNT = {"danieldeutsch": "repro-tests", "my-account": "repro-tests"}
GUIDED_2026 = {"charge2026": "guided2026", "Charge2026": "Guided2026"}
REVERSE_2026 = {"tutorial": "reverse2026", "Tutorial": "Reverse2026", **OWN_ACCOUNT}
CLASSIC_2021 = {"tutorial": "classic2021", "Tutorial": "Classic2021", **OWN_ACCOUNT}


@dataclass(frozen=True)
class Checkout:
    """A copy of the repository, and the environment in which a contributor works there."""

    folder: Path
    environ: dict[str, str]

    def follow(self, *steps: Step) -> None:
        for step in steps:
            if self.environ["REPRO_RUNTIME"] == "docker" or "docker run" not in step.text:
                follow(step, self.folder, self.environ)

    def session(self, text: str) -> None:
        """Type into Python; what it answers must be what the text says."""
        follow(Step("python", text, "", "python"), self.folder, self.environ)

    def shell(self, commands: str) -> str:
        return run(["bash", "-euo", "pipefail", "-c", commands], self.folder, self.environ)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository as it is."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_project(folder)
    return folder


@pytest.fixture(params=["local", "docker"])
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("base_image")
    return str(request.param)


@pytest.fixture
def checkout(pristine: Path, runtime: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    folder = tmp_path / "repro"
    shutil.copytree(pristine, folder)
    return Checkout(folder, environment(folder, runtime, tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def throwaway_images(runtime: str) -> Iterator[list[str]]:
    """Names of images that are removed after the test."""
    images: list[str] = []
    yield images
    if runtime == "docker":
        subprocess.run(["docker", "image", "rm", "--force", *images], capture_output=True, check=False)


def of(*sections: str) -> list[Step]:
    """The steps of these sections of the document."""
    chosen = [step for step in STEPS if step.section in sections]
    assert chosen, f"{DOCUMENT.name} has no steps under {sections}"
    return chosen


def without_the_tutorial(checkout: Checkout) -> None:
    for folder in ("models/tutorial", "repro/models/tutorial"):
        shutil.rmtree(checkout.folder / folder)


def test_the_ten_minutes_word_for_word_make_a_model_that_holds(checkout: Checkout, throwaway_images: list[str]) -> None:
    throwaway_images.append("repro-models/guided2026:1.0")

    checkout.follow(*(step.renamed(GUIDED_2026) for step in of("In ten minutes")))

    said = checkout.shell("repro verify guided2026 --json")
    assert '"verdict": "right"' in said
    run_py = checkout.folder / "models" / "guided2026" / "src" / "run.py"
    run_py.write_text(run_py.read_text().replace('"K": 10.8', '"K": 10.5'))
    checkout.shell("repro setup guided2026")
    assert "status 10" in checkout.shell("repro verify guided2026 || echo status $?")


def test_a_package_of_ones_own_is_written_as_the_document_shows_it(checkout: Checkout) -> None:
    checkout.follow(*of("A package of your own"))

    folder = checkout.folder / "repro-charge2027"
    for name in ("pyproject.toml", "README.md", "src/repro_charge2027/container/src/run.py", "tests/model_test.py"):
        assert (folder / name).is_file()


def test_the_tutorial_word_for_word_makes_the_model_that_is_in_the_repository(checkout: Checkout) -> None:
    without_the_tutorial(checkout)

    checkout.follow(*of(*TUTORIAL))

    written = {step.path for step in of(*TUTORIAL) if step.kind == "file"}
    assert "models/tutorial/src/run.py" in written
    for path in written:
        assert (checkout.folder / path).read_bytes() == (ROOT / path).read_bytes(), path


def test_the_tutorial_under_another_name_makes_a_model_of_that_name(
    checkout: Checkout, throwaway_images: list[str]
) -> None:
    throwaway_images.append("repro-tests/reverse2026:1.0")

    checkout.follow(*(step.renamed(REVERSE_2026) for step in of(*TUTORIAL)))

    checkout.session(
        """\
        >>> from repro import Model
        >>> Model.by_name("reverse2026").name, Model.by_name("reverse2026-model").__module__
        ('reverse2026-model', 'repro.models.reverse2026.model')
        >>> "tutorial" in Model.list(), "reverse2026" in Model.list()
        (True, True)
        """
    )


def test_the_larger_example_gives_arrays_options_and_errors(checkout: Checkout, throwaway_images: list[str]) -> None:
    throwaway_images.append("repro-tests/onehot:1.0")

    checkout.follow(*(step.renamed(OWN_ACCOUNT) for step in of("Packages, options, arrays and errors")))

    checkout.session(
        """\
        >>> import numpy
        >>> arrays = numpy.load("out/encoded.npz")
        >>> arrays["length"].tolist(), arrays["composition"].shape
        ([8, 3], (2, 20))
        """
    )
    assert "--per-residue" in checkout.shell("repro predict onehot --help")


def test_a_model_in_another_language_keeps_the_contract(checkout: Checkout) -> None:
    if checkout.environ["REPRO_RUNTIME"] == "docker":
        pytest.skip("an image with node cannot be made from the base image")
    if shutil.which("node") is None:
        pytest.skip("node is not installed: apt-get install nodejs")
    names = {"tutorial": "shout", "Tutorial": "Shout", "reverse": "shout"}
    host_side = [step for step in of("Set up the model wrapper") if step.kind == "file"]

    checkout.follow(*of("A model in another language"), *(step.renamed(names) for step in host_side))

    checkout.session(
        """\
        >>> import subprocess
        >>> subprocess.run(["repro", "setup", "shout"], capture_output=True).returncode
        0
        >>> from repro.models.shout import ShoutModel
        >>> long = ["é" * 100 + str(number) for number in range(10_000)]
        >>> with ShoutModel() as model:
        ...     model.predict("abc")
        ...     model.predict_batch([{"text": text} for text in long]) == [text.upper() for text in long]
        ...     sorted(model.ping())
        'ABC'
        True
        ['node']
        """
    )
    folder = checkout.folder / "models" / "shout" / "src"
    checkout.shell(f'cp out/../models/tutorial/config.yaml out/ && cd {folder} && echo \'{{"text":"a"}}\' > in.jsonl')
    checkout.shell(f"cd {folder} && node run.js predict --input-file in.jsonl --output-file out.jsonl")
    assert (folder / "out.jsonl").read_text() == '{"output":"A"}\n'


def test_a_package_outside_the_repository_brings_a_model(checkout: Checkout, throwaway_images: list[str]) -> None:
    throwaway_images.append("repro-tests/twice:1.0")
    checkout.follow(*(step.renamed(OWN_ACCOUNT) for step in of("A model outside this repository")))
    site = checkout.folder / "out" / "site"
    install = (
        "uv pip install --quiet --offline --no-deps --no-build-isolation"  # what `pip install` does, with no network
    )
    checkout.shell(f"{install} --python {sys.executable} --target {site} ./my-models")
    checkout.environ["PYTHONPATH"] += os.pathsep + str(site)

    checkout.shell("repro setup twice")

    checkout.session(
        """\
        >>> from repro import Model
        >>> with Model.by_name("twice")() as model:
        ...     model.predict({"text": "ha"})
        {'output': 'haha'}
        """
    )
    assert "twice" in checkout.shell("repro list")


class TestClassic:
    """The tutorial as it was before there was a Runner: a container a call. It needs an engine."""

    @pytest.fixture(params=["docker"])
    def runtime(self, request: pytest.FixtureRequest, base_image: str) -> str:
        return str(request.param)

    def test_the_old_tutorial_still_works_word_for_word(self, checkout: Checkout, throwaway_images: list[str]) -> None:
        throwaway_images.append("repro-tests/classic2021:1.0")

        checkout.follow(*(step.renamed(CLASSIC_2021) for step in steps_of(CLASSIC)))

    def test_the_shorter_one_of_the_document_works(self, checkout: Checkout, throwaway_images: list[str]) -> None:
        throwaway_images.append("repro-tests/reverse2021:1.0")
        names = {"tutorial": "reverse2021", "Tutorial": "Reverse2021", **OWN_ACCOUNT}
        plumbing = [step for step in of("Set up the model wrapper") if step.path.endswith(("__init__.py", "setup.py"))]

        checkout.follow(*(step.renamed(names) for step in plumbing), *of("An old run.py: one command a call"))

        checkout.shell("repro setup reverse2021")
        checkout.session(
            """\
            >>> from repro.models.reverse2021 import Reverse2021Model
            >>> model = Reverse2021Model()
            >>> model.predict("abc"), model.predict_batch([{"text": "abc"}, {"text": "é"}])
            ('cba', ['cba', 'é'])
            """
        )
