"""Scores of mutants against a naive loop with fair-esm, and what they cost."""

from __future__ import annotations

import math
import random

import pytest

from models.esm.tests import container

checkpoints = container.checkpoints
container_module = container.container_module
probe = container.probe

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
FAMILIES = ("esm2", "esm1b", "esm1v")
STRATEGIES = ("masked-marginals", "wt-marginals", "pseudo-ppl")
TOLERANCE = 2e-4  # of a sum of differences of two logits, each within 1e-5 or the rounding of a tiny random model
WILD_TYPE = "".join(random.Random(7).choices(AMINO_ACIDS, k=31))


def protein(length: int, seed: int = 0) -> str:
    return "".join(random.Random(seed).choices(AMINO_ACIDS, k=length))


def mutants_of(sequence: str, count: int, offset: int, seed: int = 0) -> list[list[tuple[str, int, str]]]:
    """Random mutants with one to three substitutions, as (old, number, new)."""
    chance = random.Random(seed)
    mutants = []
    for _ in range(count):
        places = chance.sample(range(len(sequence)), chance.randint(1, 3))
        mutants.append([(sequence[place], place + offset, chance.choice(AMINO_ACIDS)) for place in places])
    return mutants


def name_of(mutant: list[tuple[str, int, str]]) -> str:
    return ":".join(f"{old}{number}{new}" for old, number, new in mutant)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_scores_are_those_of_a_loop_over_positions_with_fair_esm(probe, checkpoints, family, strategy, engine):
    mutants = mutants_of(WILD_TYPE, 4, offset=24)
    expected = probe.naive(path=checkpoints[family], wild_type=WILD_TYPE, mutants=mutants, strategy=strategy, offset=24)
    records = [{"sequence": WILD_TYPE, "mutant": name_of(mutant)} for mutant in mutants]

    one_by_one = probe.score(path=checkpoints[family], records=records, strategy=strategy, offset=24, kind=engine)
    together = probe.score(
        path=checkpoints[family],
        records=[{"mutant": [name_of(mutant) for mutant in mutants]}],
        strategy=strategy,
        offset=24,
        wild_type=WILD_TYPE,
        kind=engine,
    )

    assert [row["mutant"] for row in one_by_one] == [name_of(mutant) for mutant in mutants]
    assert [row["score"] for row in one_by_one] == pytest.approx(expected, abs=TOLERANCE)
    assert together[0]["scores"] == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_mutated_sequence_scores_as_its_name(probe, checkpoints, strategy):
    (mutant,) = mutants_of(WILD_TYPE, 1, offset=1, seed=5)
    letters = list(WILD_TYPE)
    for _, number, new in mutant:
        letters[number - 1] = new

    named, spelt = probe.score(
        path=checkpoints["esm2"],
        records=[{"sequence": WILD_TYPE, "mutant": one} for one in (name_of(mutant), "".join(letters))],
        strategy=strategy,
    )

    assert spelt["score"] == pytest.approx(named["score"], abs=TOLERANCE)


@pytest.mark.parametrize("strategy", ["masked-marginals", "wt-marginals"])
def test_without_a_mutant_there_are_the_log_odds_of_all_substitutions(probe, checkpoints, strategy):
    substitutions = [(WILD_TYPE[place], place + 1, new) for place in (0, 13, 30) for new in "AWY"]
    expected = probe.naive(
        path=checkpoints["esm1v"],
        wild_type=WILD_TYPE,
        mutants=[[one] for one in substitutions],
        strategy=strategy,
        offset=1,
    )

    (result,) = probe.score(path=checkpoints["esm1v"], records=[{"sequence": WILD_TYPE}], strategy=strategy)

    matrix = result["log_odds"]
    assert (len(matrix), len(matrix[0])) == (31, 20)
    found = [matrix[number - 1][AMINO_ACIDS.index(new)] for _, number, new in substitutions]
    assert found == pytest.approx(expected, abs=TOLERANCE)
    assert all(row[AMINO_ACIDS.index(letter)] == 0 for row, letter in zip(matrix, WILD_TYPE, strict=True))


def test_pseudo_ppl_scores_insertions_and_deletions_and_the_marginals_refuse_them(probe, checkpoints):
    records = [{"sequence": WILD_TYPE, "mutant": WILD_TYPE[:10] + WILD_TYPE[12:]}]

    (scored,) = probe.score(path=checkpoints["esm2"], records=records, strategy="pseudo-ppl")
    (refused,) = probe.score(path=checkpoints["esm2"], records=records, strategy="masked-marginals")

    assert math.isfinite(scored["score"])
    assert refused == "the mutated sequence has 29 residues and the wild type 31: only pseudo-ppl scores these"


