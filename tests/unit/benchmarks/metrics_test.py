"""Metrics: held against scipy, scikit-learn and ProteinGym's formulas written out; ties, constants, missing values."""

from __future__ import annotations

import math
from importlib import metadata

import numpy as np
import pytest
from sklearn.metrics import matthews_corrcoef, mean_squared_error, roc_auc_score

from repro.benchmarks.metrics import METRICS, Metric, Rows, by_name, evaluate, register
from repro.benchmarks.metrics import registry as registry_module
from repro.errors import InputError, SettingsError

NUMERIC = ["spearman", "auc", "mcc", "ndcg", "top-recall", "mse"]


def assay(seed: int, n: int = 200, step: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Measured, predicted, class; with `step` values are rounded to multiples of it, so that many are equal."""
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=n)
    pred = truth + generator.normal(size=n)
    if step:
        truth, pred = np.round(truth / step) * step, np.round(pred / step) * step
    return truth, pred, (truth > 0.3).astype(float)


def value(name: str, truth: object, pred: object, binary: object = None) -> float | None:
    return evaluate(truth, pred, binary, [name])[name].value  # type: ignore[arg-type]


def ndcg_of_proteingym(truth: np.ndarray, pred: np.ndarray) -> float:
    """ProteinGym's definition: min-max gains, the top tenth by prediction over the top tenth by measurement."""
    gains = (truth - truth.min()) / (truth.max() - truth.min())
    top = math.floor(len(truth) * 0.1)
    discounts = 1 / np.log2(np.arange(2, top + 2))
    best_predicted = gains[np.argsort(-pred, kind="stable")][:top]
    return float((best_predicted * discounts).sum() / (np.sort(gains)[::-1][:top] * discounts).sum())


def test_spearman_is_the_correlation_of_midranks() -> None:
    # ranks of the measured: 1, 2.5, 2.5, 4; of the predicted: 1, 2, 3, 4
    assert value("spearman", [0, 1, 1, 5], [1, 2, 3, 4]) == pytest.approx(4.5 / math.sqrt(4.5 * 5))


@pytest.mark.parametrize("step", [0.0, 0.5])
def test_metrics_are_those_of_their_definitions(step: float) -> None:
    truth, pred, binary = assay(1, step=step)
    called = pred >= np.median(pred)
    top = (truth >= np.percentile(truth, 90), pred >= np.percentile(pred, 90))
    expected = {
        "auc": roc_auc_score(binary, pred),
        "mcc": matthews_corrcoef(binary, called),
        "top-recall": (top[0] & top[1]).sum() / top[0].sum(),
        "mse": mean_squared_error(truth, pred),
    }
    scores = evaluate(truth, pred, binary)
    assert {name: scores[name].value for name in expected} == pytest.approx(expected)
    assert all(score.n == 200 for score in scores.values())


@pytest.mark.parametrize("n", [10, 19, 20, 101, 999])
def test_ndcg_is_proteingyms(n: int) -> None:
    truth, pred, _ = assay(n, n)
    assert value("ndcg", truth, pred) == pytest.approx(ndcg_of_proteingym(truth, pred), abs=1e-12)


def test_ndcg_of_equal_predictions_is_the_mean_over_all_their_orders() -> None:
    truth, _, _ = assay(3, 20)
    pred = np.r_[np.ones(3), np.zeros(17)]  # of the top two, three share the ranks
    generator = np.random.default_rng(0)
    shuffled = [ndcg_of_proteingym(truth[order], pred[order]) for order in map(generator.permutation, [20] * 4000)]
    assert value("ndcg", truth, pred) == pytest.approx(np.mean(shuffled), abs=0.01)


def test_no_metric_depends_on_the_order_of_the_rows() -> None:
    truth, pred, binary = assay(4, step=0.5)
    order = np.random.default_rng(0).permutation(len(truth))
    scores, shuffled = evaluate(truth, pred, binary), evaluate(truth[order], pred[order], binary[order])
    assert {n: s.value for n, s in scores.items()} == pytest.approx({n: s.value for n, s in shuffled.items()})


def test_mcc_calls_what_is_at_the_median_or_above() -> None:
    assert value("mcc", [0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [0, 0, 1, 1, 1]) == 1


def test_top_recall_counts_what_is_at_the_percentile() -> None:
    # 11 rows: the 90th percentile is the second greatest value itself, which ProteinGym counts in.
    truth = np.arange(11.0)
    pred = np.r_[np.arange(9.0), 11, 10]
    assert value("top-recall", truth, pred) == 1
    assert value("top-recall", truth, np.r_[20.0, np.arange(1.0, 11)]) == 0.5


def test_recovery_is_the_fraction_of_native_residues() -> None:
    score = evaluate(["ACDE", "GG"], ["ACDF", "GA"])
    assert list(score) == ["recovery"]
    assert score["recovery"].value == (0.75 + 0.5) / 2


def test_designed_sequence_of_another_length_names_the_row() -> None:
    with pytest.raises(InputError, match="row 2: the designed sequence has 3 residues, the native one 2"):
        evaluate(["AC", "GG"], ["AC", "GGG"])


# ------------------------------------------------------------------------------------------------ undefined, missing


@pytest.mark.parametrize("name", ["spearman", "ndcg", "top-recall"])
def test_constant_predictions_have_no_rank_metric_and_the_reason_is_said(name: str) -> None:
    truth, pred, _ = assay(5)
    score = evaluate(truth, np.full_like(pred, 2.0), metrics=[name], bootstrap=10)[name]
    assert (score.value, score.standard_error) == (None, None)
    assert score.note == "undefined: all predictions are the same (2)"


@pytest.mark.parametrize("name", ["spearman", "ndcg", "top-recall"])
def test_constant_measurements_have_no_rank_metric_and_the_reason_is_said(name: str) -> None:
    truth, pred, _ = assay(5)
    score = evaluate(np.zeros_like(truth), pred, metrics=[name])[name]
    assert score.note == "undefined: all measured values are the same (0)"


@pytest.mark.parametrize("name", ["auc", "mcc"])
def test_one_class_alone_has_no_auc_and_no_mcc(name: str) -> None:
    truth, pred, _ = assay(5)
    score = evaluate(truth, pred, np.ones_like(truth), [name])[name]
    assert score.note == "undefined: all classes are the same (1)"


def test_constant_predictions_have_the_auc_of_chance_and_no_mcc() -> None:
    truth, pred, binary = assay(5)
    scores = evaluate(truth, np.ones_like(pred), binary, ["auc", "mcc"])
    assert scores["auc"].value == 0.5
    assert scores["mcc"].note == (
        "undefined: the median of the predictions (1) is their lowest value, so it cuts nothing off"
    )


def test_a_tenth_of_nine_rows_is_no_row() -> None:
    truth, pred, _ = assay(5, 9)
    assert (
        evaluate(truth, pred, metrics=["ndcg"])["ndcg"].note == "undefined: a tenth of 9 rows is no row: 10 are needed"
    )


@pytest.mark.parametrize("wrong", [math.nan, None])
def test_missing_prediction_is_an_error_that_names_the_row(wrong: float | None) -> None:
    with pytest.raises(InputError, match=r"the predicted value of row 2 is missing"):
        evaluate([1.0, 2.0, 3.0], [1.0, wrong, 3.0])  # type: ignore[list-item]


def test_how_many_more_predictions_are_missing_is_said() -> None:
    with pytest.raises(InputError, match=r"of row 1 \(and of 1 more rows\) is missing"):
        evaluate([1.0, 2.0, 3.0], [math.nan, math.nan, 3.0])


@pytest.mark.parametrize(
    ("truth", "pred", "binary", "said"),
    [
        ([1.0, math.nan], [1.0, 2.0], None, "the measured value of row 2 is missing"),
        ([1.0, 2.0], [1.0, -math.inf], None, "the predicted value of row 2 is infinite"),
        ([1.0, 2.0], [1.0], None, "2 measured values, 1 predictions"),
        ([1.0, 2.0], [1.0, 2.0], [0, 2], "the class of row 2 is 2"),
        ([1.0, 2.0], [1.0, 2.0], [0], "1 classes"),
        ([], [], None, "no row to score"),
        ([1.0, 2.0], [1.0, "x"], None, "not every predicted value is a number"),
    ],
)
def test_values_that_cannot_be_scored_are_named(truth: list, pred: list, binary: list | None, said: str) -> None:
    with pytest.raises(InputError, match=said):
        evaluate(truth, pred, binary)


# ------------------------------------------------------------------------------------------------------------- by name


def test_all_metrics_are_those_that_the_columns_suffice_for() -> None:
    truth, pred, binary = assay(6)
    assert list(evaluate(truth, pred, binary)) == NUMERIC
    assert list(evaluate(truth, pred)) == ["spearman", "ndcg", "top-recall", "mse"]


def test_metric_that_lacks_its_classes_says_so_when_asked_for() -> None:
    with pytest.raises(SettingsError, match="auc cannot be computed: it needs the class"):
        evaluate([1.0, 2.0], [1.0, 2.0], metrics=["auc"])


def test_unknown_metric_names_the_near_one() -> None:
    with pytest.raises(SettingsError) as raised:
        by_name("spearmann")
    assert raised.value.fix == "did you mean spearman?"


@pytest.mark.parametrize("written", ["Top_recall", "top-recall", " TOP-RECALL "])
def test_names_are_taken_as_they_are_written(written: str) -> None:
    assert by_name(written).name == "top-recall"


def test_only_the_error_is_better_when_lower() -> None:
    assert [metric.name for metric in METRICS.values() if not metric.higher_is_better] == ["mse"]


class Bias(Metric):
    """Of another package: the mean of predicted less measured."""

    name = "bias"
    title = "Bias"

    def value(self, rows: Rows) -> float:
        return float((rows.pred - rows.truth).mean())


class _Distribution:
    name = "other-package"


def entry_point(name: str, value: str) -> metadata.EntryPoint:
    point = metadata.EntryPoint(name, value, registry_module.ENTRY_POINTS)
    vars(point)["dist"] = _Distribution()
    return point


def with_entry_points(monkeypatch: pytest.MonkeyPatch, *points: metadata.EntryPoint) -> registry_module.Registry:
    asked = {registry_module.ENTRY_POINTS: points}
    monkeypatch.setattr(metadata, "entry_points", lambda group: asked[group])
    return registry_module.Registry(registry_module._OWN)


def test_metric_of_another_package_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda self: Bias)
    known = with_entry_points(monkeypatch, entry_point("bias", "other_package:Bias"))
    assert list(known) == [*NUMERIC, "recovery", "bias"]
    assert isinstance(known["bias"], Bias)


def test_metric_of_another_package_that_cannot_be_loaded_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    known = with_entry_points(monkeypatch, entry_point("bias", "no_such_module_at_all:Bias"))
    with pytest.raises(SettingsError, match=r"the metric 'bias' of other-package .* cannot be loaded: ModuleNotFound"):
        known["spearman"]


def test_entry_point_of_another_name_than_its_metric_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda self: Bias)
    known = with_entry_points(monkeypatch, entry_point("prejudice", "other_package:Bias"))
    with pytest.raises(SettingsError, match="is not a Metric of that name"):
        list(known)


