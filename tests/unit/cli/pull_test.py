"""`repro pull`, as far as it comes without an engine."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Repro


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", f"sha256:{'A' * 64}", "0" * 64])
def test_digest_that_is_none_is_told_how_one_is_written(repro: Repro, digest: str) -> None:
    ran = repro("pull", "tutorial", "--digest", digest)
    assert (ran.code, ran.out) == (2, "")
    assert "sha256:<64 hexadecimal digits" in ran.err


def test_registry_that_is_none_is_told(repro: Repro) -> None:
    ran = repro("pull", "tutorial", "--registry", "lab")
    assert ran.code == 2
    assert "HOST/NAMESPACE" in ran.err


def test_without_an_engine_nothing_is_pulled(repro: Repro) -> None:
    ran = repro("pull", "tutorial")
    assert (ran.code, ran.out) == (5, "")
    assert "no Docker engine answers" in ran.err