def test_each_position_is_computed_once_however_many_mutants_share_it(probe, checkpoints):
    names = [f"{WILD_TYPE[place]}{place + 1}{new}" for place in (2, 5) for new in AMINO_ACIDS]
    both = ":".join([names[0], names[-1]])
    records = [{"sequence": WILD_TYPE, "mutant": one} for one in [*names, both, *names]]

    told = probe.passes(path=checkpoints["esm2"], records=records, strategy="masked-marginals")

    assert told == {"batches": [[33, 33]], "budget": 1 << 20, "results": 81}


def test_wt_marginals_take_one_pass_a_wild_type(probe, checkpoints):
    records = [{"sequence": WILD_TYPE, "mutant": f"{WILD_TYPE[3]}4A"}, {"sequence": "MKTA"}, {"sequence": WILD_TYPE}]

    told = probe.passes(path=checkpoints["esm2"], records=records, strategy="wt-marginals")

    assert told["batches"] == [[33, 6]]


@pytest.mark.parametrize("residues", [1022, 1023, 1500, 2100, 2600])
@pytest.mark.parametrize("window", [1024, 64])
def test_windows_cover_a_protein_as_those_of_proteingym(container_module, window, residues):
    windows = container_module("windows")
    length = residues + 2

    starts = windows.overlapping_windows(length, window)

    assert starts[0] == 0
    assert all(0 <= start <= max(0, length - window) for start in starts)
    assert {place for start in starts for place in range(start, min(start + window, length))} == set(range(length))
    for place in range(length):
        start, end = windows.optimal_window(place, length, window)
        assert start <= place < end
        assert end - start == min(window, length)
        is_inner = window // 2 <= place < length - window // 2
        assert not is_inner or place - start == window // 2


@pytest.mark.parametrize("residues", [63, 90, 131, 200])
def test_a_long_protein_is_seen_through_overlapping_windows_as_by_proteingym(probe, tmp_path, residues):
    path = tmp_path / "short.pt"  # a model of 64 positions: the same as one of 1,024, and quicker
    probe.make(path=path, family="esm1b", layers=2, width=16, heads=2, seed=2, positions=64)
    sequence = protein(residues)

    expected = probe.windowed(path=path, sequence=sequence, window=64)

    found = probe.everywhere(path=path, sequence=sequence)
    assert len(found) == residues + 2
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=TOLERANCE)


def test_a_masked_position_of_a_long_protein_is_seen_through_the_window_round_it(probe, tmp_path):
    path = tmp_path / "short.pt"
    probe.make(path=path, family="esm1b", layers=2, width=16, heads=2, seed=2, positions=64)
    sequence = protein(200)
    records = [{"sequence": sequence, "mutant": f"{sequence[place]}{place + 1}W"} for place in (0, 100, 199)]

    told = probe.passes(path=path, records=records, strategy="masked-marginals")
    scored = probe.score(path=path, records=records, strategy="masked-marginals")

    assert told["batches"] == [[64, 64, 64]]
    again = probe.score(path=path, records=records, strategy="masked-marginals", kind="reference")
    assert [row["score"] for row in scored] == pytest.approx([row["score"] for row in again], abs=TOLERANCE)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"sequence": ""}, "the sequence is empty"),
        ({"sequence": "mkta", "mutant": "K2R"}, "position 1 holds 'm': ESM has no token for lower-case letters"),
        ({"sequence": "MKTA", "mutant": "K2"}, "'K2' is no substitution such as A42G"),
        ({"sequence": "MKTA", "mutant": "K2J"}, "'K2J' is no substitution such as A42G"),
        ({"sequence": "MKTA", "mutant": "A5G"}, "A5G is out of range: positions go from 1 to 4"),
        ({"sequence": "MKTA", "mutant": "K0G"}, "K0G is out of range: positions go from 1 to 4"),
        ({"sequence": "MKTA", "mutant": "R2K"}, "R2K: the wild type has K there"),
        ({"sequence": "MKTA", "mutant": "K2R:K2A"}, "K2R:K2A names one position twice"),
        ({"sequence": "MKTA", "mutant": ["K2R", "K2*"]}, "'K2*' is no substitution such as A42G"),
        ({"sequence": "MKTA", "mutant": ""}, "the sequence is empty"),
    ],
    ids=str,
)
def test_a_record_that_cannot_be_scored_fails_alone(probe, checkpoints, record, message):
    good = {"sequence": "MKTA", "mutant": "K2R"}

    first, failed, last = probe.score(
        path=checkpoints["esm2"], records=[good, record, good], strategy="masked-marginals"
    )

    assert message in failed
    assert first == last
