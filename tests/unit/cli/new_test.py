"""`repro new`: what it writes, and what it says where it cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from repro.cli import new
from repro.config import load_config
from repro.images.lock import is_in_step, read_lock
from repro.scaffold import TEMPLATES
from repro.scaffold.new import LOCK_HEADER
from repro.verification.golden_file import load_golden
from tests.documents import ROOT
from tests.unit.cli.conftest import Repro

READ_ONLY = Path("/sys")


def container_of(package: Path) -> Path:
    (container,) = package.glob("src/*/container")
    return container


def test_locks_look_like_those_of_repro_lock() -> None:
    lock = ROOT / "models" / "bases" / "torch" / "requirements.lock"

    assert lock.read_text().startswith(f"{LOCK_HEADER}\n# requirements.txt: sha256:")


def test_the_command_offers_every_template() -> None:
    assert tuple(new._TEMPLATES) == TEMPLATES


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_package_has_all_that_a_model_needs(repro: Repro, template: str) -> None:
    ran = repro("new", "gupta2020", "--template", template, "--package")

    assert ran.code == 0, ran.err
    assert ran.out == "wrote repro-gupta2020\n"
    folder = Path("repro-gupta2020").absolute()
    container = container_of(folder)
    assert container == folder / "src" / "repro_gupta2020" / "container"
    wanted = "Dockerfile LICENSE README.md config.yaml requirements.lock requirements.txt src/run.py"
    assert [name for name in wanted.split() if not (container / name).is_file()] == []
    assert load_config(container).description.startswith("Hydropathy")
    assert load_golden(container / "tests" / "golden").cases
    assert list(read_lock(container).base) == ([] if template == "torch" else ["python:3.11-slim-bookworm"])
    assert is_in_step(container)
    assert (folder / "README.md").read_text() == (container / "README.md").read_text()
    assert "${" not in "".join(path.read_text() for path in folder.rglob("*") if path.suffix not in (".npy", ""))


def test_it_says_what_to_do_next(repro: Repro, tmp_path: Path) -> None:
    ran = repro("new", "gupta2020", "--package", tmp_path / "mine")

    assert ran.code == 0, ran.err
    pip = "pip" if find_spec("pip") else "uv pip"
    for line in (f'{pip} install -e ".[test]"', "repro setup gupta2020", "repro verify gupta2020", "pytest"):
        assert f"\n  {line}\n" in ran.err
    assert f"{tmp_path}/mine/src/repro_gupta2020/container/src/run.py" in ran.err
    assert f"\n  {tmp_path}/mine/src/repro_gupta2020/__init__.py\n" in ran.err
    assert "its image is my-account/gupta2020:1.0: put the account that you publish to" in ran.err
    assert "gupta2020 is found by repro once its package is installed" in ran.err


def test_the_package_says_what_its_tests_need(repro: Repro) -> None:
    assert repro("new", "gupta2020", "--package").code == 0

    assert 'test = ["parameterized>=0.9", "pytest>=8.2"]' in Path("repro-gupta2020/pyproject.toml").read_text()


def test_a_licence_with_a_slip_in_its_name_is_told(repro: Repro) -> None:
    ran = repro("new", "gupta2020", "--package", "--licence", "MIIT")

    assert ran.code == 0
    assert "the licence 'MIIT' is no common SPDX name; did you mean MIT?" in ran.err
    assert "SPDX" not in repro("new", "gupta2021", "--package", "--licence", "mit OR Apache-2.0").err


def test_a_model_whose_package_is_not_installed_yet_is_told_how_to(repro: Repro) -> None:
    assert repro("new", "gupta2020", "--package").code == 0

    ran = repro("setup", "gupta2020")

    assert ran.code == 2
    assert "no model is called 'gupta2020'" in ran.err
    assert "pip install -e ./repro-gupta2020" in ran.err


def test_programs_get_it_as_json(repro: Repro) -> None:
    ran = repro("new", "gupta2020", "--package", "--json")

    said = json.loads(ran.out)
    assert said["folders"] == [str(Path("repro-gupta2020").absolute())]
    assert said["next_commands"][-1] == "pytest"
    assert all(Path(name).exists() for name in said["edit"])


def test_what_is_known_stands_in_the_card_the_config_and_the_licence(repro: Repro) -> None:
    facts = {"--author": 'Ada "L" Öz', "--licence": "GPL-3.0: see $HOME", "--paper": "https://example.org/#a"}

    assert repro("new", "gupta2020", "--package", *(word for pair in facts.items() for word in pair)).code == 0

    folder = Path("repro-gupta2020")
    config = load_config(container_of(folder))
    assert (config.licence, config.paper) == ("GPL-3.0: see $HOME", "https://example.org/#a")
    card = (folder / "README.md").read_text()
    assert "| Paper | https://example.org/#a |" in card
    assert "| Licence | GPL-3.0: see $HOME |" in card
    assert 'Copyright: Ada "L" Öz' in (container_of(folder) / "LICENSE").read_text()
    assert 'authors = [{ name = "Ada \\"L\\" Öz" }]' in (folder / "pyproject.toml").read_text()


@pytest.mark.parametrize("option", ["--author", "--licence", "--paper"])
@pytest.mark.parametrize("value", ["", "two\nlines", "\x1b[31m"])
def test_a_fact_that_is_no_line_of_text_is_refused(repro: Repro, option: str, value: str) -> None:
    ran = repro("new", "gupta2020", "--package", option, value)

    assert ran.code == 2
    assert f"{option} is " in ran.err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["new"], "NAME is missing"),
        (["new", "--package", "gupta2020"], "repro new my_model --package gupta2020"),
        (["new", "gupta2020", "--template", "gpu"], "'gpu' is not one of 'cpu', 'torch', 'train'"),
        (["new", "gupta-2020"], "repro new gupta_2020"),
        (["new", "esm", "--package"], "there is a model of that name"),
        (["new", "class", "--package"], "repro new class_model"),
        (["new", "gupta2020", "--force"], "No such option"),
        (["new", "gupta2020"], "`repro new gupta2020 --package` makes a package of its own"),
    ],
)
def test_what_cannot_be_done_is_told_and_nothing_is_written(repro: Repro, words: list[str], said: str) -> None:
    ran = repro(*words)

    assert ran.code == 2
    assert said in ran.err
    assert list(Path.cwd().iterdir()) == []


def test_a_name_that_an_installed_package_has_is_taken(repro: Repro, moody: None) -> None:
    ran = repro("new", "moody", "--package")

    assert ran.code == 2
    assert "there is a model of that name" in ran.err


def test_nothing_is_overwritten(repro: Repro) -> None:
    mine = Path("repro-gupta2020")
    mine.mkdir()

    ran = repro("new", "gupta2020", "--package")

    assert ran.code == 2
    assert "repro-gupta2020 is there already" in ran.err
    assert list(mine.iterdir()) == []
    assert list(Path.cwd().iterdir()) == [mine.absolute()]


@pytest.mark.skipif(os.access(READ_ONLY, os.W_OK) and os.getuid() != 0, reason="/sys can be written here")
def test_a_folder_that_cannot_be_written_is_named(repro: Repro) -> None:
    ran = repro("new", "gupta2020", "--package", READ_ONLY / "gupta2020")

    assert ran.code == 9
    assert f"error: {READ_ONLY} cannot be written: " in ran.err
    assert "name another place" in ran.err


def test_a_folder_that_is_not_there_is_named(repro: Repro) -> None:
    ran = repro("new", "gupta2020", "--package", "nowhere/gupta2020")

    assert ran.code == 9
    assert "/nowhere cannot be written: No such file or directory" in ran.err


def test_another_checkout_than_that_of_the_repro_that_runs_is_not_written_to(repro: Repro) -> None:
    other = Path("other")
    (other / "models").mkdir(parents=True)
    (other / "models" / "Template.md").write_text("# NAME\n")
    (other / "repro" / "models").mkdir(parents=True)
    (other / "repro" / "models" / "__init__.py").write_text("")
    os.chdir(other / "models")

    ran = repro("new", "gupta2020")

    assert ran.code == 2
    assert f"the repro that runs is that of {ROOT}" in ran.err
    assert "source " in ran.err


@pytest.mark.parametrize("name", ["x", "a" * 40])
@pytest.mark.parametrize("template", TEMPLATES)
def test_what_is_written_passes_lint_whatever_the_name(repro: Repro, template: str, name: str) -> None:
    assert repro("new", name, "--template", template, "--package", "it").code == 0

    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "it"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_golden_answers_are_what_the_script_makes_and_the_data_set_too(repro: Repro) -> None:
    assert repro("new", "gupta2020", "--template", "train", "--package", "it").code == 0
    container = container_of(Path("it"))
    made = [*(container / "tests" / "golden").glob("*.*l"), *container.glob("tests/golden/*.npy")]
    made += [container / "examples" / "dataset.csv"]
    before = {path: path.read_bytes() for path in made}

    for script in ("make_golden.py", "make_dataset.py"):
        subprocess.run([sys.executable, container / "scripts" / script], check=True)

    assert {path: path.read_bytes() for path in made} == before
