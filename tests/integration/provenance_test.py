"""A manifest rerun on another day, with a real engine: the image's name has moved on, or the image has gone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import ImageNotFound

from repro.cli import main
from repro.common.docker import DockerContainer
from repro.common.io import read_jsonl_file
from repro.model import Model
from repro.models.antiberty import DEFAULT_IMAGE as ANTIBERTY
from repro.provenance import read_manifest
from tests.moody_package import make_moody_package

if TYPE_CHECKING:
    from docker import DockerClient

IMAGE = f"repro-tests/provenance-{os.getpid()}:1.0"
KEPT = IMAGE.replace(":1.0", ":kept")
DOCKERFILE = """
FROM python:3.11-slim-bookworm
WORKDIR /app
COPY repro_guest repro_guest
COPY src/run.py run.py
USER 1000:1000
"""
TEXTS = ["abc", "déf", "you"]
Ran = tuple[int, str, str]
Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _work_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    records = [{"id": str(number), "text": text} for number, text in enumerate(TEXTS)]
    Path("in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.fixture
def repro(capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line: exit code, standard output and standard error."""

    def run(*words: str | Path) -> Ran:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: DockerClient, base_image: str) -> Iterator[Path]:
    """The run.py of a model of an installed package, whose image each test builds for itself."""
    from repro.registry import catalogue

    packages = make_moody_package(tmp_path / "packages")
    wrapper = packages / "moody" / "__init__.py"
    wrapper.write_text(wrapper.read_text().replace("moody:1.0", IMAGE))
    container = packages / "moody" / "container"
    (container / "Dockerfile").write_text(DOCKERFILE)
    monkeypatch.syspath_prepend(packages)
    catalogue.__dict__.pop("sources", None)
    yield container / "src" / "run.py"
    catalogue.__dict__.pop("sources", None)
    sys.modules.pop("moody", None)
    for image in (IMAGE, KEPT):
        with contextlib.suppress(ImageNotFound):
            engine.images.remove(image, force=True)


@pytest.fixture
def made(code: Path, repro: Run) -> Callable[[str], Path]:
    """Makes an output in Docker."""

    def make(output: str) -> Path:
        for words in (["setup", "moody", "-q"], ["predict", "moody", "in.jsonl", "-o", output]):
            ended = repro(*words, "--runtime", "docker")
            assert ended[0] == 0, ended[2]
        return Path(output)

    return make


def rebuild(repro: Run, code: Path) -> None:
    """Another image under the same name, whose answers are others."""
    code.write_text(code.read_text().replace('+ " " +', '+ "-" +'))
    ended = repro("setup", "moody", "--runtime", "docker", "-q")
    assert ended[0] == 0, ended[2]


def stage(folder: Path, context: Path) -> None:
    """What a Dockerfile of a model needs, with no setup that would look for the weights."""
    import repro.guest

    shutil.copytree(folder, context)
    shutil.copytree(Path(repro.guest.__file__).parent, context / "repro_guest")


def keep(engine: DockerClient) -> str:
    """Give the image of now another name, so that a later build leaves it; its identity."""
    image = engine.images.get(IMAGE)
    image.tag(*KEPT.split(":"))
    return str(image.id)


def identity(engine: DockerClient) -> str:
    return str(engine.images.get(IMAGE).id)


def test_manifest_names_the_image_by_its_digest(made: Callable[[str], Path], engine: DockerClient) -> None:
    made("out.jsonl")
    manifest = read_manifest("out.jsonl.repro.json")
    environment, worker = manifest.made_by.environment, manifest.worker
    assert (environment.runtime, environment.image, environment.identity) == ("docker", IMAGE, identity(engine))
    assert worker is not None
    assert worker.python.startswith("3.11.")
    assert worker.platform.startswith("Linux-")


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "npz"])
def test_image_whose_name_has_moved_on_runs_by_its_digest(
    made: Callable[[str], Path], repro: Run, code: Path, engine: DockerClient, format: str
) -> None:
    output = made(f"out.{format}")
    then = keep(engine)
    rebuild(repro, code)
    assert identity(engine) != then

    status, said, notes = repro("rerun", output, "-o", f"again.{format}")

    assert status == 0, said + notes
    assert f"the image of then, {then[:19]}, still is here and runs" in notes
    assert "nothing that is known of is different now" in said
    assert read_manifest(f"again.{format}.repro.json").made_by.environment.identity == then


def test_image_that_has_gone_is_told_and_the_one_of_that_name_runs(
    made: Callable[[str], Path], repro: Run, code: Path, engine: DockerClient
) -> None:
    output = made("out.csv")
    then = identity(engine)
    rebuild(repro, code)
    engine.images.remove(then, force=True)  # as `repro clean` does with an image that has no name any more

    status, said, notes = repro("rerun", output)

    assert status == 10
    assert f"the image of then, {then[:19]}, is not here" in notes
    assert re.search(rf"environment\.identity +{then[:30]}", said)
    assert "'hello abc'" in said
    assert "'hello-abc'" in said
    assert "different: 3 of 3 rows (said in 3)" in said


