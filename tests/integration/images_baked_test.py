"""Weights in an image, by --bake or by the model's own download-models.sh: used with no mount and no network."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro import MODELS_ROOT
from repro.errors import NotSetUpError, SettingsError
from repro.images.buildkit import buildkit_client
from repro.images.facts import read_image
from repro.models.esm import ESM
from repro.runtimes.base import BuildOptions
from repro.runtimes.choice import runtime_named
from repro.runtimes.classic import DockerContainer
from repro.setting_up import BuildDockerImageSubcommand, SetupRequest
from repro.settings import load_settings
from repro.weights import file_sha256
from tests.integration.images_builds import layers, remove

if TYPE_CHECKING:
    from docker import DockerClient

VARIANT = "esm2_t6_8M_UR50D"
FILES = (f"{VARIANT}.pt", f"{VARIANT}-contact-regression.pt")
FIXTURES = Path(MODELS_ROOT) / "esm" / "tests" / "fixtures"
RECORD = {"sequence": "MKTAYIAKQR"}


@pytest.fixture(scope="module")
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    name = f"repro-tests/esm-baked:{os.getpid()}"
    yield name
    remove(engine, name)


@pytest.fixture(autouse=True)
def container_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str) -> Path:
    """ESM's container side, with checkpoints that are here: tiny ones in the real format."""
    folder = tmp_path / "esm"
    shutil.copytree(Path(MODELS_ROOT) / "esm", folder, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    files = "".join(f"      - url: file:tests/fixtures/{name}\n" for name in FILES)
    (folder / "config.yaml").write_text(f"models:\n  {VARIANT}:\n    files:\n{files}")
    monkeypatch.setattr(ESM, "folder", folder)
    monkeypatch.setattr(ESM, "default_image", image)
    return folder


def set_up(container_side: Path, image: str, *, bake: bool = False, runtime: str = "docker", **options: object) -> None:
    settings = load_settings()
    request = SetupRequest(
        model=ESM,
        runtime=runtime_named(runtime, settings),
        settings=settings,
        report=lambda line: None,
        bake=bake,
        options=replace(BuildOptions(), **options),  # type: ignore[arg-type]
    )
    BuildDockerImageSubcommand(container_side, image).run(request)


def expected(tmp_path: Path) -> list[float]:
    """What the checkpoint gives when it is mounted."""
    with ESM(image=ESM.default_image, runtime="docker", weights=FIXTURES, variant=VARIANT) as model:
        embedding: list[float] = model.predict(RECORD["sequence"])["embedding"].tolist()
        return embedding


def test_baked_weights_are_used_with_no_mount_no_network_and_no_store(
    container_side: Path, image: str, engine: DockerClient, tmp_path: Path
) -> None:
    set_up(container_side, image)
    without = layers(engine, image)
    wanted = expected(tmp_path)

    set_up(container_side, image, bake=True)
    shutil.rmtree(load_settings().weights_dir)

    facts = read_image(engine, image)
    assert facts is not None
    assert facts.baked == (VARIANT,)
    assert facts.weights == {VARIANT: {name: file_sha256(FIXTURES / name) for name in FILES}}
    assert layers(engine, image)[:-1] == without, "the weights are one layer, and the last"
    with ESM(image=image, runtime="docker") as model:
        assert model.uses_baked_weights()
        assert model.weights_dir() is None
        assert model.predict(RECORD["sequence"])["embedding"].tolist() == wanted


def test_by_hand_the_image_needs_nothing_but_its_input(container_side: Path, image: str, tmp_path: Path) -> None:
    set_up(container_side, image, bake=True)
    wanted = expected(tmp_path)

    with DockerContainer(image) as container:
        Path(container.host_dir, "in.jsonl").write_text(json.dumps(RECORD) + "\n")
        files = f"--input-file {container.container_dir}/in.jsonl --output-file {container.container_dir}/out.jsonl"
        container.run_command(f"cd /app && python run.py {files}", network_disabled=True)

        import numpy as np

        (embedding,) = Path(container.host_dir).glob("out*.npy")
        assert np.load(embedding).ravel().tolist() == wanted


def test_weights_that_the_user_names_go_before_baked_ones(container_side: Path, image: str, tmp_path: Path) -> None:
    set_up(container_side, image, bake=True)
    with ESM(image=image, runtime="docker", weights=FIXTURES) as model:
        assert not model.uses_baked_weights()
        assert model.weights_dir() == FIXTURES


def test_baking_again_is_nothing_to_do_and_other_weights_are(
    container_side: Path, image: str, engine: DockerClient
) -> None:
    set_up(container_side, image, bake=True)
    baked = engine.images.get(image).id
    set_up(container_side, image, bake=True)
    assert engine.images.get(image).id == baked

    set_up(container_side, image)
    facts = read_image(engine, image)
    assert facts is not None
    assert facts.baked == ()
    shutil.rmtree(load_settings().weights_dir)
    with ESM(image=image, runtime="docker") as model, pytest.raises(NotSetUpError):
        model.predict(RECORD["sequence"])


def test_the_local_runtime_has_no_image_to_bake_into(container_side: Path, image: str) -> None:
    with pytest.raises(SettingsError, match="--bake puts weights into an image"):
        set_up(container_side, image, bake=True, runtime="local")
    assert not load_settings().weights_dir.exists(), "nothing was fetched for it"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    """An address that has ESM's checkpoints where the real one has them."""
    (tmp_path / "hub" / "models").mkdir(parents=True)
    (tmp_path / "hub" / "regression").mkdir()
    shutil.copy(FIXTURES / FILES[0], tmp_path / "hub" / "models")
    shutil.copy(FIXTURES / FILES[1], tmp_path / "hub" / "regression")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "hub")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_esms_download_models_fetches_what_a_build_argument_names(
    container_side: Path, image: str, engine: DockerClient, hub: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if buildkit_client() is None:
        pytest.skip("no docker client on PATH can build with BuildKit")
    # A folder of packages on this machine gives the build the network of this machine, where the address is.
    (tmp_path / "packages").mkdir(exist_ok=True)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "packages"))

    set_up(container_side, image, build_args={"VARIANTS": VARIANT, "WEIGHTS_URL": hub})

    facts = read_image(engine, image)
    assert facts is not None
    assert facts.baked == (VARIANT,)
    assert not (load_settings().weights_dir / "esm").exists(), "what lies in the image is not fetched once more"
    wanted = expected(tmp_path)
    with ESM(image=image, runtime="docker") as model:
        assert model.predict(RECORD["sequence"])["embedding"].tolist() == wanted
