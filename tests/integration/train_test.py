"""`train`: the image as SageMaker starts it, and `Model.train` and `repro train` through each runtime."""

from __future__ import annotations

import contextlib
import csv
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from repro.errors import (
    InputFileError,
    OutOfMemoryError,
    OutputError,
    ProtocolError,
    ReproError,
    SettingsError,
    TrainingError,
)
from repro.guest.assays import Dataset
from repro.model import Model
from repro.provenance import read_manifest
from repro.registry import catalogue
from tests.integration.hosts import wait_for
from tests.training_package import MUTANTS, make_training_package, write_assay

if TYPE_CHECKING:
    from docker import DockerClient

ENDS_WITHIN_S = 60
IMAGE = f"repro-tests/trainee:{os.getpid()}"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the module path, with the distribution of the model."""
    return make_training_package(tmp_path_factory.mktemp("packages"), IMAGE)


@pytest.fixture(scope="module")
def image(
    engine: DockerClient, base_image: str, package: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    from repro.images.build import build_image

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REPRO_CACHE_DIR", str(tmp_path_factory.mktemp("images")))  # which has the record of builds
        build_image(package / "trainee" / "container", IMAGE, report=lambda line: None)
    yield IMAGE
    engine.images.remove(IMAGE, force=True)


@pytest.fixture(autouse=True)
def _a_place_of_its_own(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "exchange").mkdir()
    monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(tmp_path / "exchange"))
    monkeypatch.setenv("REPRO_WEIGHTS_DIR", str(tmp_path / "weights"))
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(package))
    monkeypatch.syspath_prepend(str(package))
    importlib.invalidate_caches()
    catalogue.__dict__.pop("sources", None)
    yield
    catalogue.__dict__.pop("sources", None)


@pytest.fixture(params=["local", "docker"])
def runtime(request: pytest.FixtureRequest) -> str:
    """Each runtime in turn, with the model set up in it."""
    if request.param == "docker":
        request.getfixturevalue("image")
    return str(request.param)


@pytest.fixture
def trainee(runtime: str) -> Callable[..., Model]:
    """Makes the model, whose weights were fetched."""
    from repro.settings import load_settings
    from repro.weights.fetch import fetch_variants

    chosen = Model.by_name("trainee")
    variants = [chosen.config().variant(name) for name in ("small", "large")]
    fetch_variants("trainee", variants, load_settings().weights_dir)
    return lambda **keywords: chosen(**{"runtime": runtime, **keywords})


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_assay(tmp_path / "dms.csv")


@pytest.fixture
def card(package: Path) -> Path:
    """As TOML: to read the other form an image needs PyYAML."""
    return package / "trainee" / "container" / "card.toml"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def nothing_is_left(tmp_path: Path) -> bool:
    return list((tmp_path / "exchange").iterdir()) == [] and not list(tmp_path.glob(".out*"))


class TestAsSageMakerStartsIt:
    """The image alone: mounted folders, the command `train`, and no option."""

    @pytest.fixture
    def layout(self, tmp_path: Path, dataset: Path, card: Path) -> Path:
        top = tmp_path / "ml"
        for folder in ("input/data/training", "input/data/manifest", "input/config", "model", "output"):
            (top / folder).mkdir(parents=True)
        Dataset.from_path(dataset).save(top / "input/data/training/dataset.zip")
        (top / "input/data/manifest/manifest.toml").write_bytes(card.read_bytes())
        return top

    def start(self, engine: DockerClient, image: str, layout: Path, *command: str, user: str = "") -> tuple[int, str]:
        """The exit status and what it printed."""
        volumes = {str(layout / name): {"bind": f"/opt/ml/{name}", "mode": "rw"} for name in ("model", "output")}
        volumes[str(layout / "input")] = {"bind": "/opt/ml/input", "mode": "ro"}
        container = engine.containers.create(
            image,
            list(command),
            volumes=volumes,
            network_mode="none",
            user=user or f"{os.getuid()}:{os.getgid()}",
            environment={"HOME": "/tmp"},
        )
        try:
            container.start()
            status = container.wait(timeout=ENDS_WITHIN_S)["StatusCode"]
            return status, container.logs().decode()
        finally:
            container.remove(force=True)

    def test_it_finds_all_inputs_and_leaves_predictions_where_sagemaker_collects_them(
        self, engine: DockerClient, image: str, layout: Path
    ) -> None:
        told = {"shift": "0.5", "n-steps": "7", "sagemaker_region": '"eu-west-1"', "pooling": '"max"'}
        (layout / "input/config/hyperparameters.json").write_text(json.dumps(told))

        status, said = self.start(engine, image, layout, "train")

        assert status == 0, said
        assert [path.name for path in (layout / "model").glob("*.csv")] == ["dms_trainee.csv"]
        table = rows(layout / "model" / "dms_trainee.csv")
        assert [row["mutant"] for row in table] == MUTANTS
        assert [float(row["pred"]) for row in table] == [5.5, 4.5] * 5
        seen = json.loads((layout / "model" / "fold_0" / "seen.json").read_text())
        assert (seen["n_steps"], seen["pooling"], seen["argv"]) == (7, "max", ["train"])
        assert "/opt/ml/input/data/training" not in seen["writable"]
        assert not (layout / "output" / "failure").exists()
        assert json.loads((layout / "output" / "data" / "training.json").read_text())["rows"] == 10

    @pytest.mark.parametrize(
        ("told", "status", "reason"),
        [
            ({"do": "raise"}, 1, "ValueError: no residue fits"),
            ({"shfit": "1"}, 2, "has the hyper-parameter 'shfit', which is not known (did you mean shift?)"),
            ({"split": "modulo_2", "fold": "2"}, 3, "the split modulo_2 has the folds 0 to 1, and no 2"),
        ],
    )
    def test_why_it_failed_stands_in_the_failure_file_and_the_status_is_not_0(
        self, engine: DockerClient, image: str, layout: Path, told: dict[str, str], status: int, reason: str
    ) -> None:
        (layout / "input/config/hyperparameters.json").write_text(json.dumps(told))

        ended, said = self.start(engine, image, layout, "train")

        assert ended == status, said
        assert reason in (layout / "output" / "failure").read_text().split("\n")[0]
        assert list((layout / "model").glob("*.csv*")) == []

    def test_a_channel_that_is_missing_is_named(self, engine: DockerClient, image: str, layout: Path) -> None:
        (layout / "input/data/training/dataset.zip").unlink()

        status, _ = self.start(engine, image, layout, "train")

        assert status == 3
        reason = (layout / "output" / "failure").read_text()
        assert reason.startswith("there is no file /opt/ml/input/data/training/dataset.zip")

    def test_an_output_folder_that_it_may_not_write_is_told_before_it_learns(
        self, engine: DockerClient, image: str, layout: Path
    ) -> None:
        for name in ("model", "output"):
            (layout / name).chmod(0o555)

        status, said = self.start(engine, image, layout, "train", user="1234:1234")

        assert status == 2
        assert "the output folder /opt/ml/model cannot be written by user 1234: run the container as" in said
        assert "/opt/ml/output/failure cannot be written" in said
        assert "Traceback" not in said
        assert list((layout / "model").iterdir()) == []

    def test_it_runs_as_root_too(self, engine: DockerClient, image: str, layout: Path) -> None:
        status, said = self.start(engine, image, layout, "train", user="0:0")

        assert status == 0, said

    def test_it_answers_help_and_ping(self, engine: DockerClient, image: str, layout: Path) -> None:
        status, said = self.start(engine, image, layout, "train", "--help")

        assert status == 0
        for option in ("--dataset-file", "--model-card-file", "--model-toml-file", "--n-steps", "/opt/ml/model"):
            assert option in said
        assert self.start(engine, image, layout, "ping") == (0, "pong\n")

    def test_options_of_the_command_line_name_other_files(
        self, engine: DockerClient, image: str, layout: Path, dataset: Path, card: Path
    ) -> None:
        files = layout / "input" / "mine"
        files.mkdir()
        (files / "dms.csv").write_bytes(dataset.read_bytes())
        (files / "card.toml").write_bytes(card.read_bytes())
        words = ["--dataset-file", "/opt/ml/input/mine/dms.csv", "--model-toml-file", "/opt/ml/input/mine/card.toml"]

        status, said = self.start(engine, image, layout, "train", *words, "--output-dir", "/opt/ml/output/mine")

        assert status == 0, said
        assert len(rows(layout / "output" / "mine" / "dms_trainee.csv")) == 10


class TestModelTrain:
    def test_predictions_and_what_made_them_are_in_the_folder(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path, runtime: str
    ) -> None:
        said: list[str] = []

        with trainee(pooling="max") as model:
            result = model.train(dataset, tmp_path / "out", card, hyper_params={"shift": 1}, say=said.append)

        assert result.predictions == tmp_path / "out" / "dms_trainee.csv"
        table = rows(result.predictions)
        assert [row["mutant"] for row in table] == MUTANTS
        assert [float(row["pred"]) for row in table] == [6.0, 5.0] * 5
        assert (result.rows, result.kept) == (10, ("fold_0/seen.json", "fold_1/seen.json"))
        assert nothing_is_left(tmp_path)
        assert "run.py train: fold 1 (2 of 2): 5 rows to learn from, 5 held out" in said
        manifest = read_manifest(result.manifest)
        training = manifest.training
        assert training is not None
        assert manifest.made_by.environment.runtime == runtime
        assert manifest.made_by.environment.identity == model.session.environment.identity or runtime == "local"
        assert list(manifest.made_by.weights) == ["mean.txt"]
        assert manifest.made_by.options["pooling"] == "max"
        assert (training.dataset, training.target, training.split) == ("dms", "DMS_score", "modulo_2")
        assert training.dataset_digest == Dataset.from_path(dataset).digest
        assert training.folds == (0, 1)
        assert (training.hyper_params["shift"], training.hyper_params["n_steps"]) == (1.0, 3)
        assert manifest.worker is not None
        assert manifest.worker.device == "cpu"

    def test_it_sees_its_inputs_and_weights_and_is_as_safe_as_a_worker(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path, runtime: str
    ) -> None:
        trainee().train(dataset, tmp_path / "out", card, fold=0)

        seen = json.loads((tmp_path / "out" / "seen.json").read_text())
        assert seen["weights"] == "small"
        assert seen["uid"] == os.getuid()
        if runtime == "docker":
            assert seen["argv"] == ["train"]
            assert seen["writable"] == ["/opt/ml/model", "/opt/ml/output", "/tmp", "/home/repro"]
            assert seen["network"] == ["lo"]
            assert seen["status"]["CapEff"] == "0000000000000000"
            assert seen["status"]["NoNewPrivs"] == "1"

    @pytest.mark.parametrize("how", ["option", "hyper-parameter", "card"])
    def test_the_weights_are_those_of_the_variant_that_is_asked_for(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path, how: str
    ) -> None:
        other = tmp_path / "card.toml"
        other.write_text(card.read_text() + 'variant = "large"\n')
        model = trainee(variant="large") if how == "option" else trainee()
        hyper_params = {"variant": "large"} if how == "hyper-parameter" else {}

        result = model.train(
            dataset, tmp_path / "out", other if how == "card" else card, fold=0, hyper_params=hyper_params
        )

        seen = json.loads((tmp_path / "out" / "seen.json").read_text())
        assert (seen["weights"], seen["variant"]) == ("large", "large")
        assert read_manifest(result.manifest).made_by.model.variant == "large"

    def test_a_model_that_learns_from_scratch_needs_no_weights(
        self, runtime: str, dataset: Path, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        chosen = Model.by_name("trainee")
        monkeypatch.setattr(chosen, "learns_from_scratch", True)  # and none were fetched

        result = chosen(runtime=runtime).train(dataset, tmp_path / "out", card, fold=0)

        assert json.loads((tmp_path / "out" / "seen.json").read_text())["weights"] is None
        made_by = read_manifest(result.manifest).made_by
        assert (made_by.model.variant, made_by.weights) == (None, {})

    def test_weights_of_the_users_own_are_a_file_or_a_folder(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "mean.txt").write_text("mine")

        for number, weights in enumerate((tmp_path / "mine", tmp_path / "mine" / "mean.txt")):
            trainee(weights=weights).train(dataset, tmp_path / f"out{number}", card, fold=0)

            assert json.loads((tmp_path / f"out{number}" / "seen.json").read_text())["weights"] == "mine"

    def test_a_data_set_that_was_read_and_an_archive_give_the_same(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        read = Dataset.from_path(dataset)
        read.save(tmp_path / "dms.pgdata")
        found = [
            trainee().train(given, tmp_path / f"out{number}", card).predictions.read_bytes()
            for number, given in enumerate((dataset, read, tmp_path / "dms.pgdata"))
        ]

        assert len(set(found)) == 1

    def test_a_folder_that_is_there_keeps_what_else_is_in_it(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "out" / "fold_0").mkdir(parents=True)
        (tmp_path / "out" / "fold_0" / "notes.txt").write_text("mine")

        for shift in (0, 1):
            trainee().train(dataset, tmp_path / "out", card, hyper_params={"shift": shift})

        assert (tmp_path / "out" / "fold_0" / "notes.txt").read_text() == "mine"
        assert float(rows(tmp_path / "out" / "dms_trainee.csv")[0]["pred"]) == 6.0
        assert nothing_is_left(tmp_path)

    def test_links_and_pipes_that_a_model_leaves_are_not_taken_over(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        result = trainee().train(dataset, tmp_path / "out", card, fold=0, hyper_params={"do": "links"})

        assert result.left_out == ("passwd", "pipe")
        assert (tmp_path / "out" / "deep" / "deeper" / "file").read_text() == "kept"
        assert not (tmp_path / "out" / "passwd").exists()

    @pytest.mark.parametrize(
        ("do", "kind", "said"),
        [
            ("raise", TrainingError, "the model failed in training: ValueError: no residue fits"),
            ("die", TrainingError, "the training ended with status 9"),
            ("no-table", ProtocolError, "has left no predictions: there is no dms_trainee.csv"),
            ("other-rows", ProtocolError, "run.py gave 1 predictions for 10 held-out rows"),
        ],
    )
    def test_a_training_that_fails_says_why_and_leaves_nothing(
        self,
        trainee: Callable[..., Model],
        dataset: Path,
        card: Path,
        tmp_path: Path,
        do: str,
        kind: type[ReproError],
        said: str,
    ) -> None:
        with pytest.raises(kind, match=said) as caught:
            trainee().train(dataset, tmp_path / "out", card, hyper_params={"do": do})

        assert type(caught.value) is kind
        assert not (tmp_path / "out").exists()
        assert nothing_is_left(tmp_path)

    def test_what_run_py_refuses_is_an_error_of_the_input_or_of_a_setting(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        other = tmp_path / "card.toml"
        other.write_text(card.read_text() + "shfit = 1\n")

        with pytest.raises(SettingsError, match="the model card has the hyper-parameter 'shfit'"):
            trainee().train(dataset, tmp_path / "out", other)
        with pytest.raises(InputFileError, match="the split all leaves this model nothing to learn from"):
            trainee().train(dataset, tmp_path / "out", card, split="all")

    def test_want_of_memory_is_told_as_such(
        self, image: str, dataset: Path, card: Path, tmp_path: Path, trainee: Callable[..., Model], runtime: str
    ) -> None:
        if runtime == "local":
            with pytest.raises(SettingsError, match="the local runtime cannot limit memory"):
                trainee(memory="64m").train(dataset, tmp_path / "out", card)
            return
        with pytest.raises(OutOfMemoryError):
            trainee(memory="64m").train(dataset, tmp_path / "out", card, hyper_params={"do": "allocate"})

    def test_an_image_without_a_program_train_has_its_run_py_called(
        self, engine: DockerClient, image: str, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        plain = f"repro-tests/trainee-plain:{os.getpid()}"
        container = engine.containers.create(image, entrypoint=["rm", "/usr/local/bin/train"], user="0:0")
        try:
            container.start()
            container.wait(timeout=ENDS_WITHIN_S)
            container.commit(*plain.split(":"))
            result = trainee(runtime="docker", image=plain).train(dataset, tmp_path / "out", card)
        finally:
            container.remove(force=True)
            engine.images.remove(plain, force=True)

        assert result.rows == 10


@pytest.mark.parametrize("runtime", ["local"], indirect=True)
class TestBeforeAnythingStarts:
    """Checked on the host: a model whose interpreter is not there would tell otherwise."""

    @pytest.fixture(autouse=True)
    def _nothing_can_start(self, trainee: Callable[..., Model], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("repro.training.run_training", lambda *_: pytest.fail("it was started"))

    @pytest.mark.parametrize(
        ("words", "kind", "said"),
        [
            ({"target": "DMS_scroe"}, InputFileError, "dms has no target 'DMS_scroe': it has DMS_score"),
            ({"split": "moduol_2"}, InputFileError, "dms has no split 'moduol_2'"),
            ({"fold": 2}, InputFileError, "has the folds 0 to 1, and no 2"),
            ({"card": "nowhere.md"}, InputFileError, "there is no model card nowhere.md"),
            ({"hyper_params": {"shfit": 1}}, SettingsError, "has no option 'shfit'"),
            ({"hyper_params": {"n-steps": "many"}}, SettingsError, "the option 'n_steps'"),
            ({"hyper_params": {"split": "random_5"}}, SettingsError, "split is no hyper-parameter"),
            ({"hyper_params": {"variant": "huge"}}, ReproError, "huge"),
        ],
    )
    def test_what_is_asked_for_has_to_be_there(
        self,
        trainee: Callable[..., Model],
        dataset: Path,
        card: Path,
        tmp_path: Path,
        words: dict[str, Any],
        kind: type[ReproError],
        said: str,
    ) -> None:
        with pytest.raises(kind, match=said):
            trainee().train(dataset, tmp_path / "out", **{"card": card, **words})

        assert nothing_is_left(tmp_path)

    def test_a_data_set_that_is_not_there_is_named(self, trainee: Callable[..., Model], tmp_path: Path) -> None:
        with pytest.raises(InputFileError, match="there is no file"):
            trainee().train(tmp_path / "nowhere.zip", tmp_path / "out")

    def test_an_output_that_cannot_be_written_is_told(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        with pytest.raises(OutputError, match="is a file, not a folder"):
            trainee().train(dataset, dataset, card)
        with pytest.raises(OutputError):
            trainee().train(dataset, dataset / "below", card)

    def test_a_gpu_that_is_not_there_is_no_cpu(
        self, trainee: Callable[..., Model], dataset: Path, card: Path, tmp_path: Path
    ) -> None:
        from repro.errors import DeviceError

        with pytest.raises(DeviceError):
            trainee(device=1000).train(dataset, tmp_path / "out", card)


class TestInterrupted:
    """`repro train` as a process that is interrupted, or killed."""

    @pytest.fixture
    def hanging(
        self, trainee: Callable[..., Model], runtime: str, dataset: Path, card: Path, tmp_path: Path
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A command whose training hangs."""
        words = ["train", "trainee", str(dataset), "-o", str(tmp_path / "out"), "--card", str(card), "-p", "do=hang"]
        log = tmp_path / "log.txt"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "repro", *words, "--runtime", runtime, "-v"],
                stderr=stderr,
                stdin=subprocess.DEVNULL,
            )
        try:
            wait_for(lambda: b"hanging" in log.read_bytes() or process.poll() is not None, 120, "it hangs")
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()

    def running(self, runtime: str, process: subprocess.Popen[bytes], request: pytest.FixtureRequest) -> list[Any]:
        """What runs on its behalf: containers, or processes of its model."""
        if runtime == "docker":
            client = request.getfixturevalue("engine")
            label = {"label": f"repro.pid={process.pid}"}
            return list(client.api.containers(all=True, filters=label))
        return [one for one in psutil.Process(process.pid).children(recursive=True) if one.is_running()]

    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_it_ends_its_training_and_leaves_nothing(
        self,
        hanging: subprocess.Popen[bytes],
        runtime: str,
        tmp_path: Path,
        request: pytest.FixtureRequest,
        number: int,
        code: int,
    ) -> None:
        before = self.running(runtime, hanging, request)
        assert before
        hanging.send_signal(number)

        assert hanging.wait(ENDS_WITHIN_S) == code
        if runtime == "docker":
            assert self.running(runtime, hanging, request) == []
        else:
            assert not [one for one in before if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
        assert not (tmp_path / "out").exists()
        assert nothing_is_left(tmp_path)

    def test_killed_it_leaves_nothing_that_runs(
        self, hanging: subprocess.Popen[bytes], runtime: str, request: pytest.FixtureRequest
    ) -> None:
        before = self.running(runtime, hanging, request)
        hanging.kill()
        hanging.wait()

        def gone() -> bool:
            if runtime == "docker":
                return self.running(runtime, hanging, request) == []
            return not [one for one in before if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]

        wait_for(gone, ENDS_WITHIN_S, "what it had started has ended")


class TestCommand:
    def test_it_tells_what_it_has_written_as_json(
        self,
        trainee: Callable[..., Model],
        runtime: str,
        dataset: Path,
        card: Path,
        tmp_path: Path,
        capfd: pytest.CaptureFixture[str],
    ) -> None:
        from repro.cli import main

        words = ["train", "trainee", str(dataset), "-o", str(tmp_path / "out"), "--card", str(card)]
        code = main([*words, "--runtime", runtime, "--fold", "1", "-p", "shift=2", "-p", "n-steps=5", "--json"])

        said = capfd.readouterr()
        assert code == 0, said.err
        told = json.loads(said.out)
        assert told["predictions"] == str(tmp_path / "out" / "dms_trainee.csv")
        assert told["rows"] == 5
        assert told["training"]["hyper_params"]["n_steps"] == 5
        assert "5 predictions" in said.err
