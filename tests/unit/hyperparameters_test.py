"""Hyper-parameters of the models that can be trained: what their run.py takes is known, and checked, on the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from repro import MODELS_ROOT
from repro.errors import SettingsError
from repro.model import Model
from repro.training_task import TrainingRequest, TrainingTask

MODELS = ("antiberty", "esm", "pls", "proteinmpnn", "ridge")
EXAMPLE = "A4_HUMAN_Seuma_2021"
NEGATED = {"no_scale"}  # in the shell; among hyper-parameters it is scale=false
TOLD = """
import json
from repro_guest import Runner
from repro_guest.hyperparameters import settable
from repro_guest.training_options import training_parser
import run

(runner,) = [kind for kind in vars(run).values() if isinstance(kind, type) and kind.__module__ == "run"
             and issubclass(kind, Runner)]
parser, not_for_models = training_parser(runner)
names = []
for dest, action in settable(parser, but=not_for_models).items():
    names += [dest] + [option.lstrip("-").replace("-", "_") for option in action.option_strings]
print(json.dumps(names + sorted(runner.ignored_hyper_params)))
"""


def task(name: str, out: Path, **hyper_params: Any) -> TrainingTask:
    with Model.by_name(name)(runtime="local") as model:
        return TrainingTask.of(model, TrainingRequest(EXAMPLE, out, hyper_params=hyper_params))


@pytest.mark.parametrize("name", MODELS)
def test_the_host_knows_the_hyper_parameters_of_run_py_by_all_their_names(name: str, tmp_path: Path) -> None:
    tmp_path.joinpath("repro_guest").symlink_to(Path(__file__).parents[2] / "repro" / "guest")
    path = os.pathsep.join([str(tmp_path), str(Path(MODELS_ROOT, name, "src"))])
    done = subprocess.run(
        [sys.executable, "-c", TOLD], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    model = Model.by_name(name)
    declared = {
        field
        for kind in (model.Options, model.Parameters, model.Hyperparameters)
        if kind is not None
        for field in kind.model_fields
    }

    assert declared | {"variant"} == set(json.loads(done.stdout)) - NEGATED | {"variant"}


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("esm", {"strateg": "wt-marginals"}, "esm-model has no option 'strateg'\ndo: did you mean 'strategy'?"),
        ("esm", {"strategy": "marginals"}, "the option 'strategy': Input should be"),
        ("esm", {"scoring_strategy": "marginals"}, "the option 'scoring_strategy': Input should be"),
        ("esm", {"alpha": "0"}, "the option 'alpha': Input should be greater than 0, not '0'"),
        ("esm", {"alpha": "inf"}, "the option 'alpha': Input should be a finite number"),
        ("esm", {"layers": "[6"}, "the option 'layers': Value error, it is no list"),
        ("antiberty", {"chain_column": "heavy"}, "did you mean 'chain_columns'?"),
        ("antiberty", {"chain_columns": []}, "the option 'chain_columns': List should have at least 1 item"),
        ("proteinmpnn", {"order": 3}, "did you mean 'orders'?"),
        ("proteinmpnn", {"orders": "0"}, "the option 'orders': Input should be greater than or equal to 1"),
        ("ridge", {"alphas": "[1, -1]"}, "the option 'alphas': Value error, -1 is no finite number above 0"),
        ("ridge", {"alphas": ["nan"]}, "nan is no finite number above 0"),
        ("ridge", {"alphas": "[]"}, "the option 'alphas': List should have at least 1 item"),
    ],
)
def test_a_wrong_one_is_told_before_anything_starts(
    name: str, given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as caught:
        task(name, tmp_path / "out", **given)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("esm", {"strategy": "embeddings", "layers": "[3, 6]", "alpha": "2.5", "cv_folds": "3", "cv_seed": "1"}),
        ("esm", {"layers": "-1", "nogpu": "True", "scoring_strategy": "wt-marginals", "offset_idx": "672"}),
        ("esm", {"location": "esm2_t6_8M_UR50D"}),
        ("antiberty", {"chain_columns": '["heavy", "light"]'}),
        ("antiberty", {"chain_columns": ["heavy"], "nogpu": ""}),
        ("proteinmpnn", {"strategy": "conditional", "orders": "10", "offset": "672"}),
        ("ridge", {"alphas": "[1, 10]"}),
        ("ridge", {"alphas": "10"}),
        ("pls", {"n-components": "3", "scale": "false", "aa_alphabet": "ACDEFGHIKLMNPQRSTVWY"}),
    ],
)
def test_right_ones_are_taken_as_the_shell_gives_them(name: str, given: dict[str, Any], tmp_path: Path) -> None:
    found = task(name, tmp_path / "out", **given).options

    assert {option for option in found if option != "variant"} == {
        option.replace("-", "_") for option in given if option != "location"
    }


def test_what_esm_learns_from_embeddings_with_is_no_way_to_score() -> None:
    with Model.by_name("esm")(runtime="local", task="score") as model, pytest.raises(SettingsError) as caught:
        model.predict({"sequence": "MKTA", "mutant": "K2R"}, strategy="embeddings")

    assert str(caught.value).startswith("the strategy embeddings is for train alone")
    assert caught.value.fix == (
        "one of masked-marginals, wt-marginals, pseudo-ppl; or repro train, which learns from embeddings"
    )
