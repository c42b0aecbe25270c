"""`repro benchmark run` in containers: a cell is known by the digest of its image, and held to its memory."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repro.cli import main
from tests.benchmark_package import place

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["place"]
SPEC = """\
datasets: [one.csv]
models: [{{model: positions, card: card.toml, image: "{image}", memory: 300m, cpus: 1, hyper_params: {{shift: 1}}}}]
splits: [random_5]
bootstrap: 0
runtime: docker
"""


@pytest.fixture
def image(engine: DockerClient, base_image: str, place: Path) -> Iterator[str]:
    """The image of the model `positions`."""
    name = f"repro-tests/positions:{os.getpid()}"
    build(place, name)
    yield name
    engine.images.remove(name, force=True)


def build(place: Path, image: str) -> None:
    from repro.images.build import build_image

    build_image(place.parent / "packages" / "positions" / "container", image, report=lambda line: None)


def run(capfd: pytest.CaptureFixture[str], image: str) -> dict[str, Any]:
    Path("spec.yaml").write_text(SPEC.format(image=image))
    Path("card.toml").write_text('name = "positions"\n')  # Python itself reads it: the image has no PyYAML
    capfd.readouterr()
    code = main(["benchmark", "run", "spec.yaml", "-o", "out", "--json"])
    said = capfd.readouterr()
    assert code == 0, said.err
    answer: dict[str, Any] = json.loads(said.out)
    return answer


def test_cell_in_docker_is_known_by_the_digest_of_its_image_not_by_its_name(
    engine: DockerClient, image: str, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = run(capfd, image)
    assert answer["computed"] == 1
    (cell,) = answer["cells"]
    record = json.loads((Path("out/cells") / cell["cell"] / "cell.json").read_text())
    assert (record["runtime"], record["environment"]) == ("docker", engine.images.get(image).id)

    other = f"repro-tests/other-name:{os.getpid()}"
    engine.images.get(image).tag(other)
    try:
        assert run(capfd, other)["computed"] == 0
    finally:
        engine.images.remove(other)

    source = place.parent / "packages" / "positions" / "container" / "src" / "run.py"
    source.write_text(source.read_text() + "# another image\n")
    build(place, image)
    again = run(capfd, image)
    assert again["computed"] == 1
    assert again["cells"][0]["cell"] != cell["cell"]
