"""`repro setup` in the shell: what it says, to whom, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.cli import main
from repro.models.tutorial import TutorialModel
from tests.integration.images_builds import GUEST, HEAD, remove, write_model

if TYPE_CHECKING:
    from docker import DockerClient

WITHIN_S = 120


@pytest.fixture
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    name = f"repro-tests/cli:{os.getpid()}"
    yield name
    remove(engine, name)


@pytest.fixture
def folder(tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The container side of the tutorial's model, with the name of an image that is these tests' own."""
    folder = write_model(tmp_path / "tutorial", HEAD + "ARG TAG=1\nRUN sleep 0.3 && echo a line of the step\n" + GUEST)
    monkeypatch.setattr(TutorialModel, "folder", folder)
    monkeypatch.setattr(TutorialModel, "default_image", image)
    monkeypatch.setattr("repro.setting_up._registry", {})
    return folder


Said = tuple[int, str, str]


def setup(capfd: pytest.CaptureFixture[str], *words: str) -> Said:
    capfd.readouterr()
    code = main(["setup", "tutorial", "--runtime", "docker", *words])
    said = capfd.readouterr()
    return code, said.out, said.err


def test_steps_are_plain_lines_where_nobody_looks_on(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    code, out, err = setup(capfd, "--no-cache")

    assert (code, out) == (0, "")
    assert "RUN sleep 0.3" in err
    assert "    a line of the step" in err
    assert "\x1b" not in err


def test_the_second_time_it_says_that_there_was_nothing_to_do(
    folder: Path, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    setup(capfd)

    code, _, err = setup(capfd)
    assert code == 0
    assert f"{image} is up to date" in err
    assert "was set up already" in err

    _, out, _ = setup(capfd, "--json")
    assert json.loads(out)["was_set_up_already"] is True


def test_silent_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert setup(capfd, "--silent") == (0, "", "")


def test_a_build_that_fails_is_a_command_that_fails(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_model(folder, HEAD + "RUN echo the reason && exit 7\n")

    code, _, err = setup(capfd, "--silent")

    assert code == 4
    assert "line 3 of the Dockerfile" in err
    assert "the reason" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--build-arg", "TAGS=2"), "declares no ARG TAGS"),
        (("--build-arg", "TAG"), "NAME=VALUE"),
        (("--build-arg", "HF_TOKEN=hunter2-hunter2"), "--secret id=hf_token,env=HF_TOKEN"),
        (("--secret", "hunter2-hunter2"), "is not of the form"),
        (("--platform", "arm"), "is no platform"),
    ],
)
def test_what_cannot_be_wanted_is_told_before_anything_is_built(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, _, err = setup(capfd, *words)

    assert code == 2
    assert said in err
    assert "hunter2" not in err
    assert "FROM" not in err


def test_a_build_argument_reaches_the_dockerfile(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_model(folder, HEAD + 'ARG TAG=1\nRUN echo "the tag is $TAG"\n')

    assert "the tag is 2=3" in setup(capfd, "--build-arg", "TAG=2=3")[2]


def test_on_a_terminal_a_step_is_one_line_with_its_time(folder: Path, image: str) -> None:
    program = (
        "import sys, pathlib; from repro.cli import main; from repro.models.tutorial import TutorialModel as T\n"
        "import repro.setting_up as s; s._registry = {}\n"
        f"T.folder = pathlib.Path({str(folder)!r}); T.default_image = {image!r}\n"
        "sys.exit(main(['setup', 'tutorial', '--runtime', 'docker', '--no-cache']))"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "100", "TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError:  # how Linux tells that the other end is closed
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert process.wait(WITHIN_S) == 0

    text = shown.decode()
    assert "RUN sleep 0.3 && echo a line of the step" in text
    assert any("✓" in line and "RUN sleep" in line and " s" in line for line in text.splitlines())
    assert "was set up" in text or "is set up" in text
