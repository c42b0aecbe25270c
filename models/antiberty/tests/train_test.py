"""`train` of AntiBERTy on real antibodies, against scores that the package itself computes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from models.antiberty.tests import GOLDEN_ROOT
from repro.errors import InputFileError, TrainingError
from repro.guest.assays import Assay, Dataset, ModelCard
from repro.models.antiberty import AntiBERTy
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings

TARGET = "affinity"
CHANCE = -math.log(20)  # of a guess among the amino acids
TOLERANCE = 1e-5  # of the mean of ln p, as in golden.yaml


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (GOLDEN_ROOT / name).read_text().splitlines()]


CHAINS = {row["id"]: row["sequence"] for row in lines("antibodies.jsonl")}
SCORES = dict(zip(CHAINS, (row["pseudo_log_likelihood"] for row in lines("all_scores.jsonl")), strict=True))


def dataset(table: dict[str, list[Any]]) -> Dataset:
    rows = len(table["sequence"])
    return Dataset("antibodies", {TARGET: Assay(TARGET)}, {**table, TARGET: [float(row) for row in range(rows)]})


def trained(table: dict[str, list[Any]], out: Path, **hyper_params: Any) -> list[float]:
    with AntiBERTy(runtime="local") as model:
        result = model.train(dataset(table), out, hyper_params=hyper_params)
    with result.predictions.open(newline="") as file:
        return [float(row["pred"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module", autouse=True)
def _environment():
    choose_runtime("local", load_settings()).setup(AntiBERTy.spec(), lambda line: None)


def test_the_packages_scores_of_all_the_antibodies_are_above_chance():
    whole = {name: score for name, score in SCORES.items() if "_1-" not in name}

    assert len(whole) == 43
    assert sum(whole.values()) / len(whole) > CHANCE
    assert all(score > CHANCE for score in whole.values())


def test_real_heavy_and_light_chains_score_as_by_the_package_and_well_above_chance(tmp_path):
    names = ["trastuzumab_heavy", "trastuzumab_light"]

    found = trained({"sequence": [CHAINS[name] for name in names]}, tmp_path / "out")

    assert found == pytest.approx([SCORES[name] for name in names], abs=TOLERANCE)
    assert sum(found) / len(found) > CHANCE


def test_an_index_beside_the_right_one_would_be_seen(tmp_path):
    """Natural residues are likely where they stand, and not at their neighbour's place: a broken index is near, or
    below, chance."""
    chain = CHAINS["trastuzumab_heavy_1-30"]

    natural, shuffled = trained({"sequence": [chain, chain[::-1]]}, tmp_path / "out")

    assert natural == pytest.approx(SCORES["trastuzumab_heavy_1-30"], abs=TOLERANCE)
    assert natural > CHANCE > shuffled


def test_an_antibody_of_two_chains_is_scored_by_the_residues_of_both(tmp_path):
    heavy, light = CHAINS["trastuzumab_heavy_1-30"], CHAINS["trastuzumab_heavy_1-9"]
    one, other = (SCORES[name] for name in ("trastuzumab_heavy_1-30", "trastuzumab_heavy_1-9"))

    (found,) = trained(
        {"sequence": [heavy], "heavy": [heavy], "light": [light]}, tmp_path / "out", chain_columns=["heavy", "light"]
    )

    assert found == pytest.approx((30 * one + 9 * other) / 39, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("sequences", "hyper_params", "message"),
    [
        (["EVQL", "EVQ*"], {}, "row 2: position 4 holds '\\*'"),
        (
            ["EVQL", "EVX"],
            {},
            "row 2: position 3 holds 'X': only residues that are known have a likelihood\ndo: leave these rows",
        ),
        (["EVQL"], {"chain_columns": ["heavy"]}, "has no column 'heavy'"),
    ],
)
def test_what_has_no_likelihood_is_named_with_its_row(tmp_path, sequences, hyper_params, message):
    with pytest.raises((InputFileError, TrainingError), match=message):
        trained({"sequence": sequences}, tmp_path / "out", **hyper_params)


def test_the_readme_is_a_model_card():
    assert ModelCard.from_path(Path(__file__).parents[1] / "README.md").name == "antiberty"
