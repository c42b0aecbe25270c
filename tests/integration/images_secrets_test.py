"""Secrets of a build reach one RUN line, and lie in no layer, history, label or message: with each builder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.errors import BuildError, SettingsError
from repro.images.build import build_image
from repro.images.buildkit import buildkit_client
from repro.runtimes.base import BuildOptions
from tests.integration.images_builds import GUEST, HEAD, anew, places_of, remove, write_model

if TYPE_CHECKING:
    from docker import DockerClient

SECRETS = {
    "password of the index": "hunter2-index-password",
    "password of a further index": "hunter3-extra-password",
    "certificate authority": "TESTS-OWN-CERTIFICATE-AUTHORITY",
    "token in a file": "hf_token_in_a_file_0123",
    "token in a variable": "hf_token_in_a_variable_4567",
}
MOUNTS = (
    "--mount=type=secret,id=pip.conf,target=/etc/pip.conf --mount=type=secret,id=ca.crt "
    "--mount=type=secret,id=file --mount=type=secret,id=variable "
)
USES_ALL = (
    "grep -q hunter2-index /etc/pip.conf && grep -q hunter3-extra /etc/pip.conf"
    " && grep -q TESTS-OWN /run/secrets/ca.crt && grep -q in_a_file /run/secrets/file"
    " && grep -q in_a_variable /run/secrets/variable && cat /run/secrets/* /etc/pip.conf && pip config list"
)

Build = Callable[..., list[str]]


@pytest.fixture
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    name = f"repro-tests/secrets:{os.getpid()}"
    yield name
    remove(engine, name)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BuildOptions:
    """All secrets that a build can have."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://ada:{SECRETS['password of the index']}@127.0.0.1:9/simple")
    further = f"http://ada:{SECRETS['password of a further index']}@127.0.0.1:9/more"
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", further)
    (tmp_path / "ca.crt").write_text(SECRETS["certificate authority"] + "\n")
    monkeypatch.setenv("PIP_CERT", str(tmp_path / "ca.crt"))
    (tmp_path / "token").write_text(SECRETS["token in a file"] + "\n")
    monkeypatch.setenv("TESTS_TOKEN", SECRETS["token in a variable"])
    return BuildOptions(secrets=(f"id=file,src={tmp_path / 'token'}", "id=variable,env=TESTS_TOKEN"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "model"


def _needs_buildkit() -> None:
    if buildkit_client() is None:
        pytest.skip("no docker client on PATH can build with BuildKit")


def test_each_secret_reaches_its_run_line_and_lies_nowhere(
    image: str, model: Path, options: BuildOptions, engine: DockerClient
) -> None:
    _needs_buildkit()
    write_model(model, HEAD + GUEST + f"RUN {MOUNTS}{anew()}{USES_ALL}\n")
    told: list[str] = []

    build_image(model, image, told.append, options)

    assert any("in_a_file" not in line and "***" in line for line in told), (
        "what a step prints is told, without secrets"
    )
    for name, secret in SECRETS.items():
        assert places_of(secret, engine, image) == [], name
        if name != "certificate authority":  # which is no secret, but has no business in an image
            assert secret not in "\n".join(told), name


def test_the_search_finds_what_is_in_a_layer_and_in_a_label(
    image: str, model: Path, options: BuildOptions, engine: DockerClient
) -> None:
    _needs_buildkit()
    token = SECRETS["token in a file"]
    write_model(model, HEAD + f"RUN {MOUNTS}cp /run/secrets/file /kept\nLABEL kept=hunter4-in-a-label\n")

    build_image(model, image, lambda line: None, options)

    assert any(place.endswith("layer.tar") or "blobs" in place for place in places_of(token, engine, image))
    assert "inspection" in places_of("hunter4-in-a-label", engine, image)


def test_a_step_that_fails_tells_no_secret(image: str, model: Path, options: BuildOptions) -> None:
    _needs_buildkit()
    write_model(model, HEAD + f"RUN {MOUNTS}cat /run/secrets/file /run/secrets/variable /etc/pip.conf; exit 3\n")

    with pytest.raises(BuildError) as raised:
        build_image(model, image, lambda line: None, options)

    for name, secret in SECRETS.items():
        assert secret not in str(raised.value), name


class TestWithTheEnginesOwnBuilder:
    @pytest.fixture(autouse=True)
    def without_a_docker_client(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))

    def test_pips_secrets_lie_nowhere(
        self, image: str, model: Path, options: BuildOptions, engine: DockerClient
    ) -> None:
        write_model(model, HEAD + GUEST + f"RUN {MOUNTS}pip config list\n")
        told: list[str] = []

        build_image(model, image, told.append, BuildOptions())

        for name, secret in SECRETS.items():
            assert places_of(secret, engine, image) == [], name
            assert secret not in "\n".join(told), name

    def test_a_secret_that_it_cannot_mount_is_refused(self, image: str, model: Path, options: BuildOptions) -> None:
        write_model(model, HEAD + GUEST)

        with pytest.raises(SettingsError, match="has no secrets") as raised:
            build_image(model, image, lambda line: None, options)
        assert "buildx" in raised.value.fix
