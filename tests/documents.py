"""Reads what a document tells its reader to do, so that tests can follow it word for word.

A code block is a step where the line before it says so: "Create `PATH`:" makes a file, "Run:" commands, "It prints:" is
what the commands before it print. A Python block that begins with `>>>` is a session. All other blocks illustrate.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_CREATE = re.compile(r"Create `([^`]+)`:$")


@dataclass(frozen=True)
class Step:
    """Something that a document tells its reader to do."""

    kind: str
    """`file`, `shell`, `python`, or `none` for a block that only illustrates."""
    text: str
    section: str
    """The heading (of the second level) that it stands under."""
    language: str
    path: str = ""
    prints: str | None = None

    def renamed(self, names: Mapping[str, str]) -> Step:
        """The same for a model of another name."""
        text, path, prints = self.text, self.path, self.prints
        for name, other in names.items():
            text, path = text.replace(name, other), path.replace(name, other)
            prints = None if prints is None else prints.replace(name, other)
        return replace(self, text=text, path=path, prints=prints)


def steps_of(document: Path) -> list[Step]:
    """All code blocks of a document, in order."""
    text = document.read_text(encoding="utf-8")
    found: list[Step] = []
    for block in _BLOCK.finditer(text):
        before = text[: block.start()]
        body = textwrap.dedent(block["body"]) if block["indent"] else block["body"]
        said = before.rstrip().rpartition("\n")[2]
        if said.endswith("It prints:"):
            found[-1] = replace(found[-1], prints=body)
        else:
            found.append(_step(block["language"], body, said, _section(before)))
    return found


def _step(language: str, body: str, said: str, section: str) -> Step:
    create = _CREATE.search(said)
    if create:
        return Step("file", body, section, language, path=create[1])
    if language == "shell" and said.endswith("Run:"):
        return Step("shell", body, section, language)
    if language == "python" and body.startswith(">>>"):
        return Step("python", body, section, language)
    return Step("none", body, section, language)


def _section(before: str) -> str:
    headings = re.findall(r"^## (.+)$", before, re.MULTILINE)
    return headings[-1] if headings else ""


def copy_project(target: Path) -> None:
    """The project as git knows it, or would know it once its new files are added."""
    for name in _project_files():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, path)


def environment(folder: Path, runtime: str, cache_dir: Path | None = None) -> dict[str, str]:
    """The variables of someone who works in `folder`, a copy of the project, with this project's environment active."""
    environ = dict(os.environ, REPRO_RUNTIME=runtime)
    environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environ["PATH"]])
    environ["PYTHONPATH"] = str(folder)  # comes before the folder that the environment is linked to
    if cache_dir is not None:
        environ["REPRO_CACHE_DIR"] = str(cache_dir)
    return environ


def _project_files() -> Iterator[str]:
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    yield from (name for name in listed if (ROOT / name).is_file())


def follow(step: Step, folder: Path, environ: Mapping[str, str]) -> None:
    """Do what a step says, in `folder`; a command that fails, or prints something else, fails the test."""
    if step.kind == "file":
        path = folder / step.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.text, encoding="utf-8")
    elif step.kind == "shell":
        printed = run(["bash", "-euo", "pipefail", "-c", step.text], folder, environ)
        assert step.prints is None or printed == step.prints
    elif step.kind == "python":
        session = folder / "out" / "session.txt"
        session.parent.mkdir(exist_ok=True)
        session.write_text(step.text, encoding="utf-8")
        run([sys.executable, "-m", "doctest", "-o", "ELLIPSIS", str(session)], folder, environ)


def run(command: list[str], folder: Path, environ: Mapping[str, str]) -> str:
    """What a command prints to stdout; one that fails fails the test with all that it said."""
    done = subprocess.run(command, cwd=folder, env=dict(environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
