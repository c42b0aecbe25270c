"""Names of base images, as registries and engines read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import SettingsError
from repro.images.bases import _name_and_tag, _pinned, _registry, own_base

DIGEST = "sha256:" + 64 * "0"


@pytest.mark.parametrize(
    ("name", "registry"),
    [
        ("python:3.11", ("registry-1.docker.io", 443)),
        ("library/python:3.11", ("registry-1.docker.io", 443)),
        ("docker.io/library/python:3.11", ("registry-1.docker.io", 443)),
        ("ghcr.io/owner/image:1", ("ghcr.io", 443)),
        ("127.0.0.1:5000/image", ("127.0.0.1", 5000)),
        ("localhost/image", ("localhost", 443)),
    ],
)
def test_the_registry_of_an_image_is_the_first_part_of_its_name(name: str, registry: tuple[str, int]) -> None:
    assert _registry(name) == registry


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("python", ("python", "latest")),
        ("127.0.0.1:5000/a/b:1.0", ("127.0.0.1:5000/a/b", "1.0")),
        (f"127.0.0.1:5000/a@{DIGEST}", ("127.0.0.1:5000/a", "latest")),
    ],
)
def test_the_port_of_a_registry_is_no_tag(name: str, parts: tuple[str, str]) -> None:
    assert _name_and_tag(name) == parts


def test_a_digest_is_put_behind_a_tag_and_not_behind_a_digest() -> None:
    assert _pinned("python:3.11", DIGEST) == f"python:3.11@{DIGEST}"
    assert _pinned(f"python@{DIGEST}", "sha256:" + 64 * "1") == f"python@{DIGEST}"


def test_a_base_that_is_made_here_is_found_by_its_image(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "config.yaml").write_text("image: a/torch:1\n")

    assert own_base("a/torch:1", tmp_path) == tmp_path / "torch"
    assert own_base("a/torch:2", tmp_path) is None
    assert own_base("a/torch:1", tmp_path / "absent") is None


def test_the_config_of_a_base_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "config.yaml").write_text("image: [\n")

    with pytest.raises(SettingsError, match=r"config\.yaml"):
        own_base("a/torch:1", tmp_path)
