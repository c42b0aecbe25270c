"""`repro setup` and images: what counts as unchanged, what is told, what is left behind, and what stands on what."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.errors import BuildError, NotSetUpError, SettingsError
from repro.images.build import build_image, buildkit_client
from repro.images.facts import ImageFacts, read_image
from repro.images.lock import ImageLock, write_lock
from repro.runtimes.base import BuildOptions, ModelSpec
from repro.runtimes.docker import DockerRuntime
from tests.integration.hosts import wait_for
from tests.integration.images_builds import (
    BASE,
    GUEST,
    HEAD,
    anew,
    contents,
    files_of_layer,
    layers,
    remove,
    write_model,
)
from tests.integration.registry import HOW_TO_GET_IT, registry_program, running

if TYPE_CHECKING:
    from docker import DockerClient

CONFIG = """\
licence: MIT
description: A model of the tests
models:
  small: {files: [{url: "https://example.org/small.pt", sha256: "%s"}]}
  large: {files: [{url: "https://example.org/large.pt"}]}
default_variant: small
""" % (64 * "a")


@pytest.fixture
def image(engine: DockerClient, base_image: str) -> Iterator[str]:
    name = f"repro-tests/setup:{os.getpid()}"
    yield name
    remove(engine, name)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's folder, with all that is beside the model too."""
    folder = tmp_path / "model"
    return write_model(
        folder,
        HEAD + "ARG TAG=1\n" + GUEST,
        **{"config.yaml": CONFIG, "README.md": "x", "tests__model_test.py": "x", "requirements-other.txt": "x"},
    )


def build(folder: Path, image: str, **options: object) -> list[str]:
    lines: list[str] = []
    build_image(folder, image, lines.append, BuildOptions(**options))  # type: ignore[arg-type]
    return lines


def facts(engine: DockerClient, image: str) -> ImageFacts:
    found = read_image(engine, image)
    assert found is not None
    return found


def is_up_to_date(lines: list[str]) -> bool:
    return len(lines) == 1 and lines[0].endswith("is up to date")


# ------------------------------------------------------------------------------------------------ what an image says


def test_an_image_says_what_it_is(model: Path, image: str, engine: DockerClient) -> None:
    schema = json.dumps({"inputs": {"title": "Inputs"}})
    build_image(model, image, lambda line: None, name="a-model", schema=schema)

    found = facts(engine, image)
    assert (found.model, found.version, found.licences) == ("a-model", str(os.getpid()), "MIT")
    assert (found.variants, found.baked) == (("small", "large"), ())
    assert found.weights == {"small": {"small.pt": 64 * "a"}}
    assert found.schema == {"inputs": {"title": "Inputs"}}
    assert (found.base_name, found.base_digest) == (BASE, engine.images.get(BASE).id)
    assert len(found.inputs_sha256) == 64


def test_an_image_says_of_which_revision_it_is_and_whether_that_was_changed(
    model: Path, image: str, engine: DockerClient
) -> None:
    def git(*words: str) -> str:
        identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
        done = subprocess.run(["git", "-C", str(model), *identity, *words], check=True, capture_output=True, text=True)
        return done.stdout.strip()

    build(model, image)
    assert facts(engine, image).revision == ""

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "a model")
    build(model, image, no_cache=True)
    assert facts(engine, image).revision == git("rev-parse", "HEAD")

    (model / "src" / "run.py").write_text("print('changed')\n")
    build(model, image)
    assert facts(engine, image).revision == git("rev-parse", "HEAD") + "-dirty"


def test_labels_of_a_base_do_not_shine_through(model: Path, image: str, engine: DockerClient, tmp_path: Path) -> None:
    build(model, image)
    above = f"{image}-above"
    folder = write_model(tmp_path / "above", f"FROM {image}\n")
    try:
        build(folder, above)
        assert facts(engine, above).variants == ()
        assert facts(engine, above).licences == ""
    finally:
        remove(engine, above)


# --------------------------------------------------------------------------------------------------- what travels


