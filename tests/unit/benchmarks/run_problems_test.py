"""All that is wrong with a benchmark's file is told at once, in the order of its lines, each with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.benchmarks.planning import make_plan
from repro.benchmarks.problems import Problems
from repro.benchmarks.spec import read_spec
from repro.errors import InputFileError, ReproError, SettingsError
from tests.benchmark_package import place, write_assay

pytestmark = pytest.mark.usefixtures("place")
__all__ = ["place"]

SPEC = Path("spec.yaml")


def told_of(text: str) -> str:
    """What is told of a file, as `repro benchmark run` puts it together."""
    SPEC.write_text(text)
    problems = Problems()
    with pytest.raises(ReproError) as caught:
        make_plan(read_spec(SPEC, problems=problems), problems)
    return str(caught.value)


def test_faults_of_form_are_told_together() -> None:
    SPEC.write_text(
        "datasets:\n- one.csv\n- {pth: two.csv}\nmodels:\n- {model: positions, lable: a}\n"
        "- {model: positions, device: 7.5, memory: much}\nbootstrap: -3\nruntim: local\nmetric: [auc]\n"
    )
    with pytest.raises(SettingsError) as caught:
        read_spec(SPEC)
    lines = [line.removeprefix("spec.yaml, line ").split(" ")[:2] for line in caught.value.message.splitlines()]
    assert lines == [
        ["3:", "datasets.1.path"],
        ["3:", "datasets.1.pth"],
        ["5:", "models.0.lable"],
        ["6:", "models.1.device"],
        ["6:", "models.1.memory"],
        ["7:", "bootstrap"],
        ["8:", "runtim"],
        ["9:", "metric"],
    ]


def test_what_to_do_stands_at_its_fault() -> None:
    assert told_of(
        "datasets: [one.csv, tow.csv]\nmodels:\n- ridg\n- {model: ridge, lable: x}\nsplits: [random_1]\n"
    ) == (
        "spec.yaml, line 1: datasets.1.path: there is no file tow.csv, and no data set of that name\n"
        "  do: did you mean two.csv?\n"
        "spec.yaml, line 3: models.0.model: no model is called 'ridg'\n"
        "  do: did you mean ridge or ridge-model?\n"
        "spec.yaml, line 4: models.1.lable is not a known key; did you mean label?\n"
        "spec.yaml, line 5: splits: 1 folds cannot be made: there must be 2 or more\n"
        "  do: name another split: random_5"
    )


def test_fault_that_is_the_only_one_is_told_as_ever() -> None:
    told = told_of("datasets: [one.csv]\nmodels: [ridg]\n")
    assert told.splitlines()[1] == "do: did you mean ridge or ridge-model?"


def test_entry_that_is_none_hides_no_other() -> None:
    told = told_of("datasets: [one.csv, 7]\nmodels:\n- positions\n- 7\n- {model: positions, lable: x}\n")
    assert [line.partition(" ")[2].partition(" ")[2].split(" ")[1] for line in told.splitlines()] == [
        "datasets.1",
        "models.1",
        "models.2.lable",
    ]


def test_value_in_a_card_that_does_not_fit_is_told_before_anything_runs() -> None:
    Path("card.md").write_text("---\nname: ridge\nhyper_params: {alpha: much, unknown-here: 1}\n---\n")
    told = told_of("datasets: [one.csv]\nmodels: [{model: ridge, card: card.md}]\n")
    assert "spec.yaml, line 2: models.0.model: the model card card.md: ridge-model: the option 'alpha'" in told


def test_one_in_place_of_a_list_is_told_with_the_list() -> None:
    told = told_of("datasets: one.csv\nmodels: positions\nsplits: random_5\n")
    assert [line.partition(": ")[2] for line in told.splitlines()] == [
        "datasets must be a list: [one.csv]",
        "models must be a list: [positions]",
        "splits must be a list of texts, such as [random_5]",
    ]


def test_each_split_that_cannot_be_is_told_once() -> None:
    told = told_of("datasets: [one.csv]\nmodels: [positions]\nsplits: [contigous_5, random_5, moduol_5]\n")
    assert told.count("has no split") == 2
    assert "did you mean contiguous_5?" in told
    assert "did you mean modulo_5?" in told


def test_what_is_not_known_for_a_fault_elsewhere_is_no_fault() -> None:
    several = "datasets: [one.csv]\nmodels: [{model: positions, device: gpu}]\ndevices: all\nsplits: random_5\n"
    told = told_of(several + "runtime: lokal\n")
    assert [line.partition(" must ")[0] for line in told.splitlines()] == [
        "spec.yaml, line 3: devices",
        "spec.yaml, line 4: splits",
        "spec.yaml, line 5: runtime",
    ]


def test_target_that_a_data_set_has_not_is_a_fault_of_the_data() -> None:
    write_assay(Path("bins.csv"), bins=True)
    SPEC.write_text("datasets: [{path: bins.csv, target: growth}]\nmodels: [positions]\n")
    with pytest.raises(InputFileError, match="growth"):
        make_plan(read_spec(SPEC))


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("spek.yaml", "there is no file spek.yaml\ndo: did you mean spec.yaml?"),
        ("no/where.yml", "there is no file no/where.yml\ndo: name a benchmark's YAML file"),
        (".", "cannot be read: Is a directory\ndo: name a benchmark's YAML file"),
        ("binary.yaml", "binary.yaml is not UTF-8 text"),
    ],
)
def test_file_that_cannot_be_read_is_told_in_words(named: str, said: str) -> None:
    SPEC.write_text("datasets: [one.csv]\n")
    Path("binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputFileError) as caught:
        read_spec(Path(named))
    assert said in str(caught.value)
    assert "Errno" not in str(caught.value)
