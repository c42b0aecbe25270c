"""What is computed when a call comes in several batches: nothing twice, within a bounded memory."""

from __future__ import annotations

import random

import pytest

from models.esm.tests import container

checkpoints = container.checkpoints
probe = container.probe

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
WILD_TYPE = "".join(random.Random(7).choices(AMINO_ACIDS, k=31))


@pytest.fixture
def ask(probe, checkpoints):
    """Asks run.py on a tiny ESM-2."""

    def batches(records, **options):
        weights = checkpoints["esm2"]
        return probe.passes_of_batches(weights=weights, variant="esm2", batches=records, **options)

    return batches


def mutants(places):
    names = [f"{WILD_TYPE[place]}{place + 1}{new}" for place in places for new in AMINO_ACIDS]
    return [{"sequence": WILD_TYPE, "mutant": name} for name in names]


def test_a_sequence_that_comes_again_in_a_later_batch_is_not_computed_again(ask):
    first = [{"sequence": "MKTA"}, {"sequence": "MK"}, {"sequence": "MKTA"}]
    second = [{"sequence": "MKV"}, {"sequence": "MKTA"}, {"sequence": ""}, {"sequence": "MKV"}, {"sequence": "MK"}]

    told = ask([first, second, second])

    assert told["passes"] == [[4, 6], [5], []]
    mkta, mk, _ = told["answers"][0]
    mkv, *_ = told["answers"][1]
    for answers in told["answers"][1:]:
        assert answers == [mkv, mkta, "the sequence is empty", mkv, mk]


def test_another_call_has_the_same_sequences_and_positions_computed_again(ask):
    embedded = ask([[{"sequence": "MKTA"}]] * 2, each_a_call=True)
    scored = ask([mutants([2])] * 2, each_a_call=True, task="score")

    assert embedded["passes"] == [[6], [6]]
    assert scored["passes"] == [[33], [33]]


def test_another_question_about_the_same_sequence_is_computed(probe, checkpoints):
    records = [[{"sequence": "MKTA"}]]
    options = {"weights": checkpoints["esm2"], "variant": "esm2", "batches": records * 2}

    means = probe.passes_of_batches(**options)
    whole = probe.passes_of_batches(embeddings=["residue"], **options)

    assert list(means["answers"][1][0]) == ["embedding"]
    assert list(whole["answers"][1][0]) == ["residue_embeddings"]
    assert means["passes"] == whole["passes"] == [[6], []]


def test_a_masked_position_is_computed_once_however_many_batches_have_mutants_of_it(ask):
    told = ask([mutants([2, 5]), mutants([5, 9]), mutants([9, 2]), [{"sequence": WILD_TYPE}]], task="score")

    assert [len(passes) for passes in told["passes"]] == [2, 1, 0, 28]  # at last all positions but those three
    (scan,) = told["answers"][3]
    for batch, places in ((0, [2, 5]), (1, [5, 9]), (2, [9, 2])):
        scores = [answer["score"] for answer in told["answers"][batch]]
        expected = [value for place in places for value in scan["log_odds"][place]]
        assert scores == pytest.approx(expected, abs=1e-6)


def test_a_list_of_mutants_and_the_same_in_batches_share_their_positions(ask):
    together = {"sequence": WILD_TYPE, "mutant": [one["mutant"] for one in mutants([1, 2, 3])]}

    told = ask([[together], mutants([1, 3])], task="score")

    assert [len(passes) for passes in told["passes"]] == [3, 0]


def test_the_marginals_of_a_wild_type_take_one_pass_for_all_batches(ask):
    told = ask([mutants([2]), mutants([7]), [{"sequence": "MKTA"}]], task="score", strategy="wt-marginals")

    assert told["passes"] == [[33], [], [6]]


def test_a_mutant_that_comes_again_has_its_pseudo_perplexity_computed_once(ask):
    told = ask([mutants([2])[:2], mutants([2])[1:2]], task="score", strategy="pseudo-ppl")

    # With the mutated position masked the two are the same: 30 passes each, and one for both.
    assert [len(passes) for passes in told["passes"]] == [61, 0]
    assert told["answers"][1] == told["answers"][0][1:]


@pytest.mark.parametrize("most_bytes", [0, 20_000])
def test_what_is_remembered_is_bounded_and_the_oldest_is_forgotten(ask, most_bytes):
    records = [[{"sequence": "A" * length}] for length in range(1, 100)]

    told = ask([*records, records[0], records[-1]], most_bytes=most_bytes)

    assert all(bytes_ <= most_bytes for bytes_ in told["remembered"])
    assert told["passes"][-2] == [3]
    assert told["passes"][-1] == ([] if most_bytes else [101])
    assert told["answers"][-1] == told["answers"][98]


def test_many_wild_types_in_one_batch_get_each_their_own(probe, checkpoints):
    wild_types = [WILD_TYPE[:length] for length in (8, 31, 8, 12, 31, 20)]
    records = [{"sequence": one, "mutant": f"{one[3]}4W"} for one in wild_types]
    records.insert(3, {"sequence": "MK*"})
    options = {"weights": checkpoints["esm1b"], "variant": "esm1b", "task": "score"}

    together = probe.passes_of_batches(batches=[records], **options)
    alone = probe.passes_of_batches(batches=[[one] for one in records], most_bytes=0, **options)

    scores = [answer if isinstance(answer, str) else answer["score"] for answer in together["answers"][0]]
    others = [answer if isinstance(answer, str) else answer["score"] for (answer,) in alone["answers"]]
    assert "position 3 holds '*'" in scores.pop(3)
    others.pop(3)
    assert scores == pytest.approx(others, abs=1e-5)
    assert len(together["passes"][0]) == 4
