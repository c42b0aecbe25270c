"""The fast engine against the published code, on checkpoints that fair-esm makes with random weights."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.esm.tests import container

checkpoints = container.checkpoints
probe = container.probe

TINY = 1e-5  # largest absolute difference, fp32
DEEP = 2e-4
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
LETTERS = [*AMINO_ACIDS, *"XBUZO.-", "<mask>"]
FAMILIES = ("esm2", "esm1b", "esm1v")
EVERYTHING = {"embeddings": ["mean", "bos", "residue"], "logits": True}


def protein(length: int, seed: int = 0) -> str:
    return "".join(random.Random(seed).choices(AMINO_ACIDS, k=length))


def assert_close(worst: dict[str, float], tolerance: float, rounding: float = 0.0) -> None:
    """Differences are within the tolerance; those of logits also where fair-esm's own rounding is larger than it.

    The norm in the head of a tiny random model may divide by next to nothing, and fair-esm in fp32 is then itself 1e-5
    away from the true value.
    """
    assert worst
    for name, difference in worst.items():
        allowed = max(tolerance, 3 * rounding) if name == "logits" else tolerance
        assert difference <= allowed, (name, difference, rounding)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    family=st.sampled_from(FAMILIES),
    layers=st.integers(1, 4).flatmap(
        lambda count: st.tuples(st.just(count), st.lists(st.integers(0, count), min_size=1, max_size=3))
    ),
    heads=st.sampled_from([1, 2, 5]),
    head_width=st.sampled_from([2, 6, 8, 16]),
    seed=st.integers(0, 2**31),
    token_dropout=st.booleans(),
    sequences=st.lists(
        st.lists(st.sampled_from(LETTERS), min_size=1, max_size=40).map("".join), min_size=1, max_size=8
    ),
    wanted=st.fixed_dictionaries(
        {
            "embeddings": st.lists(st.sampled_from(["mean", "bos", "residue"]), min_size=1, unique=True),
            "logits": st.booleans(),
            "contacts": st.booleans(),
            "budget": st.sampled_from([1, 30, 1024]),
            "rows_multiple": st.sampled_from([1, 64]),  # as for bf16
        }
    ),
)
def test_any_checkpoint_and_any_sequences_give_what_fair_esm_gives(
    probe, tmp_path_factory, family, layers, heads, head_width, seed, token_dropout, sequences, wanted
):
    path = tmp_path_factory.mktemp("any") / "any.pt"
    count, chosen = layers
    sizes = {"layers": count, "width": heads * head_width, "heads": heads}
    probe.make(path=path, family=family, seed=seed, token_dropout=token_dropout, **sizes)

    worst = probe.compare(path=path, sequences=sequences, layers=chosen, **wanted)

    assert_close(worst, TINY, probe.rounding(path=path, sequences=sequences) if wanted["logits"] else 0.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_lengths_from_one_to_the_longest_in_one_batch(probe, checkpoints, family):
    sequences = [protein(length, length) for length in (1022, 1, 2, 3, 517, 64, 64, 511, 1021, 1)]

    worst = probe.compare(
        path=checkpoints[family], sequences=sequences, layers=[0, 1, -1], contacts=False, **EVERYTHING
    )

    assert_close(worst, TINY, probe.rounding(path=checkpoints[family], sequences=sequences))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "wanted",
    [
        {"embeddings": ["bos"]},
        {"embeddings": ["bos"], "layers": [0, 2]},
        {"embeddings": ["bos"], "contacts": True},
        {"embeddings": [], "contacts": True},
        {"embeddings": [], "logits": True},
        {"embeddings": ["mean"], "layers": [1], "contacts": True},
        {"embeddings": ["mean", "bos"], "layers": [-1, -1, 0]},
        {"embeddings": [], "layers": [-1]},
    ],
    ids=str,
)
def test_each_part_of_a_result_is_right_when_it_is_asked_for_alone(probe, checkpoints, family, wanted):
    asked = {"layers": [-1], "logits": False, "contacts": False, **wanted}
    sequences = ["MKTAYIAK", "MK<mask>LV<mask><mask>A", "M", "WXBUZO.-W", "MKTAYIAK"]

    worst = probe.compare(path=checkpoints[family], sequences=sequences, **asked)

    for name, difference in worst.items():
        assert difference <= (2 * TINY if name == "logits" else TINY), name


@pytest.mark.parametrize("family", FAMILIES)
def test_full_depth(probe, tmp_path, family):
    path = tmp_path / "deep.pt"
    probe.make(path=path, family=family, layers=33, width=40, heads=5, seed=3)
    sequences = [protein(length, length) for length in (5, 120, 33, 120)]

    worst = probe.compare(path=path, sequences=sequences, layers=[-1, 16], contacts=True, **EVERYTHING)

    assert_close(worst, DEEP)


@pytest.mark.parametrize(
    ("wanted", "tokens_a_layer"),
    [
        ({"layers": [0]}, []),
        ({"layers": [1]}, [10]),
        ({"layers": [2, 1]}, [10, 10]),
        ({"embeddings": ["bos"]}, [10, 10, 1]),
        ({"embeddings": [], "contacts": True}, [10, 10]),
        ({"embeddings": []}, []),
    ],
    ids=str,
)
def test_nothing_is_computed_that_was_not_asked_for(probe, checkpoints, wanted, tokens_a_layer):
    asked = {"layers": [-1], "embeddings": ["mean"], "logits": False, "contacts": False, **wanted}

    assert probe.layers_used(path=checkpoints["esm2"], **asked) == tokens_a_layer


def test_a_checkpoint_is_never_held_twice(probe, tmp_path):
    path = tmp_path / "wide.pt"
    probe.make(path=path, family="esm2", layers=6, width=512, heads=8, seed=0, contacts=False)

    taken, size, _ = probe.private_bytes(path=path)

    # Queries, keys and values are copied, a quarter of a layer; all else stays in the mapped file.
    assert taken < 0.4 * size


def test_neither_fair_esm_nor_a_compiler_is_imported(probe, checkpoints):
    assert probe.imported(path=checkpoints["esm2"]) == "[]"


def test_attention_in_one_kernel_for_gpus_is_that_of_each_sequence(probe):
    off, chosen = probe.attention_of_gpus(lengths=[7, 7, 3, 40, 1, 1], heads=3, head_width=8)

    assert off < 1e-5
    assert chosen == ["Packed", "Packed", "Packed"]  # that kernel computes in half precision alone


@pytest.mark.parametrize("family", FAMILIES)
def test_bf16_is_near_fp32(probe, tmp_path, family):
    path = tmp_path / "bf16.pt"
    probe.make(path=path, family=family, layers=6, width=64, heads=4, seed=1)

    of_means, of_logs = probe.deviation(
        path=path, sequences=[protein(length, length) for length in (1022, 40, 300, 41)]
    )

    assert 0 < of_means < 1e-3
    assert 0 < of_logs < 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"drop": "layers.1.fc1.bias"}, "it has no layers.1.fc1.bias"),
        ({"drop": "lm_head.weight"}, "it has no lm_head.weight"),
        ({"cut": "layers.0.fc2.weight"}, "layers.0.fc2.weight is 15 x 64, not 16 x 64"),
        ({"cut": "emb_layer_norm_after.weight"}, "emb_layer_norm_after.weight is 15, not 16"),
        ({"add": "layers.0.adapter"}, "it also holds layers.0.adapter"),
        ({"say": {"encoder_layers": 3}}, "it describes 3 layers and holds 2"),
        ({"say": {"encoder_attention_heads": 3}}, "16 numbers cannot be divided among 3 heads"),
        ({"say": {"encoder_attention_heads": "many"}}, "it says 'many' for its attention_heads"),
    ],
    ids=str,
)
def test_a_checkpoint_that_is_not_what_it_describes_is_refused(probe, tmp_path, change, message):
    path = tmp_path / "wrong.pt"
    probe.make(path=path, family="esm2", layers=2, width=16, heads=2, seed=0, contacts=False, change=change)

    with pytest.raises(Exception, match="does not hold the model that it describes") as caught:
        probe.compare(path=path, sequences=["MK"], layers=[-1], contacts=False, **EVERYTHING)

    assert caught.value.kind == "CheckpointError"
    assert message in caught.value.message
