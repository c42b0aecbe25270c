"""The five ESM-1v models as one variant: in the worker, from Python and in the shell."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from models.esm.tests import container
from repro.cli import main
from repro.errors import SettingsError, WeightsError
from repro.models.esm import ESM, ESM1V, ESMEnsemble

probe = container.probe
container_module = container.container_module

ENSEMBLE = "esm1v_t33_650M_UR90S"
WILD_TYPE = "MKTAYIAKQR"
MUTANTS = ["A4G", "K2R:A4G", "MRTAYIAKQR"]


@pytest.fixture(scope="module")
def weights(probe, tmp_path_factory):
    """Five tiny checkpoints of random weights under the published names."""
    folder = tmp_path_factory.mktemp("esm1v")
    for seed, name in enumerate(ESM1V):
        sizes = {"layers": 2, "width": 16, "heads": 2}
        probe.make(path=folder / f"{name}.pt", family="esm1v", seed=seed, contacts=False, **sizes)
    return folder


def test_the_variant_has_the_five_models_and_no_others():
    variant = ESM.config().variant(ENSEMBLE)

    assert tuple(file.name for file in variant.files) == tuple(f"{name}.pt" for name in ESM1V)
    assert [file.url for file in variant.files] == [ESM.config().variant(name).files[0].url for name in ESM1V]
    assert [name for name in ESM.config().variants if ESM.is_ensemble(name)] == [ENSEMBLE]


@pytest.mark.parametrize("strategy", ["masked-marginals", "wt-marginals", "pseudo-ppl"])
def test_its_score_is_the_mean_of_its_members(weights, strategy):
    with ESMEnsemble(weights=weights, runtime="local") as in_turns:
        each = in_turns.score_variants_each(WILD_TYPE, MUTANTS, strategy)

    with ESM(variant=ENSEMBLE, weights=weights, runtime="local") as model:
        mean = model.score_variants(WILD_TYPE, MUTANTS, strategy)
        records = [{"sequence": WILD_TYPE, "mutant": mutant} for mutant in MUTANTS]
        rows = model.predict_batch(records, strategy=strategy, members=True)

    assert len({tuple(scores) for scores in each.values()}) == 5
    np.testing.assert_allclose(mean, np.mean(list(each.values()), axis=0), atol=1e-4)
    for row, index in zip(rows, range(3), strict=True):
        assert row["score"] == pytest.approx(mean[index], abs=1e-4)
        members = [row[f"score_{number}"] for number in range(1, 6)]
        np.testing.assert_allclose(members, [scores[index] for scores in each.values()], atol=1e-4)


def test_a_list_of_mutants_and_a_matrix_have_the_members_as_first_axis(weights):
    with ESM(variant=ENSEMBLE, weights=weights, runtime="local", members=True) as model:
        listed, scan = model.predict_batch([{"sequence": WILD_TYPE, "mutant": MUTANTS}, {"sequence": WILD_TYPE}])

    assert listed["member_scores"].shape == (5, 3)
    assert scan["member_log_odds"].shape == (5, 10, 20)
    np.testing.assert_allclose(listed["member_scores"].mean(0), listed["scores"])
    np.testing.assert_allclose(scan["member_log_odds"].mean(0), scan["log_odds"], atol=1e-6)


@pytest.mark.parametrize("members", [False, True])
def test_a_table_gets_the_mean_and_on_request_each_member(weights, tmp_path, monkeypatch, members):
    table = tmp_path / "in.csv"
    table.write_text("mutant,dms\nK2R,1.5\nA4G:K2R,2\nT3T,3\n")
    monkeypatch.setenv("REPRO_RUNTIME", "local")
    words = ["predict", "esm", table, "-o", tmp_path / "out.csv", "--variant", ENSEMBLE, "--task", "score"]
    words += ["--wild-type", WILD_TYPE, "--weights", weights, *(["--members"] if members else [])]

    assert main(list(map(str, words))) == 0

    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    each = [f"score_{number}" for number in range(1, 6)] if members else []
    assert list(rows[0]) == ["dms", "mutant", "score", *each]
    assert float(rows[2]["score"]) == 0
    if members:
        mean = np.mean([[float(row[name]) for name in each] for row in rows], axis=1)
        np.testing.assert_allclose(mean, [float(row["score"]) for row in rows], atol=1e-6)


def test_a_record_that_cannot_be_scored_fails_alone(probe, weights):
    records = [{"sequence": WILD_TYPE, "mutant": "A4G"}, {"sequence": WILD_TYPE, "mutant": "A5G"}]

    told = probe.passes_of_batches(weights=weights, variant=ENSEMBLE, batches=[records], task="score")

    scored, failed = told["answers"][0]
    assert failed == "A5G: the wild type has Y there"
    assert isinstance(scored["score"], float)
    assert told["passes"] == [[12] * 5]


def test_it_does_not_embed(probe, weights):
    with pytest.raises(SettingsError, match="is an ensemble: it scores mutants, and does not embed") as caught:
        ESM(variant=ENSEMBLE, weights=weights, runtime="local", task="embed").predict(WILD_TYPE)
    assert f"{ENSEMBLE}_1" in caught.value.fix

    told = probe.passes_of_batches(weights=weights, variant=ENSEMBLE, batches=[[{"sequence": "MK"}]])
    assert f"embed with one of its members, such as {ENSEMBLE}_1" in told["answers"][0][0]


def test_a_member_that_is_missing_is_named(weights, tmp_path):
    for name in ESM1V[:4]:
        (tmp_path / f"{name}.pt").symlink_to(weights / f"{name}.pt")

    with pytest.raises(WeightsError, match=f"lacks what {ENSEMBLE} needs: {ESM1V[4]}.pt"):
        ESM(variant=ENSEMBLE, weights=tmp_path, runtime="local").score_variants(WILD_TYPE, MUTANTS)
