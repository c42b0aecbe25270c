"""Building images: with BuildKit and with the engine's own builder, well and badly, no secret in any layer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro import __version__
from repro.common.docker import DockerContainer
from repro.errors import BuildError, EngineUnavailableError
from repro.images.build import build_image, buildkit_client
from tests.integration.images_builds import anew

if TYPE_CHECKING:
    from docker import DockerClient

HEAD = "FROM python:3.11-slim-bookworm\nWORKDIR /app\n"
GUEST = "COPY repro_guest repro_guest\nCOPY src/run.py run.py\n"
RUN_PY = "from repro_guest import Runner\nRunner.main()\n"
PIP = (
    "RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt,target=/run/secrets/ca.crt "
)
PASSWORD = "hunter2-hunter2"

Build = Callable[..., list[str]]


@pytest.fixture
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    """The name of an image that is removed after the test."""
    from docker.errors import ImageNotFound

    name = f"repro-tests/built:{os.getpid()}"
    yield name
    try:
        engine.images.remove(name, force=True)
    except ImageNotFound:
        return


@pytest.fixture(params=["buildkit", "engine"])
def build(request: pytest.FixtureRequest, image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    """Builds `image` from a Dockerfile with each builder in turn; gives what was reported."""
    if request.param == "buildkit" and buildkit_client() is None:
        pytest.skip("no docker client on PATH can build with BuildKit")
    if request.param == "engine":
        monkeypatch.setenv("PATH", str(tmp_path))  # no docker client there

    def build(dockerfile: str) -> list[str]:
        (tmp_path / "src").mkdir(exist_ok=True)
        (tmp_path / "src" / "run.py").write_text(RUN_PY)
        (tmp_path / "Dockerfile").write_text(dockerfile)
        lines: list[str] = []
        build_image(tmp_path, image, lines.append)
        return lines

    return build


def test_an_image_holds_the_guest_and_a_label_and_run_py_runs(build: Build, image: str, engine: DockerClient) -> None:
    lines = build(HEAD + GUEST)

    assert lines[-1] == f"built {image}"
    assert engine.images.get(image).labels["repro"] == __version__
    with DockerContainer(image) as container:
        container.run_command("python run.py ping > /repro/data/out")
        assert Path(container.host_dir, "out").read_text() == "pong\n"


def test_what_has_not_changed_comes_from_the_builders_cache(build: Build, image: str, engine: DockerClient) -> None:
    dockerfile = HEAD + GUEST + f"RUN echo {os.getpid()} > /made\n"
    build(dockerfile)
    layers = engine.images.get(image).attrs["RootFS"]["Layers"]

    lines = build(dockerfile + "CMD true\n")

    assert engine.images.get(image).attrs["RootFS"]["Layers"] == layers
    assert any("CACHED" in line for line in lines)


def test_the_same_again_is_not_built_and_says_so(build: Build, image: str, engine: DockerClient) -> None:
    build(HEAD + GUEST)
    identity = engine.images.get(image).id

    assert build(HEAD + GUEST) == [f"{image} is up to date"]
    assert engine.images.get(image).id == identity


def test_the_whole_folder_is_what_belongs_to_the_model(build: Build, image: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("x")
    lines = build(HEAD + f"COPY . .\nRUN {anew()}ls -A\n")

    listed = {word for line in lines for word in line.split()}
    assert {"src", "repro_guest"} <= listed
    assert not {"README.md", ".dockerignore"} & listed
    assert not any(line.strip() == "Dockerfile" for line in lines)


def test_a_step_that_fails_is_a_build_error_with_its_last_lines(build: Build, image: str, engine: DockerClient) -> None:
    from docker.errors import ImageNotFound

    with pytest.raises(BuildError, match="could not be built") as caught:
        build(HEAD + "RUN echo the reason: é && exit 7\n")

    tail = "\n".join(caught.value.evidence.log_tail)
    assert "the reason: é" in tail
    assert "7" in tail
    assert caught.value.evidence.image == image
    with pytest.raises(ImageNotFound):
        engine.images.get(image)


def test_a_dockerfile_with_a_slip_in_it_is_a_build_error(build: Build) -> None:
    with pytest.raises(BuildError, match=r"(?i)unknown instruction"):
        build("FORM python:3.11-slim-bookworm\n")


def test_a_base_image_that_cannot_be_had_is_told(build: Build) -> None:
    with pytest.raises(BuildError) as caught:
        build("FROM 127.0.0.1:9/absent:1.0\n")

    assert "the base image 127.0.0.1:9/absent:1.0 is not on this machine and cannot be pulled" in str(caught.value)
    assert "docker pull 127.0.0.1:9/absent:1.0" in caught.value.fix


def test_a_folder_without_a_dockerfile_is_a_build_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no Dockerfile"):
        build_image(tmp_path, "repro-tests/never:1.0", lambda line: None)


def test_without_an_engine_nothing_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (tmp_path / "Dockerfile").write_text(HEAD)

    with pytest.raises(EngineUnavailableError):
        build_image(tmp_path, "repro-tests/never:1.0", lambda line: None)


class TestSecrets:
    @pytest.fixture(autouse=True)
    def password(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An index that asks for a password, as companies have them. Nothing listens there."""
        monkeypatch.setenv("PIP_INDEX_URL", f"http://ada:{PASSWORD}@127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)

    @pytest.mark.parametrize("build", ["buildkit"], indirect=True)
    def test_a_password_of_the_index_reaches_pip_and_stays_in_no_layer(
        self, build: Build, image: str, engine: DockerClient
    ) -> None:
        reported = build(HEAD + GUEST + PIP + "grep -c ada:hunter2 /etc/pip.conf && pip config list > /dev/null\n")

        assert PASSWORD not in "\n".join(reported)
        assert PASSWORD not in str(engine.images.get(image).history()) + str(engine.images.get(image).attrs)
        assert not self.is_in_a_layer(PASSWORD.encode(), image, engine)

    def is_in_a_layer(self, word: bytes, image: str, engine: DockerClient) -> bool:
        before = b""
        for chunk in engine.images.get(image).save():  # all layers, as they are
            if word in before + chunk:
                return True
            before = chunk[-len(word) :]
        return False

    @pytest.mark.parametrize("build", ["buildkit"], indirect=True)
    def test_a_secret_that_is_in_a_layer_is_found(self, build: Build, image: str, engine: DockerClient) -> None:
        build(HEAD + PIP + "cp /etc/pip.conf /kept\n")

        assert self.is_in_a_layer(PASSWORD.encode(), image, engine)

    def test_a_build_that_fails_on_the_index_shows_no_password(self, build: Build) -> None:
        with pytest.raises(BuildError) as caught:
            build(HEAD + PIP + "PIP_RETRIES=0 pip install no-such-package 2>&1 | cat; cat /etc/pip.conf; exit 1\n")

        assert PASSWORD not in str(caught.value)


def test_an_interrupted_build_ends(image: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(HEAD + f"RUN echo begun {os.getpid()} && sleep 60\n")

    def interrupt(line: str) -> None:
        if f"begun {os.getpid()}" in line and "RUN" not in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_image(tmp_path, image, interrupt)
