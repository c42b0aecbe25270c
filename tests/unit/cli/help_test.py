"""What `repro --help` needs, and what the help texts tell."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from repro._version import __version__
from repro.cli.group import COMMANDS, EXIT_CODES, cli
from repro.errors import ReproError
from tests.unit.cli.conftest import Repro

HEAVY = {"docker", "numpy", "orjson", "pandas", "pyarrow", "pydantic", "requests", "rich", "torch", "yaml"}


def modules_after(statements: str) -> set[str]:
    """The top-level modules that a fresh interpreter has imported after some statements."""
    program = (
        f"{statements}\nimport sys, json; print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout.splitlines()[-1]))


def test_import_of_repro_is_light() -> None:
    assert not modules_after("import repro") & {*HEAVY, "click"}


@pytest.mark.parametrize("words", [["--help"], ["--version"], []])
def test_help_and_version_are_light(words: list[str]) -> None:
    assert not modules_after(f"from repro.cli import main; main({words!r})") & HEAVY


def test_help_imports_no_command() -> None:
    program = (
        "from repro.cli import main; main(['--help']); import sys; print([n for n in sys.modules if 'repro' in n])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = ended.stdout.splitlines()[-1]
    assert not [name for name in COMMANDS if f"'repro.cli.{name}'" in imported]


def test_help_of_the_group_says_what_each_command_says_of_itself() -> None:
    context = click.Context(cli)
    for name, told in COMMANDS.items():
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help is not None
        assert command.help.partition("\n")[0] == told


def test_every_exit_code_of_the_errors_is_documented() -> None:
    def codes(kind: type[ReproError]) -> set[int]:
        return {kind.exit_code}.union(*map(codes, kind.__subclasses__()))

    documented = {int(words[0]) for line in EXIT_CODES.splitlines() if (words := line.split()) and words[0].isdecimal()}
    assert codes(ReproError) <= documented


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(repro: Repro, name: str) -> None:
    ran = repro(name, "--help")
    assert ran.code == 0
    assert f"Usage: repro {name}" in ran.out
    assert COMMANDS[name].rstrip(".") in " ".join(ran.out.split())


def test_version_is_told(repro: Repro) -> None:
    assert repro("--version").out == f"repro {__version__}\n"


def test_command_that_is_misspelt_gets_the_near_name(repro: Repro) -> None:
    ran = repro("predcit", "tutorial")
    assert ran.code == 2
    assert "did you mean predict?" in ran.err
    assert ran.out == ""


def test_option_that_is_not_known_is_an_error_of_usage(repro: Repro) -> None:
    ran = repro("list", "--jsno")
    assert ran.code == 2
    assert "--jsno" in ran.err


def test_help_of_predict_shows_the_options_that_the_model_declares(repro: Repro) -> None:
    text = " ".join(repro("predict", "antiberty", "--help").out.split())
    assert "Options of antiberty:" in text
    assert "--embeddings [mean|residue] Which embeddings to give. May be given several times. [default: mean]" in text
    assert "--no-embeddings" in text
    assert "--score / --no-score" in text


def test_help_of_predict_finds_the_model_behind_other_options(repro: Repro) -> None:
    assert "--contacts" in repro("predict", "-o", "antiberty", "--runtime", "local", "esm", "--help").out


def test_help_of_predict_without_a_model_shows_the_common_options(repro: Repro) -> None:
    ran = repro("predict", "--help")
    assert "--on-error" in ran.out
    assert "Options of" not in ran.out


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion_script_is_printed(repro: Repro, shell: str) -> None:
    ran = repro("completion", shell)
    assert ran.code == 0
    assert "_REPRO_COMPLETE" in ran.out


@pytest.mark.parametrize(
    ("words", "proposed"),
    [
        ("repro pre", "predict"),
        ("repro predict tut", "tutorial"),
        ("repro predict esm --no-cont", "--no-contacts"),
        ("repro setup esm --variant esm2_t6", "esm2_t6_8M_UR50D"),
    ],
)
def test_shell_completes(program: Repro, words: str, proposed: str) -> None:
    ran = program(_REPRO_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(words.count(" ")))
    assert f"plain,{proposed}" in ran.out.split()
