"""`repro publish`, as far as it comes without an engine."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Repro

WORDS = ("publish", "tutorial", "--registry")


def test_registry_has_to_be_named(repro: Repro) -> None:
    ran = repro("publish", "tutorial")
    assert ran.code == 2
    assert "--registry" in ran.err


@pytest.mark.parametrize("registry", ["lab", "lab/models", "https://example.org/lab", "example.org", "example.org/Lab"])
def test_registry_that_is_none_is_told_how_one_is_written(repro: Repro, registry: str) -> None:
    ran = repro(*WORDS, registry)
    assert (ran.code, ran.out) == (2, "")
    assert repr(registry) in ran.err
    assert "do: " in ran.err


def test_password_in_the_name_of_a_registry_is_refused_and_not_shown(repro: Repro) -> None:
    ran = repro(*WORDS, "ada:hunter2@example.org/lab", "--debug")
    assert ran.code == 2
    assert "docker login" in ran.err
    assert "hunter2" not in ran.err


def test_model_that_is_not_known_is_told_before_anything_else(repro: Repro) -> None:
    ran = repro("publish", "tutoral", "--registry", "example.org/lab")
    assert ran.code == 2
    assert "did you mean tutorial" in ran.err


def test_bill_of_materials_is_written_or_not(repro: Repro) -> None:
    ran = repro(*WORDS, "example.org/lab", "--sbom", "here.json", "--no-sbom")
    assert ran.code == 2
    assert "exclude each other" in ran.err


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_without_an_engine_nothing_is_published(repro: Repro, more: list[str]) -> None:
    ran = repro(*WORDS, "example.org/lab", *more)
    assert (ran.code, ran.out) == (5, "")
    assert "no Docker engine answers" in ran.err