def test_neither_tests_nor_readme_nor_requirements_of_others_travel(
    model: Path, image: str, engine: DockerClient
) -> None:
    (model / "Dockerfile").write_text(HEAD + "COPY . .\n")
    (model / "src" / "__pycache__").mkdir()
    (model / "src" / "__pycache__" / "run.pyc").write_text("x")
    (model / ".dockerignore").write_text("requirements-other.txt\n")
    build(model, image)

    held = [files_of_layer(data) for name, data in contents(engine, image) if name.endswith("layer.tar")]
    app = {name for names in held for name in names if name.startswith("app/") and "repro_guest" not in name}
    assert app == {"app/config.yaml", "app/src/run.py"}


# ------------------------------------------------------------------------------------------------- built, or not again


@pytest.mark.parametrize("beside", ["README.md", "tests/model_test.py", "requirements-other.txt"])
def test_a_change_beside_the_model_builds_nothing(model: Path, image: str, beside: str) -> None:
    build(model, image)
    (model / beside).write_text("something else")

    assert is_up_to_date(build(model, image))


def test_a_change_of_the_code_builds_the_last_layers_alone(model: Path, image: str, engine: DockerClient) -> None:
    write_model(model, HEAD + f"RUN {anew()}true\n" + GUEST)
    build(model, image)
    before = layers(engine, image)
    (model / "src" / "run.py").write_text("print('changed')\n")

    build(model, image)

    after = layers(engine, image)
    assert after[:-1] == before[:-1]
    assert after[-1] != before[-1]


@pytest.mark.parametrize("changed", ["argument", "variants", "Dockerfile"])
def test_what_an_image_is_made_of_counts(model: Path, image: str, engine: DockerClient, changed: str) -> None:
    build(model, image)
    if changed == "argument":
        assert not is_up_to_date(build(model, image, build_args={"TAG": "2"}))
        assert is_up_to_date(build(model, image, build_args={"TAG": "2"}))
    elif changed == "variants":
        (model / "config.yaml").write_text(CONFIG + "paper: https://example.org\n")
        assert is_up_to_date(build(model, image)), "nothing of it is in the image"
        (model / "config.yaml").write_text(CONFIG.replace("large:", "larger:"))
        assert not is_up_to_date(build(model, image))
        assert facts(engine, image).variants == ("small", "larger")
    else:
        (model / "Dockerfile").write_text(HEAD + "ARG TAG=1\n" + GUEST + "CMD true\n")
        assert not is_up_to_date(build(model, image))


def test_no_cache_makes_everything_anew(model: Path, image: str, engine: DockerClient) -> None:
    (model / "Dockerfile").write_text(HEAD + "RUN date +%N > /made\n" + GUEST)
    build(model, image)
    before = layers(engine, image)

    lines = build(model, image, no_cache=True)

    assert any("date" in line for line in lines)
    assert layers(engine, image) != before


def test_an_image_that_somebody_else_gave_the_name_is_not_taken_for_ours(
    model: Path, image: str, engine: DockerClient
) -> None:
    engine.images.get(BASE).tag(image)

    assert not is_up_to_date(build(model, image))
    assert engine.images.get(BASE)


# ------------------------------------------------------------------------------------------- what is left, or is not


def test_the_image_that_had_the_name_before_stays_as_a_manifest_may_name_it(
    model: Path, image: str, engine: DockerClient
) -> None:
    build(model, image)
    old = engine.images.get(image)
    (model / "src" / "run.py").write_text("print('changed')\n")
    build(model, image)

    assert engine.images.get(old.id).tags == []
    assert engine.images.get(image).id != old.id
    engine.images.remove(old.id)


def test_a_folder_that_changed_since_its_image_was_built_is_told_at_each_start(
    model: Path, image: str, engine: DockerClient, caplog: pytest.LogCaptureFixture
) -> None:
    def told() -> list[str]:
        caplog.clear()
        DockerRuntime().find(ModelSpec("changing", model, image))
        return [message for message in caplog.messages if "has changed since its image was built" in message]

    build(model, image)
    assert told() == []
    (model / "README.md").write_text("another card")
    assert told() == [], "what is not in the image does not make it old"
    (model / "src" / "run.py").write_text("print('changed')\n")
    assert ["repro setup changing" in message for message in told()] == [True]
    build(model, image)
    assert told() == []


