"""Every leaf of the tree of errors, caused for real: each says what to do, survives pickling and shows no secret."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from repro.common.docker import DockerContainer
from repro.errors import (
    AwsUnavailableError,
    BuildError,
    CallTimeoutError,
    CommandError,
    DeviceError,
    EngineUnavailableError,
    InputFileError,
    ModelNotFoundError,
    NotSetUpError,
    OutOfMemoryError,
    OutputError,
    PredictionError,
    ProtocolError,
    RecordError,
    RegistryError,
    ReproError,
    SessionClosedError,
    SettingsError,
    StartTimeoutError,
    TrainingError,
    WeightsError,
    WorkerCrashedError,
    WorkerStartError,
)
from repro.images.pull import pull_image, what_to_pull
from repro.model import Model
from repro.runtimes.docker import DockerRuntime
from repro.runtimes.engine import connect
from tests.integration.misbehaving_model import MisbehavingModel

SECRET = "hunter2-hunter2"


@dataclass
class Scene:
    """What the causes need: a model's keywords, a folder, the environment's variables, the image."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    request: pytest.FixtureRequest

    @property
    def image(self) -> str:
        image: str = self.request.getfixturevalue("misbehaving_image")
        return image

    def model(self, **keywords: Any) -> MisbehavingModel:
        self.monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
        model = MisbehavingModel(**{"runtime": "local", **keywords})
        self.request.addfinalizer(model.close)
        return model

    def predict(self, do: str, **keywords: Any) -> Any:
        return self.model(**keywords).predict({"do": do, "text": SECRET})


Cause = Callable[[Scene], object]


def build_error(scene: Scene) -> None:
    from repro.runtimes.base import ModelSpec
    from repro.runtimes.local import LocalRuntime
    from repro.settings import Settings

    (scene.folder / "requirements.txt").write_text(f"no such requirement {SECRET}\n")
    spec = ModelSpec("broken", scene.folder, "broken:1.0")
    LocalRuntime(Settings(cache_dir=scene.folder / "cache")).setup(spec, lambda line: None)


def device_error(scene: Scene) -> None:
    if Path("/dev/nvidiactl").exists():
        scene.predict("reverse", device=1000)
    scene.predict("reverse", device=0)


def engine_unavailable(scene: Scene) -> None:
    scene.monkeypatch.setenv("DOCKER_HOST", f"unix:///{SECRET}/docker.sock")
    DockerRuntime().find(MisbehavingModel.spec("absent:1.0"))


def input_file_error(scene: Scene) -> None:
    from repro.common.io import read_jsonl_file

    (scene.folder / "in.jsonl").write_text(f"not JSON: {SECRET}\n")
    read_jsonl_file(scene.folder / "in.jsonl")


def command_error(scene: Scene) -> None:
    with DockerContainer(scene.image) as container:
        container.run_command(f"echo {SECRET}; exit 1")


def output_error(scene: Scene) -> None:
    scene.monkeypatch.setenv("REPRO_EXCHANGE_DIR", str(scene.folder / SECRET))
    scene.predict("reverse")


def session_closed(scene: Scene) -> None:
    model = scene.model()
    session = model.session
    model.close()
    session.start()


def protocol_error(scene: Scene) -> None:
    scene.predict("too-few")


def registry_error(scene: Scene) -> None:
    pull_image(connect(), what_to_pull(Model.by_name("tutorial").spec(), f"127.0.0.1:9/{SECRET.lower()}"))


def aws_unavailable(scene: Scene) -> None:
    from repro.engines.sagemaker import account
    from repro.engines.sagemaker.state import read_state

    scene.monkeypatch.setattr(account, "_ATTEMPTS", 1)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        scene.monkeypatch.setenv(name, SECRET)
    scene.monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    read_state("a-job", account.Account.open("eu-west-1"))


def training_error(scene: Scene) -> None:
    (scene.folder / "dms.csv").write_text("mutant,mutated_sequence,DMS_score\nM1W,WKT,1\nK2W,MWT,2\n")
    (scene.folder / "card.toml").write_text(f'name = "misbehaving"\n[hyper_params]\nsuffix = "{SECRET}"\n')
    scene.model().train(scene.folder / "dms.csv", scene.folder / "out", scene.folder / "card.toml", split="modulo_2")


def weights_error(scene: Scene) -> None:
    Model.by_name("esm")(runtime="local", weights=scene.folder / SECRET).predict({"sequence": "MKT"})


CAUSES: dict[type[ReproError], Cause] = {
    AwsUnavailableError: aws_unavailable,
    BuildError: build_error,
    CallTimeoutError: lambda scene: scene.predict("hang", call_timeout_s=0.3),
    CommandError: command_error,
    DeviceError: device_error,
    EngineUnavailableError: engine_unavailable,
    InputFileError: input_file_error,
    ModelNotFoundError: lambda scene: Model.by_name(f"tutorial {SECRET}"),
    NotSetUpError: lambda scene: scene.predict("reverse", runtime="docker", image="repro-tests/absent:1.0"),
    OutOfMemoryError: lambda scene: scene.predict("allocate", runtime="docker", image=scene.image, memory="64m"),
    OutputError: output_error,
    PredictionError: lambda scene: scene.predict("raise"),
    ProtocolError: protocol_error,
    RecordError: lambda scene: scene.model().predict({"do": 7, "sequnce": SECRET}),
    SessionClosedError: session_closed,
    RegistryError: registry_error,
    SettingsError: lambda scene: scene.model(memory=SECRET),
    StartTimeoutError: lambda scene: scene.predict("reverse", seconds=60.0, start_timeout_s=0.5),
    TrainingError: training_error,
    WeightsError: weights_error,
    WorkerCrashedError: lambda scene: scene.predict("segfault"),
    WorkerStartError: lambda scene: scene.predict("reverse", at_load="raise"),
}
NEEDS_AN_ENGINE = {CommandError, NotSetUpError, OutOfMemoryError}


def leaves(kind: type[ReproError] = ReproError) -> set[type[ReproError]]:
    children = kind.__subclasses__()
    return {leaf for child in children for leaf in leaves(child)} if children else {kind}


def test_every_leaf_has_a_cause() -> None:
    assert set(CAUSES) == leaves()


@pytest.mark.parametrize("kind", CAUSES, ids=lambda kind: kind.__name__)
def test_it_is_raised_says_what_to_do_survives_pickling_and_shows_no_secret(
    kind: type[ReproError], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    if kind in NEEDS_AN_ENGINE:
        request.getfixturevalue("engine")
    monkeypatch.setenv("SOME_TOKEN", SECRET)

    with pytest.raises(ReproError) as caught:
        CAUSES[kind](Scene(tmp_path, monkeypatch, request))

    error = caught.value
    assert type(error) is kind
    assert error.message
    assert error.fix or error.cause or isinstance(error, PredictionError)
    assert SECRET not in str(error) + repr(error) + repr(vars(error))
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
