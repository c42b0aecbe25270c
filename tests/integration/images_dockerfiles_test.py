"""Dockerfiles of many forms, built for real: what is taken from other images, and what one builder has and one not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.errors import BuildError
from repro.images.build import build_image
from repro.images.buildkit import buildkit_client
from repro.images.facts import read_image
from tests.integration.images_builds import BASE, GUEST, HEAD, contents, files_of_layer, layers, remove, write_model

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.skipif(buildkit_client() is None, reason="no docker client on PATH can build with BuildKit")


@pytest.fixture
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    name = f"repro-tests/dockerfiles:{os.getpid()}"
    yield name
    remove(engine, name)


def build(folder: Path, image: str) -> str:
    """Builds, and gives the last line that is told."""
    lines: list[str] = []
    build_image(folder, image, lines.append)
    return lines[-1]


def test_a_change_of_an_image_that_is_copied_or_mounted_from_builds_anew(
    image: str, engine: DockerClient, tmp_path: Path
) -> None:
    other = f"{image}-other"
    takes = f"COPY --from={other} /which /copied\nRUN --mount=from={other},target=/o cp /o/which /mounted\n"
    model = write_model(tmp_path / "model", HEAD + takes + "RUN cat /copied /mounted | tr '\\n' ' '\n" + GUEST)
    try:
        for content in ("content-one", "content-two"):
            source = write_model(tmp_path / content, "FROM scratch\nCOPY which /\n", which=content)
            build(source, other)
            assert build(model, image) == f"built {image}"
            assert build(model, image) == f"{image} is up to date"
            with_files = [data for name, data in contents(engine, image) if name.endswith("layer.tar")]
            taken = [data for data in with_files if {"copied", "mounted"} & set(files_of_layer(data))]
            assert len(taken) == 2
            assert all(content.encode() in data for data in taken)
        found = read_image(engine, image)
        assert found is not None
        assert found.base_name == BASE
    finally:
        remove(engine, image, other)


def test_an_image_that_was_made_without_mounts_is_made_anew_with_them(
    image: str, engine: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = 'RUN --mount=type=cache,target=/c sh -c \'mount | grep -c " /c " > /mounts; echo "--mount=type=cache"\'\n'
    model = write_model(tmp_path / "model", HEAD + run + GUEST)
    with monkeypatch.context() as without_client:
        without_client.setenv("PATH", str(tmp_path))
        assert build(model, image) == f"built {image}"
        assert build(model, image) == f"{image} is up to date"
    reduced = layers(engine, image)

    assert build(model, image) == f"built {image}"
    assert layers(engine, image) != reduced
    with monkeypatch.context() as without_client:
        without_client.setenv("PATH", str(tmp_path))
        assert build(model, image) == f"{image} is up to date", "it has all that its Dockerfile says"


@pytest.mark.parametrize(
    "mount", ["type=bind,source=src,target=/m", "type=secret,id=a,required=true", "type=tmpfs,target=/m"]
)
def test_mounts_that_a_build_needs_are_no_build_without_buildkit(
    image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mount: str
) -> None:
    model = write_model(tmp_path / "model", f"{HEAD}RUN --mount={mount} true\n")
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BuildError, match=f"line 3 of the Dockerfile has --mount={mount},"):
        build(model, image)


def test_what_a_base_copies_by_its_triggers_has_to_be_named(image: str, engine: DockerClient, tmp_path: Path) -> None:
    base = f"{image}-base"
    build(write_model(tmp_path / "base", HEAD + "ONBUILD COPY src/run.py /triggered\n"), base)
    model = write_model(tmp_path / "model", f"FROM {base}\n")
    try:
        with pytest.raises(BuildError, match=r"ONBUILD COPY src/run\.py /triggered") as raised:
            build(model, image)
        assert "COPY src/run.py" in raised.value.fix

        write_model(model, f"FROM {base}\nCOPY src/run.py ./\n")
        assert build(model, image) == f"built {image}"
    finally:
        remove(engine, image, base)


@pytest.mark.parametrize(
    "dockerfile",
    [
        f'FROM "{BASE}"\nCOPY src/run.py ./\n',
        f"ARG T=x\nFROM {BASE.replace(':', '${T:+:}')}\nARG T=y\nCOPY src/run.py ./\n",
        f"\ufeffFROM\t{BASE}\nCOPY\tsrc\tx\nRUN\ttest -f x/run.py\n",
        f"# \u2028RUN exit 1\n# \x0cRUN exit 1\r\nFROM {BASE}\r\nRUN true \\\r\n  && true\r\n",
    ],
    ids=["quoted", "variable", "tabs", "signs"],
)
def test_whatever_a_builder_takes_is_taken(image: str, tmp_path: Path, dockerfile: str) -> None:
    model = write_model(tmp_path / "model", "")
    (model / "Dockerfile").write_bytes(dockerfile.encode())

    assert build(model, image) == f"built {image}"
