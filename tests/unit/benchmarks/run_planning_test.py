"""From a benchmark's file to cells: what a cell is known by, and what is told before the first one begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from repro.benchmarks.inputs import choose_rows
from repro.benchmarks.planning import Plan, make_plan
from repro.benchmarks.spec import read_spec
from repro.errors import InputFileError, ModelNotFoundError, NotSetUpError, ReproError, SettingsError
from repro.guest.assays import Dataset
from tests.benchmark_package import place, write_assay

pytestmark = pytest.mark.usefixtures("place")
__all__ = ["place"]


def plan_of(text: str) -> Plan:
    Path("spec.yaml").write_text(text)
    return make_plan(read_spec(Path("spec.yaml")))


def key_of(text: str) -> str:
    (cell,) = plan_of(text).cells
    return cell.key


SPEC = "datasets: [one.csv]\nmodels: [{model: positions, hyper_params: {shift: 1.0}}]\nsplits: [random_5]\n"


def test_cells_are_data_sets_by_splits_by_models_in_the_order_of_the_file() -> None:
    plan = plan_of(
        "datasets: [two.csv, one.csv]\nmodels: [positions, {model: positions, label: b, hyper_params: {shift: 2}}]\n"
        "splits: [modulo_5, random_5]\n"
    )
    assert [cell.names for cell in plan.cells] == [
        (dataset, "DMS_score", model, split)
        for dataset in ("two", "one")
        for split in ("modulo_5", "random_5")
        for model in ("positions", "b")
    ]
    assert len({cell.key for cell in plan.cells}) == 8


def test_same_data_under_another_name_and_in_another_format_is_the_same_cell() -> None:
    before = key_of(SPEC)
    shutil.move("one.csv", "renamed.csv")
    assert key_of(SPEC.replace("one.csv", "renamed.csv")) == before
    Dataset.from_path("renamed.csv").save("archive.pgdata")
    assert key_of(SPEC.replace("one.csv", "archive.pgdata")) == before


def test_another_label_or_place_of_the_card_is_the_same_cell() -> None:
    before = key_of(SPEC)
    card = "---\ntags: [baseline]\nname: positions\nhyper_parameters:\n  shift: 0.5\n---\nAnother text.\n"
    Path("card.md").write_text(card)
    again = SPEC.replace("model: positions", "model: positions-model, label: other, card: card.md")
    assert key_of(again) == before


def test_another_split_that_is_stored_beside_makes_no_difference() -> None:
    before = key_of(SPEC)
    Dataset.from_path("one.csv").with_split("modulo").save("one.pgdata")
    assert key_of(SPEC.replace("one.csv", "one.pgdata")) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("shift: 1.0", "shift: 1.5"),
        ("random_5", "modulo_5"),
        ("random_5", "random_4"),
        ("one.csv", "two.csv"),
        ("model: positions", "model: positions, card: card.md"),
    ],
)
def test_what_makes_a_difference_makes_another_cell(old: str, new: str) -> None:
    Path("card.md").write_text("---\nname: positions\nhyper_params: {shift: 0.75}\ntags: [baseline]\n---\n")
    assert key_of(SPEC.replace(old, new)) != key_of(SPEC)


def test_value_of_one_row_that_changed_makes_another_cell() -> None:
    before = key_of(SPEC)
    lines = Path("one.csv").read_text().splitlines()
    lines[7] = lines[7].rpartition(",")[0] + ",0.25"
    Path("one.csv").write_text("\n".join(lines) + "\n")
    assert key_of(SPEC) != before


def test_stored_split_with_other_labels_and_the_same_name_makes_another_cell() -> None:
    dataset = Dataset.from_path("one.csv").with_split("random")
    dataset.save("first.pgdata")
    labels = dataset.splits["random_5"].labels
    turned = [str(4 - int(label)) for label in labels]
    dataset.with_split(type(dataset.splits["random_5"])("random_5", "random", 5, 7, turned)).save("second.pgdata")
    assert key_of(SPEC.replace("one.csv", "first.pgdata")) != key_of(SPEC.replace("one.csv", "second.pgdata"))


def test_code_of_the_model_that_changed_makes_another_cell(tmp_path: Path) -> None:
    before = key_of(SPEC)
    run = tmp_path / "packages" / "positions" / "container" / "src" / "run.py"
    run.write_text(run.read_text() + "# changed\n")
    assert key_of(SPEC) != before


def test_limits_and_devices_of_the_cpu_make_no_difference() -> None:
    assert key_of(SPEC.replace("model: positions", "model: positions, memory: 1g, cpus: 2")) == key_of(SPEC)


def test_result_of_a_gpu_is_another_cell() -> None:
    assert key_of(SPEC.replace("model: positions", "model: positions, device: 0")) != key_of(SPEC)


def test_split_that_is_not_named_is_the_data_sets_own() -> None:
    text = "datasets: [{file}]\nmodels: [positions]\n"
    assert plan_of(text.format(file="one.csv")).cells[0].split == "random_5"
    Dataset.from_path("one.csv").with_split("contiguous").save("own.pgdata")
    assert plan_of(text.format(file="own.pgdata")).cells[0].split == "contiguous_5"


def test_each_target_of_a_data_set_has_cells_of_its_own() -> None:
    lines = Path("one.csv").read_text().splitlines()
    table = [lines[0] + ",growth", *(f"{line},{number}.5" for number, line in enumerate(lines[1:]))]
    Path("both.csv").write_text("\n".join(table) + "\n")
    spec = "datasets: [{path: both.csv, target: growth}, both.csv]\nmodels: [positions]\n"
    assert [cell.target for cell in plan_of(spec).cells] == ["growth", "DMS_score"]


def test_cell_that_stands_there_twice_is_there_once_and_that_is_said() -> None:
    plan = plan_of(SPEC.replace("[one.csv]", "[one.csv, one.csv]"))
    assert len(plan.cells) == 1
    assert plan.notes == ("spec.yaml names 1 of its cells again: each is computed once",)


def test_two_that_differ_and_are_called_the_same_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"line 2: models has two that differ.*give one of them a `label`"):
        plan_of("datasets: [one.csv]\nmodels: [positions, {model: positions, hyper_params: {shift: 2}}]\n")
    Path("other").mkdir()
    write_assay(Path("other/one.csv"), seed=9)
    with pytest.raises(SettingsError, match=r"line 1: datasets has two that differ.*give one of them a `name`"):
        plan_of("datasets: [one.csv, other/one.csv]\nmodels: [positions]\n")


def test_name_of_an_entry_tells_two_data_sets_apart() -> None:
    plan = plan_of("datasets: [one.csv, {path: two.csv, name: second}]\nmodels: [positions]\n")
    assert [cell.dataset for cell in plan.cells] == ["one", "second"]


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("datasets: [gone.csv]\nmodels: [positions]\n", InputFileError, "line 1: datasets.0.path: there is no file"),
        ("datasets:\n- one.csv\nmodels:\n- position\n", ModelNotFoundError, "line 4: models.0.model: no model"),
        ("datasets: [bad.csv]\nmodels: [positions]\n", InputFileError, "line 1: datasets.0.path: bad.csv"),
        (
            "datasets: [one.csv]\nmodels: [{model: positions, card: gone.md}]\n",
            InputFileError,
            "line 2: models.0.card: there is no model card",
        ),
        (
            "datasets: [one.csv]\nmodels: [positions]\nsplits: [rendom_5]\n",
            InputFileError,
            "line 3: splits: one has no",
        ),
        ("datasets: [one.csv]\nmodels: [positions]\nsplits: [modulo_99]\n", InputFileError, "line 3: splits: 99 folds"),
        (
            "datasets: [one.csv]\nmodels: [positions]\nmetrics: [speerman]\n",
            SettingsError,
            "line 3: metrics: no metric",
        ),
        ("datasets: [one.csv]\nmodels: [positions]\nmetrics: [auc]\n", SettingsError, "column DMS_score_bin nor"),
        ("datasets: [one.csv]\nmodels: [positions]\nmetrics: [recovery]\n", SettingsError, "designed sequences"),
        (
            "datasets: [{path: one.csv, target: growth}]\nmodels: [positions]\n",
            InputFileError,
            "line 1: datasets.0.path: one.csv has no column 'growth'",
        ),
        ("datasets: [one.csv]\nmodels: [tutorial]\n", ReproError, "line 2: models.0"),
        ("datasets: [one.csv]\nmodels: [{model: positions, variant: big}]\n", ModelNotFoundError, "no variant 'big'"),
        ("datasets: [one.csv]\nmodels: [{model: positions, weights: one.csv}]\n", SettingsError, "takes no weights"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(text: str, kind: type[ReproError], said: str) -> None:
    Path("bad.csv").write_text("mutant,DMS_score\n")
    with pytest.raises(kind) as caught:
        plan_of(text)
    assert "spec.yaml" in caught.value.message
    assert said in caught.value.message.replace(f"{Path.cwd()}/", "")


def test_model_that_is_not_set_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPRO_LOCAL_PYTHON")
    with pytest.raises(NotSetUpError) as caught:
        plan_of(SPEC)
    assert "spec.yaml, line 2: models.0.model: no local environment for positions" in caught.value.message
    assert "repro setup positions" in caught.value.fix


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ReproError) as caught:
        plan_of("datasets: [gone.csv, one.csv, lost.csv]\nmodels: [position]\nmetrics: [speerman]\n")
    told = caught.value.message
    assert all(word in told for word in ("gone.csv", "lost.csv", "'position'", "speerman"))
    assert "datasets.1" not in told


def test_metrics_of_classes_are_taken_where_the_data_set_says_them() -> None:
    write_assay(Path("bins.csv"), bins=True)
    plan = plan_of("datasets: [bins.csv]\nmodels: [positions]\nmetrics: [AUC, top_recall]\n")
    assert plan.metrics == ("auc", "top-recall")
    assert plan_of("datasets: [bins.csv]\nmodels: [positions]\n").metrics is None


def test_card_may_say_what_a_cell_needs() -> None:
    Path("card.md").write_text("---\nname: positions\nmemory: 3g\ncpus: 2\n---\n")
    spec = "datasets: [one.csv]\nmodels: [{model: positions, card: card.md}]\n"
    assert (plan_of(spec).cells[0].needs.memory_bytes, plan_of(spec).cells[0].needs.cpus) == (3 << 30, 2)
    own = spec.replace("card: card.md", "card: card.md, memory: 1g")
    assert plan_of(own).cells[0].needs.memory_bytes == 1 << 30
    Path("card.md").write_text("---\nname: positions\nmemory: much\n---\n")
    with pytest.raises(SettingsError, match=r"models\.0\.model: its card: 'much' is no size"):
        plan_of(spec)


def test_model_that_learns_from_scratch_needs_no_weights_and_no_cell_tells_of_them() -> None:
    from repro.benchmarks.calls import ModelCall

    with ModelCall("ridge", {}, "README.md", {}).make() as model:
        assert (model.variant, model.weights_dir()) == (None, None)


def test_model_without_a_card_is_told_to_be_none_that_trains() -> None:
    with pytest.raises(InputFileError, match=r"line 2: models.0.model: tutorial cannot be trained: .* no front matter"):
        plan_of("datasets: [one.csv]\nmodels: [tutorial]\n")


@pytest.mark.parametrize(("told", "said"), [("", "the class is missing"), ("2", "2 is neither 0 nor 1")])
def test_class_that_is_none_is_told_before_anything_is_computed(told: str, said: str) -> None:
    header, first, *others = write_assay(Path("bins.csv"), bins=True).read_text().splitlines()
    Path("bins.csv").write_text("\n".join([header, *others, first[:-1] + told]))

    with pytest.raises(InputFileError) as caught:
        plan_of(SPEC.replace("one.csv", "bins.csv"))
    assert f"row {len(others) + 1}, column 'DMS_score_bin': {said}" in caught.value.message


def test_column_of_classes_in_which_nothing_stands_is_as_good_as_none() -> None:
    lines = write_assay(Path("bins.csv"), bins=True).read_text().splitlines()
    Path("bins.csv").write_text("\n".join([lines[0], *(line[:-1] for line in lines[1:])]))

    rows = choose_rows(Dataset.from_path("bins.csv"), "DMS_score", "random_5")
    assert rows.classes() is None