def test_rerun_in_the_other_runtime_tells_what_is_different(made: Callable[[str], Path], repro: Run) -> None:
    output = made("out.parquet")
    status, said, _ = repro("rerun", output, "--runtime", "local")
    assert status == 0
    assert re.search(r"environment\.runtime +docker +local", said)
    assert "the same: byte for byte" in said


def test_image_is_told_by_name_and_by_digest(made: Callable[[str], Path], repro: Run, engine: DockerClient) -> None:
    made("out.csv")
    by_name, by_digest = repro("info", IMAGE), repro("info", identity(engine))
    assert by_name[1].splitlines()[1:] == by_digest[1].splitlines()[1:]
    shown = by_name[1].splitlines()
    assert ["model", "moody", "1.0"] in [line.split() for line in shown]
    assert "text    string   required  what to do: raise, die, or anything else" in shown
    facts = json.loads(repro("info", IMAGE, "--json")[1])
    assert (facts["kind"], facts["identity"]) == ("image", identity(engine))


def test_weights_that_lie_in_the_image_are_told_with_the_model_and_stand_in_the_manifest(
    code: Path, repro: Run, engine: DockerClient
) -> None:
    (code.parents[1] / "config.yaml").write_text("models:\n  calm:\n    files: [{url: https://example.org/calm.pt}]\n")
    code.write_text(code.read_text().replace('("tone", "low")', '("tone", "low"), ("variant", "")'))
    labels = 'LABEL repro.model=moody repro.baked=\'["calm"]\' repro.weights=\'{"calm":{"calm.pt":"6b86b273"}}\'\n'
    (code.parents[1] / "Dockerfile").write_text(f"{DOCKERFILE}{labels}")
    context = code.parents[4] / "context"
    stage(code.parents[1], context)
    engine.images.build(path=str(context), tag=IMAGE)

    assert re.search(r"docker: yes \(sha256:\w+; with the weights of calm\)", repro("info", "moody")[1])
    status, _, notes = repro("predict", "moody", "in.jsonl", "-o", "out.csv", "--runtime", "docker")
    assert status == 0, notes
    assert read_manifest("out.csv.repro.json").made_by.weights == {"calm.pt": "6b86b273"}


def test_image_of_somebody_else_is_told_as_such(engine: DockerClient, base_image: str, repro: Run) -> None:
    status, said, notes = repro("info", base_image)
    assert status == 0
    assert "it was not built by `repro setup`" in notes
    assert str(engine.images.get(base_image).id) in said


def test_name_that_no_image_has_is_told(engine: DockerClient, repro: Run) -> None:
    for name in ("repro-tests/none:1.0", "No Image Can Be Called So"):
        status, _, notes = repro("info", name)
        assert status == 2
        assert "no model, image or file is called" in notes


@Model.register("classic-for-provenance-model")
class Classic(Model):
    """A model in the form of the predecessor's tutorial: a container a call, no schema, an `__init__` of its own."""

    def __init__(self, image: str = IMAGE) -> None:
        self.image = image

    def predict_batch(self, inputs: list[dict[str, str]]) -> list[str]:  # type: ignore[override]
        with DockerContainer(self.image) as backend:
            host, inside = backend.host_dir, backend.container_dir
            Path(host, "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in inputs))
            backend.run_command(f"python run.py --input-file {inside}/in.jsonl --output-file {inside}/out.jsonl")
            return [row["said"] for row in read_jsonl_file(f"{host}/out.jsonl")]


def test_model_of_the_classic_form_has_a_manifest_and_is_done_again(
    made: Callable[[str], Path], repro: Run, code: Path, engine: DockerClient
) -> None:
    made("not-classic.csv")
    then = keep(engine)
    assert repro("predict", "classic-for-provenance-model", "in.jsonl", "-o", "out.csv")[0] == 0
    manifest = read_manifest("out.csv.repro.json")
    assert (manifest.worker, manifest.made_by.environment.identity) == (None, then)
    assert manifest.host.cpu
    rebuild(repro, code)
    status, said, notes = repro("rerun", "out.csv")
    assert status == 0, said + notes
    assert "still is here and runs" in notes
    assert "none: the model starts a container a call" in repro("info", "out.csv")[1]
    assert repro("rerun", "out.csv", "--device", "0")[0] == 2


@pytest.mark.parametrize("format", ["parquet", "npz"])
def test_embeddings_come_out_again_and_the_manifest_tells_what_computed_them(
    engine: DockerClient, repro: Run, format: str
) -> None:
    try:
        engine.images.get(ANTIBERTY)
    except ImageNotFound:
        pytest.skip("antiberty is not set up for docker: repro setup antiberty --runtime docker")
    Path("in.fasta").write_text(">a\nEVQLVESGGGLVQPGGSLRLSCAAS\n>b\nDIQMTQSPSSLSASVGDRVTITC\n")
    output = Path(f"out.{format}")
    status, _, notes = repro("predict", "antiberty", "in.fasta", "-o", output, "--runtime", "docker")
    assert status == 0, notes
    worker: Any = read_manifest(f"{output}.repro.json").worker
    assert worker.libraries["torch"]["version"] == worker.packages["torch"]
    assert "built" in worker.libraries["torch"]
    assert worker.threads["torch"] >= 1
    status, said, notes = repro("rerun", output)
    assert status == 0, said + notes
    assert "the same: byte for byte" in said
