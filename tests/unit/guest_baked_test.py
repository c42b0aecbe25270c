"""Weights that lie in the image: found by the guest where no others are named."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from repro.guest import baked
from repro.guest.runner import Runner


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "small").mkdir()
    monkeypatch.setenv(baked.VARIABLE, str(tmp_path))
    return tmp_path


def options(**values: object) -> argparse.Namespace:
    return argparse.Namespace(device="cpu", **{"weights_dir": None, "variant": "small", **values})


def test_the_folder_of_the_variant_is_taken(root: Path) -> None:
    assert Runner.started(options()).options.weights_dir == str(root / "small")


def test_weights_that_are_named_go_first(root: Path) -> None:
    assert Runner.started(options(weights_dir="/other")).options.weights_dir == "/other"


def test_a_variant_that_is_not_there_has_none(root: Path) -> None:
    assert Runner.started(options(variant="large")).options.weights_dir is None


def test_a_model_without_variants_has_none(root: Path) -> None:
    assert Runner.started(argparse.Namespace(device="cpu", weights_dir=None)).options.weights_dir is None


def test_outside_of_such_an_image_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(baked.VARIABLE, raising=False)
    assert Runner.started(options()).options.weights_dir is None


def test_the_only_variant_in_an_image_is_the_one_that_is_meant(root: Path) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--variant", default="large")
    baked.prefer_the_only_variant(parser)
    assert parser.parse_args([]).variant == "small"

    (root / "large").mkdir()
    parser.set_defaults(variant="large")
    baked.prefer_the_only_variant(parser)
    assert parser.parse_args([]).variant == "large"
