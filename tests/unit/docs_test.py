"""The documents say what the code does: their lists are held against it, and their code is code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from repro.cli.group import COMMANDS, cli
from repro.config import load_config
from repro.errors import ReproError
from repro.guest.server import INLINE_BYTES
from repro.registry import catalogue
from repro.schema import RecordSchema
from repro.settings import Settings
from scripts.docs import model_page, settings_page
from tests.documents import ROOT, Step, steps_of

README = ROOT / "README.md"
TUTORIAL = ROOT / "docs" / "adding-a-model.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [step for document in DOCUMENTS for step in steps_of(document)]
IN_BACKTICKS = re.compile(r"`((?:repro|models|tests|scripts|docs)/[\w./-]+)`")
DIFFERENT = 10
"""What `repro verify` and `repro rerun` end with; no error has it."""
HASH = "0a" * 32
EVERYWHERE = "-h --help -q --quiet -v --verbose --debug"
NO_COMMANDS = {"from", "models"}
NOT_HERE = {
    "models/tutorial/tests/fixtures",  # a model that has such data has it there
    "models/esm/image.lock",  # `repro publish` writes it
    "repro/_containers",  # in the wheel
}


def code(language: str) -> list[Step]:
    return [block for block in BLOCKS if block.language == language]


def section(document: Path, heading: str) -> str:
    text = document.read_text(encoding="utf-8")
    return text.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_every_file_of_the_tutorial_is_in_the_repository_as_the_tutorial_has_it() -> None:
    files = [block for block in steps_of(TUTORIAL) if block.kind == "file" and "/tutorial/" in block.path]

    assert len(files) == 7
    for file in files:
        assert (ROOT / file.path).read_text(encoding="utf-8") == file.text, file.path


@pytest.mark.parametrize(
    "block", [block for block in code("python") if block.kind == "file"], ids=lambda block: block.path
)
def test_python_files_of_the_documents_pass_the_projects_own_lint(block: Step) -> None:
    # I001: how imports are sorted depends on which modules are there.
    for command in (["check", "--ignore", "I001"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--stdin-filename", str(ROOT / block.path), "-"],
            input=block.text,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_python_that_only_illustrates_is_python() -> None:
    for block in code("python"):
        if block.kind == "none":
            compile(block.text, block.section, "exec")


def test_the_example_of_weights_is_a_config_that_can_be_read(tmp_path: Path) -> None:
    (example,) = [block for block in code("yaml") if "default_variant" in block.text]
    (tmp_path / "config.yaml").write_text(example.text)

    config = load_config(tmp_path)

    assert config.variant().name == "small"
    assert [file.name for file in config.variant("large").files] == ["large.pt"]


def test_the_template_of_a_model_card_is_where_the_tutorial_says() -> None:
    assert "`models/Template.md`" in TUTORIAL.read_text(encoding="utf-8")
    assert (ROOT / "models" / "Template.md").is_file()


def test_the_readme_lists_every_setting() -> None:
    source = (ROOT / "repro" / "settings.py").read_text(encoding="utf-8")

    told = set(re.findall(r"^\| `(REPRO_\w+)`", section(README, "Settings"), re.MULTILINE))

    assert told == set(re.findall(r'"(REPRO_\w+)"', source))
    assert f"| {Settings.start_timeout_s:g} |" in section(README, "Settings")


def test_the_readme_lists_every_exit_code() -> None:
    def leaves(kind: type[ReproError]) -> set[int]:
        return {kind.exit_code}.union(*(leaves(child) for child in kind.__subclasses__()))

    told = {int(number) for number in re.findall(r"^\| (\d+) \|", section(README, "Exit codes"), re.MULTILINE)}

    assert told == {0, DIFFERENT, 130} | leaves(ReproError)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_that_a_document_names_are_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`|\| )repro ([a-z]+)\b", text, re.MULTILINE))

    assert named <= {*COMMANDS, *NO_COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_reference_has_every_command_with_all_of_its_options(name: str) -> None:
    page = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    command = cli.get_command(click.Context(cli), name)
    assert command is not None

    section = page.split(f"\n## repro {name}\n", 1)[1].split("\n## ", 1)[0]

    for parameter in command.params:
        for option in parameter.opts if isinstance(parameter, click.Option) and not parameter.hidden else ():
            assert re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", section + EVERYWHERE), option


def test_generated_pages_are_what_the_code_says() -> None:
    # In a process of its own: a command that other tests have called shows the options of the model that it was for.
    command = [sys.executable, "-m", "scripts.docs.generate", "--check"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_page_of_a_model_states_sizes_hashes_and_licences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from repro.models.tutorial import TutorialModel

    (tmp_path / "config.yaml").write_text(
        "licence: MIT\nmodels:\n  small:\n    info: {layers: 6}\n    files:\n"
        f"      - {{url: 'https://example.org/a.pt', sha256: {HASH}, size_bytes: 104000000, licence: CC-BY-4.0}}\n"
    )
    (tmp_path / "README.md").write_text("# A card\n\nSee [the examples](examples/README.md).\n")
    monkeypatch.setattr(TutorialModel, "folder", tmp_path)

    page = model_page.render("tutorial")

    assert page.startswith("# A card\n\nSee the examples.\n")
    assert "| `small` |  | 6 |" in page
    assert (
        f'| 104.0 MB | <code class="hash">{HASH}</code> | CC-BY-4.0 | [example.org](https://example.org/a.pt) |' in page
    )


def test_a_setting_without_a_docstring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    source = 'class Settings:\n    retries: int = 3\n    """How often."""\n'
    monkeypatch.setattr("inspect.getsource", lambda _: source)

    with pytest.raises(ValueError, match=r"Settings\.retries needs a docstring"):
        settings_page.render()


def test_the_readme_lists_every_model() -> None:
    told = set(re.findall(r"^\| `(\w+)`", section(README, "Models"), re.MULTILINE))

    assert told == {name for name, source in catalogue.sources.items() if source.package == "repro"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_a_document_names_are_there(document: Path) -> None:
    named = set(IN_BACKTICKS.findall(document.read_text(encoding="utf-8")))
    made_by_the_reader = {block.path for block in BLOCKS if block.kind == "file"}

    missing = {name for name in named if not (ROOT / name).exists() and "NAME" not in name}

    assert missing <= NOT_HERE | made_by_the_reader


def test_the_house_of_the_architecture_is_the_house_that_stands() -> None:
    tree = section(ARCHITECTURE, "The house").split("\nrepro/ ", 1)[1].split("\nmodels/<name>/", 1)[0]
    drawn = set(re.findall(r"(\w+)(?:\.py|/(?=[\s<]))", tree))
    modules = {path.stem for path in (ROOT / "repro").rglob("*.py")}
    packages = {path.parent.name for path in (ROOT / "repro").rglob("__init__.py")}
    ground = {path.stem for path in (ROOT / "repro").glob("[!_]*.py")}
    folders = {path.parent.name for path in (ROOT / "repro").glob("*/__init__.py")}

    assert ground | folders <= drawn
    assert drawn <= modules | packages


def test_sizes_that_the_documents_name_are_those_of_the_code() -> None:
    for document in (TUTORIAL, ARCHITECTURE):
        assert f"{INLINE_BYTES // 1024} KiB" in document.read_text(encoding="utf-8")


def test_arrays_in_records_can_be_declared_as_the_tutorial_says() -> None:
    import numpy
    from pydantic import BaseModel

    class Inputs(BaseModel):
        counts: Any

    RecordSchema(Inputs).check([{"counts": numpy.zeros(3)}], first=0)


@pytest.mark.parametrize("model", ["pls", "ridge"])
def test_weights_beside_a_model_are_named_as_its_config_names_them(model: str) -> None:
    page = model_page.render(model)

    assert "| `file:weights/model.npz` |" in page
    assert str(ROOT) not in page


def test_the_page_of_a_model_that_is_trained_has_its_hyper_parameters() -> None:
    page = model_page.render("esm")

    assert "### Hyper-parameters of a training" in page
    assert "| `cv_folds` |" in page
    assert "Hyper-parameters" not in model_page.render("tutorial")
