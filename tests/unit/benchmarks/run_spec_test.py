"""The file that says what a benchmark is: read, and refused with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.benchmarks.spec import ANY_GPU, read_spec
from repro.errors import SettingsError

SPEC = """\
name: small
datasets:
  - A4_HUMAN_Seuma_2021
  - data/blat.pgdata
  - {path: x.csv, reference: DMS_substitutions.csv, target: DMS_score, name: other}
models:
  - ridge
  - model: esm
    label: ESM-2 8M
    variant: esm2_t6_8M_UR50D
    card: cards/esm.md
    hyper_params: {strategy: wt-marginals, n-layers: 3}
    device: gpu
    memory: 4g
    cpus: 2
splits: [random_5, modulo_5, random_5]
metrics: [spearman, ndcg]
bootstrap: 100
runtime: local
memory: 16g
cpus: 8
devices: [0, 1]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spec.yaml"


def test_everything_of_the_file_is_read(path: Path) -> None:
    path.write_text(SPEC)
    spec = read_spec(path)
    assert spec.name == "small"
    assert [entry.path for entry in spec.datasets] == ["A4_HUMAN_Seuma_2021", "data/blat.pgdata", "x.csv"]
    table = spec.datasets[2]
    assert (table.reference, table.target, table.name) == ("DMS_substitutions.csv", "DMS_score", "other")
    ridge, esm = spec.models
    assert (ridge.model, ridge.label, ridge.device, ridge.memory_bytes) == ("ridge", "ridge", -1, None)
    assert (esm.model, esm.label, esm.variant, esm.card) == ("esm", "ESM-2 8M", "esm2_t6_8M_UR50D", "cards/esm.md")
    assert esm.hyper_params == {"strategy": "wt-marginals", "n_layers": 3}
    assert (esm.device, esm.memory_bytes, esm.cpus) == (ANY_GPU, 4 << 30, 2.0)
    assert spec.splits == ("random_5", "modulo_5")
    assert spec.metrics == ("spearman", "ndcg")
    assert (spec.bootstrap, spec.runtime, spec.memory_bytes, spec.cpus) == (100, "local", 16 << 30, 8.0)
    assert spec.devices == (0, 1)


def test_what_is_left_out_has_its_default(path: Path) -> None:
    path.write_text("datasets: [a.csv]\nmodels: [ridge]\n")
    spec = read_spec(path)
    assert (spec.name, spec.splits, spec.metrics, spec.runtime) == ("spec", (None,), (), None)
    assert (spec.memory_bytes, spec.cpus, spec.devices) == (None, None, ())


def test_paths_are_relative_to_the_file(path: Path) -> None:
    path.write_text("datasets: [data/a.csv]\nmodels: [ridge]\n")
    assert read_spec(path).resolve("data/a.csv") == path.parent / "data" / "a.csv"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [ridge]\n", "line 1: datasets is missing"),
        ("datasets: [a]\nmodels: []\n", "line 2: models is missing, or empty"),
        ("datasets: [a]\nmodels:\n  - {modle: ridge}\n", "line 3: models.0.model is missing"),
        (
            "datasets: [a]\nmodels:\n  - {model: ridge, lable: x}\n",
            "line 3: models.0.lable is not a known key; did you mean label",
        ),
        (
            "datasets: [a]\nmodels: [ridge]\nsplit: [random_5]\n",
            "line 3: split is not a known key; did you mean splits",
        ),
        ("datasets: [a]\nmodels: [ridge, 7]\n", "line 2: models.1 must be a mapping"),
        ("datasets: a\nmodels: [ridge]\n", "line 1: datasets must be a list"),
        ("datasets: [{reference: r.csv}]\nmodels: [ridge]\n", "line 1: datasets.0.path is missing"),
        ("datasets: [a]\nmodels:\n- model: ridge\n  memory: much\n", "line 4: models.0.memory must be a size"),
        ("datasets: [a]\nmodels: [{model: r, cpus: 0}]\n", "models.0.cpus must be a number of cores above 0"),
        ("datasets: [a]\nmodels: [{model: r, device: -2}]\n", "models.0.device must be cpu, gpu or the index"),
        ("datasets: [a]\nmodels: [{model: r, device: fast}]\n", "not 'fast'"),
        ("datasets: [a]\nmodels: [{model: r, device: gpu}]\n", "no GPUs are listed"),
        ("datasets: [a]\ndevices: [0]\nmodels: [{model: r, device: 3}]\n", "is 3, which is not among"),
        ("datasets: [a]\nmodels: [r]\ndevices: [0, 0]\n", "line 3: devices lists a GPU twice"),
        ("datasets: [a]\nmodels: [r]\ndevices: 0\n", "line 3: devices must be a list"),
        ("datasets: [a]\nmodels: [r]\nbootstrap: -1\n", "line 3: bootstrap must be a whole number"),
        ("datasets: [a]\nmodels: [r]\nruntime: podman\n", "line 3: runtime must be one of docker, local"),
        ("datasets: [a]\nmodels: [{model: r, hyper_params: {a-b: 1, a_b: 2}}]\n", "states one twice"),
        ("datasets: [a]\nmodels: [{model: r, hyper_params: {day: 2026-01-01}}]\n", "put quotes around it"),
        ("datasets: [a]\nmodels: [r]\nmodels: [s]\n", "line 3: models stands there twice"),
        ("datasets: [a\n", "not valid YAML"),
    ],
)
def test_mistake_is_told_with_file_line_and_key(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_spec(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message


def test_gpus_of_the_command_line_take_the_place_of_those_of_the_file(path: Path) -> None:
    path.write_text("datasets: [a]\nmodels: [{model: r, device: gpu}]\n")
    assert read_spec(path, (2,)).devices == (2,)
