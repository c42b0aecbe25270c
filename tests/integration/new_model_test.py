"""What `repro new` writes works as it is: in a copy of the repository, and as a package in its own environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from repro.guest.assays import Dataset
from repro.scaffold import TEMPLATES
from tests.documents import ROOT, copy_project, environment, run

NAMES = {template: f"newly_{template}" for template in TEMPLATES}
IMAGES = [f"{account}/{name}:1.0" for name in NAMES.values() for account in ("repro-models", "my-account")]

PACKAGED = NAMES["train"]

Shell = Callable[..., str]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / "cache"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository in which there is a new model of each template."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_project(folder)
    for template, name in NAMES.items():
        words = ["repro", "new", name, "--template", template, "--licence", "MIT", "--author", "A. Contributor"]
        run(words, folder, environment(folder, "local"))
    return folder


@pytest.fixture(scope="module")
def shell(checkout: Path, cache: Path) -> Shell:
    """A shell in that copy; gives what a command prints."""

    def shell(commands: str, runtime: str = "local") -> str:
        return run(["bash", "-euo", "pipefail", "-c", commands], checkout, environment(checkout, runtime, cache))

    return shell


@pytest.fixture(scope="module", autouse=True)
def _no_image_stays() -> Iterator[None]:
    yield
    if shutil.which("docker"):
        subprocess.run(["docker", "image", "rm", "--force", *IMAGES], capture_output=True, check=False)


@pytest.fixture(params=["local", "docker"])
def runtime(request: pytest.FixtureRequest) -> str:
    if request.param == "docker":
        request.getfixturevalue("base_image")
    return str(request.param)


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_is_set_up_verified_and_used_as_it_is(shell: Shell, template: str) -> None:
    name, runtime = NAMES[template], "local"

    shell(f"repro setup {name}", runtime)

    assert f"{name} in {runtime}" in shell(f"repro verify {name}", runtime)
    predicted = shell(f"""echo '{{"sequence": "MKT"}}' | repro predict {name} - -o - --profile""", runtime)
    answer = json.loads(predicted)
    assert answer["hydropathy"] == pytest.approx(-0.9, abs=1e-5)
    assert answer["profile"] == pytest.approx([1.9, -3.9, -0.7], abs=1e-5)


@pytest.mark.parametrize("template", TEMPLATES)
def test_its_own_tests_pass(shell: Shell, template: str, runtime: str) -> None:
    said = shell(f"python -m pytest -p no:cacheprovider models/{NAMES[template]} -k {runtime}", runtime)

    assert " 1 passed" in said


def test_lint_passes(shell: Shell) -> None:
    names = " ".join(f"models/{name} repro/models/{name}" for name in NAMES.values())
    shell(f"ruff check --no-cache {names} && ruff format --no-cache --check {names}")

    said = shell("mypy --cache-dir .mypy_cache || true")

    assert not [line for line in said.splitlines() if line.startswith("repro/models/newly_")]
    assert "source files" in said


def test_the_repositorys_own_tests_of_its_documents_know_it(shell: Shell) -> None:
    shell("python -m pytest -p no:cacheprovider tests/unit/docs_test.py -k lists_every_model")


def test_a_second_one_of_the_same_name_is_refused(shell: Shell) -> None:
    said = shell("repro new newly_cpu 2>&1 || true")

    assert "there is a model of that name" in said
    assert "repro new newly_cpu_model" in said


def test_golden_answers_that_are_broken_on_purpose_are_found(shell: Shell, checkout: Path) -> None:
    shell("repro setup newly_cpu")
    program = checkout / "models" / "newly_cpu" / "src" / "run.py"
    before = program.read_text()
    try:
        program.write_text(before.replace("4.5", "4.4"))
        said = shell("repro verify newly_cpu || echo status $?")
    finally:
        program.write_text(before)

    assert "differs" in said
    assert "status 10" in said


def test_weights_of_torch_are_loaded_from_a_file_and_only_in_their_safe_form(shell: Shell, checkout: Path) -> None:
    shell("repro setup newly_torch")
    (checkout / "out").mkdir(exist_ok=True)
    program = """