def test_an_old_image_that_somebody_uses_or_has_named_stays(model: Path, image: str, engine: DockerClient) -> None:
    build(model, image)
    used = engine.images.get(image)
    container = engine.containers.create(used.id, "true")
    try:
        (model / "src" / "run.py").write_text("print('changed')\n")
        build(model, image)
        assert engine.images.get(used.id).tags == []
    finally:
        container.remove()

    named = engine.images.get(image)
    kept = f"{image}-kept"
    named.tag(kept)
    try:
        (model / "src" / "run.py").write_text("print('changed again')\n")
        build(model, image)
        assert engine.images.get(named.id).tags == [kept]
    finally:
        remove(engine, kept, str(used.id))


def test_a_setup_that_is_killed_leaves_no_image_and_the_next_one_makes_it_whole(
    model: Path, image: str, engine: DockerClient, tmp_path: Path
) -> None:
    (model / "Dockerfile").write_text(HEAD + f"RUN echo {os.getpid()} && sleep 4\n" + GUEST)
    staged = tmp_path / "tmp"
    staged.mkdir()
    program = (
        "import sys; from pathlib import Path; from repro.images.build import build_image\n"
        f"build_image(Path({str(model)!r}), {image!r}, lambda line: print(line, flush=True))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(staged)},
    )
    assert process.stdout is not None
    wait_for(lambda: "RUN echo" in process.stdout.readline(), 60, "the step has begun")
    os.killpg(process.pid, signal.SIGKILL)  # with its docker client
    process.wait()
    process.stdout.close()

    spec = ModelSpec("killed", model, image)
    assert list(staged.glob(".repro-build-*")), "it was killed in the middle"
    with pytest.raises(NotSetUpError):
        DockerRuntime().find(spec)
    again = subprocess.run([sys.executable, "-c", program], env={**os.environ, "TMPDIR": str(staged)}, check=True)
    assert again.returncode == 0
    assert facts(engine, image).inputs_sha256
    assert list(staged.glob(".repro-build-*")) == [], "what the killed one left is gone"


