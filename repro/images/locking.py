"""`repro lock`: the versions of all packages of a model, and the content of the images that it starts from."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.config import load_config
from repro.errors import BuildError, EngineUnavailableError, Evidence, SettingsError
from repro.images.bases import own_base
from repro.images.dockerfile import read_dockerfile
from repro.images.lock import REQUIREMENTS, REQUIREMENTS_LOCK, made_from, read_lock, write_lock
from repro.images.revision import installed_package
from repro.images.steps import Report
from repro.runtimes.environments import uv_executable

PUBLIC_INDEX = "https://pypi.org/simple"
_OLDEST_PYTHON = "3.10"
_PYTHON_IMAGE = re.compile(r"(?:.*/)?python:(\d+\.\d+)")
_SHOWN_LINES = 20
_HEADER = """\
# The version of every package, for any system and Python: constraints for pip and uv. Made by `repro lock`.
{made_from}
"""


@dataclass(frozen=True)
class Locked:
    """What was locked, and what could not be."""

    packages: int
    base: Mapping[str, str]
    not_asked: Mapping[str, str]
    """Base image -> why its digest is not known anew."""


def lock_model(folder: Path, bases_dir: Path, report: Report, *, upgrade: bool = False) -> Locked:
    """(Re)make `requirements.lock` and the bases of `image.lock` in a model's container folder.

    Args:
        folder: a model's, or a base's.
        bases_dir: folders of the base images that are made here; their versions hold for what stands on them.
        report: is told what is done.
        upgrade: whether versions may be newer than the lock has them.

    Raises:
        BuildError: no versions go together, or the index does not answer; holds uv's last lines.
        SettingsError: a file of the folder cannot be read, or the folder is a part of an installed package.
    """
    package = installed_package(folder)
    if package:
        raise SettingsError(
            f"{folder} is a part of the installed package {package}",
            cause="what is changed there is lost when it is installed anew, and its files no longer are that version",
            fix="lock the model where its source is: in a checkout, or in a package installed with pip install -e",
        )
    dockerfile = read_dockerfile(folder)
    names, stands_on = dockerfile.bases(), dockerfile.stands_on()
    own = [found for name in stands_on if (found := own_base(name, bases_dir)) is not None]
    packages = 0
    if (folder / REQUIREMENTS).is_file():
        report(f"choosing versions for {folder.name}")
        packages = _lock_requirements(folder, [base / REQUIREMENTS_LOCK for base in own], stands_on, upgrade)
    foreign = [name for name in names if own_base(name, bases_dir) is None and "@" not in name]
    old = read_lock(folder)
    digests, not_asked = _digests(foreign)
    base = {name: digest for name in foreign if (digest := digests.get(name) or old.base.get(name))}
    if base != dict(old.base):
        write_lock(folder, type(old)(base, old.published))
    return Locked(packages, base, not_asked)


def _lock_requirements(folder: Path, constraints: Sequence[Path], bases: Sequence[str], upgrade: bool) -> int:
    lock = folder / REQUIREMENTS_LOCK
    unfinished = folder / f".{REQUIREMENTS_LOCK}.{os.getpid()}"
    words = ["pip", "compile", "--universal", "--no-header", "--no-annotate", "--no-config", "--quiet"]
    words += ["--python", sys.executable, "--no-python-downloads"]  # it chooses for others, and needs none of them
    words += ["--default-index", PUBLIC_INDEX, "--python-version", _python(folder, bases)]
    for path in constraints:
        words += ["--constraint", str(path)]
    try:
        if lock.is_file() and not upgrade:
            unfinished.write_bytes(lock.read_bytes())  # versions that are locked stay as they are
        _compile([*words, "--output-file", unfinished.name, REQUIREMENTS], folder)
        pins = "".join(f"{line}\n" for line in _pins(unfinished))
        unfinished.write_text(_HEADER.format(made_from=made_from(folder)) + pins, encoding="utf-8")
        unfinished.replace(lock)
    finally:
        unfinished.unlink(missing_ok=True)
    return pins.count("\n")


def _pins(lock: Path) -> list[str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _compile(words: Sequence[str], folder: Path) -> None:
    # What this machine alone has, find-links and indexes of its own, must not get into a lock that others use.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    if os.environ.get("PIP_CERT"):
        environ.setdefault("SSL_CERT_FILE", os.environ["PIP_CERT"])
    done = subprocess.run(
        [uv_executable(), *words], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        tail = tuple((done.stdout + done.stderr).splitlines()[-_SHOWN_LINES:])
        raise BuildError(
            f"no versions were found for {folder / REQUIREMENTS}: {tail[-1].strip() if tail else 'uv says nothing'}",
            fix="read the lines below; loosen what contradicts itself, or mend the name",
            evidence=Evidence(exit_code=done.returncode, log_tail=tail),
        )


def _python(folder: Path, bases: Sequence[str]) -> str:
    """The oldest Python that the versions have to go with: that of repro, of the image, of the local environment."""
    config = None if folder.parent.name == "bases" else load_config(folder).python
    images = [match[1] for name in bases if (match := _PYTHON_IMAGE.match(name))]
    known = [_OLDEST_PYTHON, *images, *([config] if config else [])]
    return min(known, key=lambda version: [int(part) for part in version.split(".")[:2]])


def _digests(names: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of images as their registries have them now; and for the others why not."""
    import docker.errors

    from repro.runtimes.engine import connect

    found: dict[str, str] = {}
    failed: dict[str, str] = {}
    for name in names:
        try:
            answer = connect().api.inspect_distribution(name)  # type: ignore[no-untyped-call]
            found[name] = str(answer["Descriptor"]["digest"])
        except docker.errors.APIError as error:
            failed[name] = str(error.explanation or error)
        except EngineUnavailableError as error:
            failed[name] = error.message
    return found, failed