def test_second_metric_of_a_name_is_refused() -> None:
    class Other(Bias):
        name = "spearman"

    with pytest.raises(SettingsError, match="two metrics called 'spearman'"):
        register(Other)


def test_registered_metric_is_scored_with_the_others_and_gets_a_standard_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(METRICS, "_known", dict(METRICS))
    register(Bias)
    truth, pred, _ = assay(7)
    score = evaluate(truth, pred, bootstrap=200)["bias"]
    assert score.value == pytest.approx((pred - truth).mean())
    assert score.standard_error == pytest.approx((pred - truth).std() / math.sqrt(len(truth)), rel=0.2)


# --------------------------------------------------------------------------------------------------------------- folds


def test_fold_by_fold_is_the_mean_over_folds() -> None:
    truth, pred, _ = assay(8, 90)
    folds = [str(row % 3) for row in range(90)]
    parts = [value("spearman", truth[k::3], pred[k::3]) for k in range(3)]
    score = evaluate(truth, pred, metrics=["spearman"], folds=folds)["spearman"]
    assert score.value == pytest.approx(np.mean(parts))
    assert score.n == 90


def test_standard_error_of_folds_is_that_of_a_mean_of_independent_parts() -> None:
    truth, pred, _ = assay(8, 90)
    folds = np.arange(90) % 3
    parts = [evaluate(truth[k::3], pred[k::3], None, ["mse"], 50, seed=k)["mse"].standard_error for k in range(3)]
    score = evaluate(truth, pred, metrics=["mse"], bootstrap=50, folds=list(folds))["mse"]
    assert score.standard_error == pytest.approx(math.hypot(*parts) / 3)  # type: ignore[arg-type]


def test_metric_that_is_undefined_in_a_fold_is_undefined() -> None:
    score = evaluate([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 3.0, 4.0], metrics=["spearman"], folds=[0, 0, 1, 1])["spearman"]
    assert (score.value, score.note) == (None, "in 1 of 2 folds undefined: all predictions are the same (1)")
