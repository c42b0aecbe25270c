"""The images of the repository's own models: what they share, what they add, how large they are, who they run as."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro import MODELS_ROOT
from repro.images.dockerfile import read_dockerfile
from repro.images.facts import read_image
from repro.images.lock import REQUIREMENTS, REQUIREMENTS_LOCK, is_in_step, read_lock
from repro.model import Model
from repro.runtimes.docker import DockerRuntime
from repro.runtimes.environments import uv_executable
from repro.runtimes.local import LocalRuntime
from repro.settings import Settings
from tests.integration.images_builds import BASE, layers, size_bytes

if TYPE_CHECKING:
    from docker import DockerClient

TORCH = "repro-models/torch:2.13.0"
TRAINED = ("esm", "antiberty", "proteinmpnn", "pls", "ridge")
MODELS = ("tutorial", *TRAINED)
BASES = sorted(path.parent for path in (Path(MODELS_ROOT) / "bases").glob("*/Dockerfile"))
FOLDERS = [*(Path(MODELS_ROOT) / name for name in MODELS), *BASES]
MB = 1_000_000


@pytest.fixture
def image_of(engine: DockerClient, base_image: str) -> Callable[[str], str]:
    """The image of a model, set up."""

    def image_of(name: str) -> str:
        spec = Model.by_name(name).spec()
        DockerRuntime().setup(spec, lambda line: None)
        return spec.image

    return image_of


def test_the_models_with_torch_share_all_layers_of_the_base_and_add_only_their_own(
    image_of: Callable[[str], str], engine: DockerClient
) -> None:
    esm, antiberty = layers(engine, image_of("esm")), layers(engine, image_of("antiberty"))
    torch = layers(engine, TORCH)

    assert esm[: len(torch)] == torch
    assert antiberty[: len(torch)] == torch
    assert torch[: len(layers(engine, BASE))] == layers(engine, BASE)
    installed = [line for line in engine.images.get("repro-models/esm:1.0").history() if line["Size"] > 100 * MB]
    assert len(installed) == 2, "the system and torch; nothing as large of its own"


def test_the_tutorials_image_adds_less_than_a_megabyte(image_of: Callable[[str], str], engine: DockerClient) -> None:
    assert size_bytes(engine, image_of("tutorial")) - size_bytes(engine, BASE) < MB


def test_esms_image_adds_next_to_nothing_to_its_base_and_packages(
    image_of: Callable[[str], str], engine: DockerClient
) -> None:
    image = image_of("esm")
    torch = size_bytes(engine, TORCH)
    fair_esm = next(line["Size"] for line in engine.images.get(image).history() if "pip install" in line["CreatedBy"])

    assert size_bytes(engine, image) <= 1.1 * (torch + fair_esm)
    assert size_bytes(engine, image) - torch - fair_esm < MB


@pytest.mark.parametrize("name", MODELS)
def test_an_image_does_not_run_as_root_and_runs_by_hand(
    name: str, image_of: Callable[[str], str], engine: DockerClient
) -> None:
    image = image_of(name)

    assert engine.images.get(image).attrs["Config"]["User"] == "1000:1000"
    answer = engine.containers.run(image, ["python", "run.py", "ping"], remove=True, network_disabled=True)
    assert answer.decode().strip() == "pong"


@pytest.mark.parametrize("name", TRAINED)
def test_an_image_answers_as_sagemaker_asks(name: str, image_of: Callable[[str], str], engine: DockerClient) -> None:
    image = image_of(name)

    def said(*words: str) -> bytes:
        answer: bytes = engine.containers.run(image, words, remove=True, network_disabled=True)
        return answer

    assert said("ping") == b"pong\n"
    assert said("train", "--help").startswith(b"usage: run.py train ")


@pytest.mark.parametrize("name", MODELS)
def test_an_image_says_what_it_takes_and_gives(name: str, image_of: Callable[[str], str], engine: DockerClient) -> None:
    facts = read_image(engine, image_of(name))

    assert facts is not None
    assert facts.model == name
    assert facts.version == "1.0"
    assert facts.variants == tuple(Model.by_name(name).config().variants)
    assert set(facts.schema) == {"inputs", "outputs"}
    assert facts.schema["inputs"]["properties"]
    assert facts.schema["outputs"]["properties"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_bases_are_locked_to_a_digest(folder: Path) -> None:
    made_here = {TORCH}
    foreign = [name for name in read_dockerfile(folder).bases() if name not in made_here]

    assert set(read_lock(folder).base) == set(foreign)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_requirements_are_locked_from_what_they_are_now(folder: Path) -> None:
    assert is_in_step(folder), f"run: repro lock {folder.name}"


@pytest.mark.parametrize("name", ["esm", "antiberty"])
def test_a_model_is_locked_to_the_versions_of_its_base(name: str) -> None:
    base = pins(Path(MODELS_ROOT) / "bases" / "torch" / REQUIREMENTS_LOCK)
    model = pins(Path(MODELS_ROOT) / name / REQUIREMENTS_LOCK)

    assert base
    for package, versions in base.items():
        assert model.get(package) == versions, package


@pytest.mark.parametrize(
    "name", [path.name for path in FOLDERS if (path / REQUIREMENTS).is_file() and path not in BASES]
)
def test_all_packages_of_a_local_environment_are_in_the_lock(name: str, tmp_path: Path) -> None:
    spec = Model.by_name(name).spec()
    environment = LocalRuntime(Settings(cache_dir=tmp_path)).setup(spec, lambda line: None)

    listed = subprocess.run(
        [uv_executable(), "pip", "list", "--python", str(environment.python), "--format", "json"],
        check=True,
        capture_output=True,
        text=True,
    )
    locked = pins(spec.folder / REQUIREMENTS_LOCK)
    packages = {package["name"].lower(): package["version"].partition("+")[0] for package in json.loads(listed.stdout)}
    assert "numpy" in packages
    for package, version in packages.items():
        assert version in locked.get(package, ()), f"{package} {version} is not in the lock"


def pins(lock: Path) -> dict[str, set[str]]:
    """The versions that a lock has of each package."""
    found: dict[str, set[str]] = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            package, _, version = line.partition(";")[0].strip().partition("==")
            found.setdefault(package, set()).add(version)
    return found