import os, pathlib, subprocess, sys, tempfile
from repro.models.newly_torch import NewlyTorch
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings

found = choose_runtime("local", load_settings()).find(NewlyTorch.spec())
folder = pathlib.Path("out")
(folder / "in.jsonl").write_text('{"sequence": "AR"}')
script = '''
import os, sys, torch
torch.save({"weight": torch.arange(21.0).unsqueeze(1)}, "out/example.pt")
class Evil:
    def __reduce__(self):
        return (os.mkdir, ("out/evil",))
torch.save({"weight": Evil()}, "out/evil.pt")
'''
subprocess.run([found.python, "-c", script], check=True)
(folder / "repro_guest").unlink(missing_ok=True)
(folder / "repro_guest").symlink_to(pathlib.Path("repro/guest").absolute())
call = [found.python, "models/newly_torch/src/run.py", "--input-file", "out/in.jsonl", "--output-file", "out/out.jsonl"]
environ = {**os.environ, "PYTHONPATH": "out"}
subprocess.run([*call, "--weights-dir", "out"], env=environ, check=True)
print((folder / "out.jsonl").read_text())
bad = subprocess.run([*call, "--weights-dir", "out", "--variant", "evil"], env=environ, capture_output=True, text=True)
print(bad.returncode, "UnpicklingError" in bad.stderr, (folder / "evil").exists())
"""
    said = shell(f"python - <<'EOF'\n{program}\nEOF")

    assert said.split("\n")[0] == '{"hydropathy":1.5}'
    assert "1 True False" in said


def test_a_trained_model_predicts_what_it_was_held_out_from(
    shell: Shell, checkout: Path, base_image: str, tmp_path: Path
) -> None:
    shell("repro setup newly_train --runtime docker")
    folder = checkout / "models" / "newly_train"
    said = shell(
        f'cd {folder} && docker run --rm --network none --user "$(id -u):$(id -g)" --volume "$PWD:/data"'
        " repro-models/newly_train:1.0 python run.py train --dataset-file /data/examples/dataset.csv"
        " --model-card-file /data/README.md --output-dir /data/out --fold 0"
    )

    assert said == "/data/out/dataset_newly_train.csv\n"
    header, *rows = (folder / "out" / "dataset_newly_train.csv").read_text().splitlines()
    assert header == "sequence,test,pred,split"
    assert len(rows) == 20
    for row in rows:
        _, measured, predicted, split = row.split(",")
        assert float(predicted) == pytest.approx(float(measured), abs=1e-6)
        assert split == "0"
    used = shell(
        "python - <<'EOF'\n"
        "from repro.models.newly_train import NewlyTrain\n"
        f"with NewlyTrain(weights={str(folder / 'out')!r}, runtime='local') as model:\n"
        "    print(round(model.predict({'sequence': 'I'})['hydropathy'], 4))\n"
        "EOF"
    )
    assert used == "4.5\n"


def test_repro_trains_it_in_each_runtime(shell: Shell, checkout: Path, runtime: str) -> None:
    shell(f"repro setup newly_train --runtime {runtime}", runtime)
    shell(
        "repro train newly_train models/newly_train/examples/dataset.csv --fold 0"
        f" -o out-{runtime} --runtime {runtime}",
        runtime,
    )

    _, *rows = (checkout / f"out-{runtime}" / "dataset_newly_train.csv").read_text().splitlines()
    assert len(rows) == 20
    assert (checkout / f"out-{runtime}" / "model.json").is_file()


def test_sagemaker_starts_it_with_its_own_layout(shell: Shell, checkout: Path, base_image: str, tmp_path: Path) -> None:
    shell("repro setup newly_train --runtime docker")
    folder = checkout / "models" / "newly_train"
    for channel, file in (("training", "dataset.zip"), ("model_card", "README.md")):
        (tmp_path / "input" / "data" / channel).mkdir(parents=True)
        if file == "README.md":
            shutil.copy(folder / file, tmp_path / "input" / "data" / channel / file)
    example = Dataset.from_path(folder / "examples" / "dataset.csv")
    example.save(tmp_path / "input" / "data" / "training" / "dataset.zip")
    (tmp_path / "input" / "config").mkdir()
    (tmp_path / "input" / "config" / "hyperparameters.json").write_text('{"alpha": "1e-8", "fold": "0"}')
    for name in ("model", "output"):
        (tmp_path / name).mkdir()
    call = f'docker run --rm --network none --user "$(id -u):$(id -g)" --volume {tmp_path}:/opt/ml'

    shell(f"{call} repro-models/newly_train:1.0 train")

    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["dataset_newly_train.csv", "model.json"]
    (tmp_path / "input" / "data" / "training" / "dataset.zip").unlink()
    said = shell(f"{call} repro-models/newly_train:1.0 train 2>&1 || echo status $?")
    assert said.endswith("status 3\n")
    assert "there is no file /opt/ml/input" in (tmp_path / "output" / "failure").read_text()


# ------------------------------------------------------------------------------------------- a package of its own


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    words = ["repro", "new", PACKAGED, "--template", "train", "--package", "--author", "A. Contributor"]
    run(words, folder, environment(ROOT, "local"))
    return folder / f"repro-{PACKAGED}"


@pytest.fixture(scope="module")
def python(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment that has the built package; repro and what it needs come from the one of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    here = environment(ROOT, "local")
    run(["uv", "venv", "--quiet", "--offline", "--python", sys.executable, str(folder / "venv")], folder, here)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    (site / "repro.pth").write_text(f"{ROOT}\n{sysconfig.get_paths()['purelib']}\n")
    run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(package)], folder, here)
    (wheel,) = folder.glob("*.whl")
    install = ["uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(python), str(wheel)]
    run(install, folder, here)
    return python


@pytest.fixture
def installed(python: Path, cache: Path, tmp_path: Path) -> Shell:
    def shell(commands: str, runtime: str = "local") -> str:
        environ = environment(ROOT, runtime, cache)
        del environ["PYTHONPATH"]
        environ["PATH"] = f"{python.parent}:{environ['PATH']}"
        function = f'repro() {{ {python} -m repro "$@"; }}\n'
        return run(["bash", "-euo", "pipefail", "-c", function + commands], tmp_path, environ)

    return shell


def test_an_installed_package_brings_its_model(installed: Shell, runtime: str) -> None:
    name = PACKAGED

    assert name in installed("repro list")
    installed(f"repro setup {name}", runtime)
    assert f"{name} in {runtime}" in installed(f"repro verify {name}", runtime)
    said = installed(f"""echo '{{"sequence": "MKT"}}' | repro predict {name} - -o -""", runtime)
    assert json.loads(said)["hydropathy"] == pytest.approx(-0.9, abs=1e-5)
    assert "site-packages" in installed(f"repro info {name}")


def test_the_tests_of_a_package_pass(installed: Shell, package: Path, runtime: str) -> None:
    said = installed(f"cd {package} && python -m pytest -p no:cacheprovider -k {runtime}", runtime)

    assert " 1 passed" in said


def test_the_lint_of_a_package_passes(installed: Shell, package: Path) -> None:
    installed(f"cd {package} && ruff check --no-cache . && ruff format --no-cache --check .")
    said = installed(f"cd {package} && mypy --strict src/repro_{PACKAGED}/__init__.py || true")

    assert "src/repro_" not in said


def test_the_wheel_holds_the_container_side_and_no_caches(python: Path) -> None:
    (container,) = python.parents[1].glob(f"lib/python*/site-packages/repro_{PACKAGED}/container")

    there = {path.relative_to(container).as_posix() for path in container.rglob("*") if path.is_file()}

    assert {"Dockerfile", "README.md", "image.lock", "src/run.py", "tests/golden/golden.yaml"} <= there
    assert not [name for name in there if "__pycache__" in name]