def test_two_processes_at_once_make_one_whole_image(model: Path, image: str, engine: DockerClient) -> None:
    (model / "Dockerfile").write_text(HEAD + f"RUN echo {os.getpid()} && sleep 1\n" + GUEST)
    program = (
        "from pathlib import Path; from repro.images.build import build_image\n"
        f"build_image(Path({str(model)!r}), {image!r}, lambda line: None)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(2)]

    assert [process.wait(120) for process in processes] == [0, 0]
    assert is_up_to_date(build(model, image))


def test_a_build_that_fails_leaves_the_image_that_was_there(model: Path, image: str, engine: DockerClient) -> None:
    build(model, image)
    old = engine.images.get(image).id
    (model / "Dockerfile").write_text(HEAD + GUEST + "RUN exit 1\n")

    with pytest.raises(BuildError):
        build(model, image)

    assert engine.images.get(image).id == old
    assert not is_up_to_date(build(write_model(model, HEAD + GUEST + "CMD true\n"), image))


# -------------------------------------------------------------------------------------------------- what is told


def test_a_step_that_fails_is_told_with_its_line(model: Path, image: str) -> None:
    (model / "Dockerfile").write_text(HEAD + GUEST + "RUN --mount=type=cache,target=/c \\\n    echo before && exit 9\n")

    with pytest.raises(BuildError, match="line 5 of the Dockerfile") as raised:
        build(model, image)
    assert "before" in "\n".join(raised.value.evidence.log_tail)


def test_a_full_disk_is_told_by_its_name(model: Path, image: str) -> None:
    (model / "Dockerfile").write_text(HEAD + "RUN cat /etc/passwd > /dev/full\n")

    with pytest.raises(BuildError) as raised:
        build(model, image)
    assert "full" in raised.value.cause
    assert "repro clean --images" in raised.value.fix


def test_arguments_and_platforms_that_do_not_fit_are_told(model: Path, image: str) -> None:
    with pytest.raises(SettingsError, match="declares no ARG TAGS") as raised:
        build(model, image, build_args={"TAGS": "1"})
    assert "TAG" in raised.value.fix
    with pytest.raises(SettingsError, match="no platform"):
        build(model, image, platform="arm")
    with pytest.raises(BuildError, match="for linux/amd64, and none can be pulled for linux/s390x"):
        build(model, image, platform="linux/s390x")


# ------------------------------------------------------------------------------------------------------- its bases


def test_a_base_that_is_made_here_is_set_up_first_and_a_change_of_it_builds_what_stands_on_it(
    model: Path, image: str, engine: DockerClient, tmp_path: Path
) -> None:
    bases, name = tmp_path / "bases", f"repro-tests/base:{os.getpid()}"
    base = write_model(bases / "one", HEAD + "RUN echo 1 > /base\n", **{"config.yaml": f"image: {name}\n"})
    (model / "Dockerfile").write_text(f"FROM {name}\n{GUEST}")

    def run() -> list[str]:
        lines: list[str] = []
        build_image(model, image, lines.append, bases_dir=bases)
        return lines

    try:
        assert f"built {name}" in run()
        assert layers(engine, image)[: len(layers(engine, name))] == layers(engine, name)
        assert facts(engine, name).model == "bases/one"
        assert run() == [f"{name} is up to date", f"{image} is up to date"]

        (base / "Dockerfile").write_text(HEAD + "RUN echo 2 > /base\n")
        assert {f"built {name}", f"built {image}"} <= set(run())
        assert layers(engine, image)[: len(layers(engine, name))] == layers(engine, name)
    finally:
        remove(engine, image, name)


def test_a_base_that_is_not_the_locked_one_is_built_from_and_told(
    model: Path, image: str, engine: DockerClient
) -> None:
    write_lock(model, ImageLock({BASE: "sha256:" + 64 * "0"}))

    lines = build(model, image)

    (note,) = [line for line in lines if "is not the locked one" in line]
    assert BASE in note
    assert facts(engine, image).base_digest == engine.images.get(BASE).id
    assert is_up_to_date(build(model, image))


def test_the_locked_digest_is_built_from_whatever_the_tag_means_now(
    model: Path, image: str, engine: DockerClient, tmp_path: Path
) -> None:
    if registry_program() is None or buildkit_client() is None:
        pytest.skip(f"needs docker-registry ({HOW_TO_GET_IT}) and BuildKit")
    with running(tmp_path / "registry") as registry:
        name = f"{registry.host}/base:1"
        digests = []
        for content in ("locked", "moved"):
            write_model(tmp_path / content, f"FROM {BASE}\nRUN echo {content} > /which\n")
            build_image(tmp_path / content, name, lambda line: None)
            engine.images.push(name)
            digests += [d for d in engine.images.get(name).attrs["RepoDigests"] if d.startswith(registry.host)]
            remove(engine, name)
        locked = digests[0].partition("@")[2]
        write_lock(model, ImageLock({name: locked}))
        (model / "Dockerfile").write_text(f"FROM {name}\nRUN {anew()}cat /which\n{GUEST}")
        try:
            lines = build(model, image)
            assert any(line.strip() == "locked" for line in lines), lines
            assert facts(engine, image).base_digest == locked
            assert not any("not the locked one" in line for line in lines)
            registry.stop()
            assert is_up_to_date(build(model, image)), "no registry is asked for what is here"
        finally:
            remove(engine, image, f"{registry.host}/base@{locked}", name)


def test_a_git_repository_around_a_folder_that_is_not_part_of_it_is_not_its_revision(tmp_path: Path) -> None:
    from repro.images.revision import source_revision

    if shutil.which("git") is None:
        pytest.skip("there is no git")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "inside").mkdir()

    assert source_revision(tmp_path / "inside") == ""
