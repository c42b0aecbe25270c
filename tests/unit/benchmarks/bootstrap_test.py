"""The bootstrap: counts against rows that are repeated and scored anew, its distribution, its seed, its threads."""

from __future__ import annotations

import numpy as np
import pytest

from repro.benchmarks.metrics import METRICS, Metric, Presorted, Resample, UndefinedMetric, bootstrap, evaluate
from repro.benchmarks.metrics import resample as resample_module
from repro.benchmarks.metrics.bootstrap import resampled_values, standard_errors
from repro.benchmarks.metrics.resample import Workspace, draw_counts
from repro.benchmarks.metrics.rows import Rows, checked_rows
from repro.errors import SettingsError
from tests.unit.benchmarks.metrics_test import NUMERIC, assay


def value_or_none(metric: Metric, of: Rows | Resample) -> float | None:
    try:
        return metric.value(of) if isinstance(of, Rows) else metric.of_resample(of)
    except UndefinedMetric:
        return None


@pytest.mark.parametrize(
    "step", [0.0, 0.003, 0.1, 1.0], ids=["no equals", "few equals", "some equals", "mostly equals"]
)
@pytest.mark.parametrize("name", NUMERIC)
def test_metric_from_counts_is_that_of_the_repeated_rows(
    name: str, step: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample_module, "_SWEPT", 16)  # several blocks, as a large assay has
    generator = np.random.default_rng(1)
    for n in range(10, 110, 3):
        presorted = Presorted(checked_rows(*assay(n, n, step)))
        resample = Resample(presorted, draw_counts(n, generator))
        expected = value_or_none(METRICS[name], resample.repeated_rows())
        assert value_or_none(METRICS[name], resample) == pytest.approx(expected, abs=1e-12)


def test_recovery_from_counts_is_that_of_the_repeated_rows() -> None:
    presorted = Presorted(checked_rows(["ACDE", "GG", "KKK"], ["ACDF", "GA", "KKK"]))
    resample = Resample(presorted, np.array([2, 0, 1], dtype=np.int32))
    assert METRICS["recovery"].of_resample(resample) == METRICS["recovery"].value(resample.repeated_rows())


def test_resample_in_the_memory_of_the_one_before_is_the_same() -> None:
    presorted, workspace = Presorted(checked_rows(*assay(2))), Workspace(200)
    for seed in range(3):
        counts = draw_counts(200, np.random.default_rng(seed))
        reused = Resample(presorted, draw_counts(200, np.random.default_rng(seed), workspace), workspace)
        for name in NUMERIC:
            assert METRICS[name].of_resample(reused) == METRICS[name].of_resample(Resample(presorted, counts))


@pytest.mark.parametrize("n", [1, 5, 8, 20])
def test_counts_are_as_many_as_there_are_rows(n: int) -> None:
    assert draw_counts(n, np.random.default_rng(0)).sum() == n


def test_counts_are_of_a_multinomial_distribution() -> None:
    generator = np.random.default_rng(0)
    n = resample_module._BLOCK + 1000  # a whole block and a part of one
    drawn = np.array([draw_counts(n, generator).copy() for _ in range(20)])
    assert (drawn.sum(axis=1) == n).all()
    for part in (drawn[:, : resample_module._BLOCK], drawn[:, resample_module._BLOCK :]):
        # A row is drawn a Poisson(1) number of times, as n goes to infinity.
        observed = np.array([(part == times).mean() for times in range(4)])
        assert observed == pytest.approx([0.3679, 0.3679, 0.1839, 0.0613], abs=0.01)


def test_standard_error_of_a_mean_is_that_of_theory() -> None:
    truth, pred, _ = assay(3, 2000)
    squares = (truth - pred) ** 2
    error = evaluate(truth, pred, metrics=["mse"], bootstrap=1000)["mse"].standard_error
    assert error == pytest.approx(squares.std() / np.sqrt(len(squares)), rel=0.08)


def test_standard_error_of_spearman_is_the_spread_over_new_assays() -> None:
    spread = np.std([evaluate(*assay(seed, 300)[:2], metrics=["spearman"])["spearman"].value for seed in range(300)])
    error = evaluate(*assay(0, 300)[:2], metrics=["spearman"], bootstrap=500)["spearman"].standard_error
    assert error == pytest.approx(spread, rel=0.2)


def test_same_seed_is_the_same_on_any_number_of_threads() -> None:
    rows = checked_rows(*assay(4))
    metrics = [METRICS[name] for name in NUMERIC]
    one = resampled_values(rows, metrics, 31, seed=7, threads=1)
    assert (resampled_values(rows, metrics, 31, seed=7, threads=3) == one).all()
    assert (resampled_values(rows, metrics, 31, seed=8, threads=3) != one).any()


def test_resamples_without_the_metric_are_told() -> None:
    # With one row in the upper class a third of the resamples do not have it.
    truth, pred = np.arange(12.0), np.arange(12.0)
    score = evaluate(truth, pred, np.r_[np.zeros(11), 1.0], ["auc"], bootstrap=300)["auc"]
    assert score.standard_error == pytest.approx(0, abs=1e-12)
    used = int(score.note.split()[3])
    assert 150 < used < 230
    assert score.note == f"standard error from {used} of 300 resamples: undefined in the others"


def test_metric_that_no_resample_has_gets_no_standard_error() -> None:
    class Never(Metric):
        name = "never"
        title = "Never"

        def value(self, rows: Rows) -> float:
            raise UndefinedMetric("never")

    error = standard_errors(checked_rows(*assay(5)), [Never()], 5)["never"]
    assert (error.value, error.undefined) == (None, 5)


@pytest.mark.parametrize("resamples", [1, -1])
def test_one_resample_gives_no_standard_error(resamples: int) -> None:
    with pytest.raises(SettingsError, match="give no standard error"):
        evaluate([1.0, 2.0], [1.0, 2.0], bootstrap=resamples)


def test_errors_of_very_many_rows_are_those_of_draws_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are estimates from 400 draws, each a standard deviation that is 3.5 % from the truth."""
    rows = checked_rows(*assay(0, 4000))
    metrics = [METRICS[name] for name in NUMERIC]
    of_all = standard_errors(rows, metrics, 400)

    monkeypatch.setattr(bootstrap, "PART_ROWS", 1000)
    of_parts = standard_errors(rows, metrics, 400)

    for name, error in of_parts.items():
        assert error.value == pytest.approx(of_all[name].value, rel=0.25), name
        assert error.resamples == (80 if name == "ndcg" else 400)


def test_parts_share_no_row_and_each_has_enough_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "PART_ROWS", 1000)
    rows = checked_rows(np.arange(4500.0), np.arange(4500.0))

    parts = bootstrap.parts_of(rows, 1000, seed=0)
    assert [len(part) for part in parts] == [1000] * 4
    assert len(np.unique(np.concatenate([part.truth for part in parts]))) == 4000
    assert len(bootstrap.parts_of(rows, 25, seed=0)) == 2
    assert len(bootstrap.parts_of(rows.take(np.arange(1999)), 1000, seed=0)) == 1
