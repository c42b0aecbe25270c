"""`repro clean --images` removes what repro has built, and nothing else, from a real engine."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker.errors import APIError
from docker.types import Mount

from repro.cli import main
from repro.config import Variant, WeightFile
from repro.housekeeping import Finding, Leftover
from repro.housekeeping.images import own_images
from repro.housekeeping.inventory import inventory
from repro.housekeeping.weights import weights
from repro.images.build import build_image
from repro.images.facts import BASE_DIGEST, BASE_NAME, INPUTS, MODEL, REPRO, VERSION
from repro.images.made import made_images, record_made
from repro.registry import Catalogue
from repro.settings import Settings, load_settings
from repro.weights import fetch_variant
from tests.integration.images_builds import write_model
from tests.integration.registry import registry_program, running
from tests.moody_package import make_moody_package

if TYPE_CHECKING:
    from docker import DockerClient

TIDY = f"tidy{os.getpid()}"
LAB = f"lab-{TIDY}"
"""Names of repositories in which nobody else builds."""
LABELS = {REPRO: "0.1.0", MODEL: TIDY, VERSION: "1.0", INPUTS: "1" * 64}
Build = Callable[..., str]


@pytest.fixture(params=["classic", "buildkit"])
def build(request: pytest.FixtureRequest, engine: DockerClient) -> Iterator[Build]:
    """Builds an image with either builder; all that a test has built is gone after it.

    One that gets labels and a name is recorded as repro's own builds are, unless it is the user's.
    """
    from repro.images.buildkit import buildkit_client

    made: list[str] = []
    docker = buildkit_client()
    if request.param == "buildkit" and docker is None:
        pytest.skip("no docker client here has BuildKit")

    def build(
        dockerfile: str,
        tag: str | None = None,
        labels: dict[str, str] | None = None,
        by_user: bool = False,
        **files: int,
    ) -> str:
        context = _context(dockerfile, files)
        if request.param == "buildkit":
            words = [docker, "build", "--quiet", *_options("--label", labels or {}), *(["--tag", tag] if tag else [])]
            environ = {**os.environ, "DOCKER_BUILDKIT": "1"}
            done = subprocess.run([*words, "-"], input=context, env=environ, capture_output=True, check=True)
            identity = done.stdout.decode().strip()
        else:
            stream = io.BytesIO(context)
            image, _ = engine.images.build(fileobj=stream, custom_context=True, tag=tag, labels=labels or {}, rm=True)
            identity = str(image.id)
        made.append(identity)
        if labels and tag and not by_user:
            record_made(engine, tag)
        return identity

    yield build
    _remove_all(engine, made)


def _context(dockerfile: str, files: dict[str, int]) -> bytes:
    packed = io.BytesIO()
    contents = {"Dockerfile": dockerfile.encode(), **{name: os.urandom(size) for name, size in files.items()}}
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _options(name: str, labels: dict[str, str]) -> list[str]:
    return [word for key, value in labels.items() for word in (name, f"{key}={value}")]


def _remove_all(engine: DockerClient, images: list[str]) -> None:
    from docker.errors import ImageNotFound

    for container in engine.containers.list(all=True, filters={"name": TIDY}):
        container.remove(force=True)
    for identity in reversed([*images, *_children(engine, images)]):
        try:
            engine.images.remove(identity, force=True)
        except ImageNotFound:
            continue


def _children(engine: DockerClient, images: list[str]) -> list[str]:
    """What the classic builder keeps on top of images, in the order in which it was made."""
    found = [image["Id"] for image in engine.api.images(all=True) if image.get("ParentId") in images]
    new = [identity for identity in found if identity not in images]
    return [*new, *_children(engine, new)] if new else []


@pytest.fixture
def exists(engine: DockerClient) -> Callable[[str], bool]:
    from docker.errors import ImageNotFound

    def exists(name: str) -> bool:
        try:
            engine.images.get(name)
        except ImageNotFound:
            return False
        return True

    return exists


def going(engine: DockerClient, **what: object) -> list[Leftover]:
    """What can go of the images that these tests have built."""
    return [one for one in found(engine, **what).leftovers if one.model == TIDY]


def found(engine: DockerClient, *models: str, **what: object) -> Finding:
    return own_images(engine, made_images(load_settings().cache_dir), **{"models": models, **what})  # type: ignore[arg-type]


def reason(engine: DockerClient, name: str) -> str:
    return next(one.why for one in found(engine, TIDY).kept if name in one.name)


def test_image_of_ours_goes_and_what_is_beside_it_stays(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=1000)
    same_name = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:by-hand", a=1000)
    untagged = build("FROM scratch\nCOPY a /a\n", None, a=1000)
    volume = engine.volumes.create(f"{TIDY}-volume")

    for leftover in going(engine, models=[TIDY]):
        leftover.remove()

    assert not exists(ours)
    assert exists(same_name)
    assert exists(untagged)
    assert engine.volumes.get(volume.id)
    volume.remove()


def test_steps_of_a_build_go_with_its_image(engine: DockerClient, build: Build, exists: Callable[[str], bool]) -> None:
    base = build("FROM scratch\nCOPY a /a\n", f"{LAB}/base:1", a=1000)
    labels = {**LABELS, BASE_NAME: f"{LAB}/base:1"}
    build(f"FROM {LAB}/base:1\nCOPY b /b\nCOPY c /c\n", f"{LAB}/{TIDY}:1.0", labels, b=10, c=10)

    (leftover,) = going(engine)
    leftover.remove()

    assert _children(engine, [base]) == []
    assert exists(base)


def test_untagged_image_of_the_user_under_ours_stays(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    theirs = build("FROM scratch\nCOPY a /a\n", f"{LAB}/base:1", a=1000)
    labels = {**LABELS, BASE_NAME: f"{LAB}/base:1"}
    build(f"FROM {LAB}/base:1\nCOPY b /b\n", f"{LAB}/{TIDY}:1.0", labels, b=10)
    build("FROM scratch\nCOPY a /a\n", f"{LAB}/base:1", a=1000)  # the name moves on

    (leftover,) = going(engine)
    leftover.remove()

    assert exists(theirs)


def test_steps_of_a_build_go_also_when_their_base_has_lost_its_name(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    base = build("FROM scratch\nCOPY a /a\n", f"{LAB}/base:1", a=1000)
    labels = {**LABELS, BASE_NAME: f"{LAB}/base:1", BASE_DIGEST: base}
    build(f"FROM {LAB}/base:1\nCOPY b /b\n", f"{LAB}/{TIDY}:1.0", labels, b=10)
    build("FROM scratch\nCOPY a /a\n", f"{LAB}/base:1", a=1000)

    (leftover,) = going(engine)
    leftover.remove()

    assert _children(engine, [base]) == []
    assert exists(base)


def test_image_that_a_container_uses_stays_also_when_it_has_stopped(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    container = engine.containers.create(ours, command="/a", name=f"{TIDY}-theirs")

    assert going(engine) == []
    assert reason(engine, TIDY) == f"the container {TIDY}-theirs uses it"

    # One that is itself removed first uses nothing.
    (leftover,) = going(engine, going=[container.id])
    with pytest.raises(OSError, match="does not remove it"):  # and if it is there after all, the engine refuses
        leftover.remove()
    container.remove()
    leftover.remove()
    assert not exists(ours)


def test_container_that_has_lost_its_owner_goes_together_with_its_image(
    engine: DockerClient, build: Build, exists: Callable[[str], bool], capfd: pytest.CaptureFixture[str]
) -> None:
    import platform

    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    labels = {REPRO: "0.1.0", MODEL: TIDY, "repro.pid": str(gone.pid), "repro.host": platform.node()}
    container = engine.containers.create(ours, command="/a", name=f"{TIDY}-stopped", labels=labels)

    assert main(["clean", "--images", "--model", TIDY, "--yes"]) == 0

    shown = capfd.readouterr().out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["container", "image"]
    assert container.id not in [one.id for one in engine.containers.list(all=True)]
    assert not exists(ours)


def test_image_that_the_user_built_from_ours_is_the_users_and_holds_ours(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    named = build(f"FROM {LAB}/{TIDY}:1.0\nENV X=1\n", f"{LAB}/mine:1")
    untagged = build(f"FROM {LAB}/{TIDY}:1.0\nCOPY b /b\n", b=10)

    assert going(engine) == []
    assert "stands on it" in reason(engine, TIDY)

    engine.images.remove(untagged)
    engine.images.remove(named)
    (leftover,) = going(engine)
    leftover.remove()
    assert not exists(ours)


def test_image_that_was_committed_from_a_worker_is_the_users(engine: DockerClient, build: Build) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    labels = {REPRO: "0.1.0", MODEL: TIDY, "repro.pid": "1"}
    container = engine.containers.create(ours, command="/a", name=f"{TIDY}-worker", labels=labels)
    committed = container.commit(f"{LAB}/{TIDY}", "mine")
    container.remove()

    assert going(engine) == []
    assert reason(engine, TIDY).endswith("stands on it")
    engine.images.remove(str(committed.id))


@pytest.mark.parametrize("name", [f"{LAB}/precious:1.0", f"{LAB}/{TIDY}:paper", f"my{LAB}/{TIDY}:1.0"])
def test_image_to_which_the_user_gave_a_name_stays(engine: DockerClient, build: Build, name: str) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    engine.images.get(ours).tag(name)

    assert going(engine) == []
    assert reason(engine, TIDY) == f"it is also called {name}"

    engine.images.remove(f"{LAB}/{TIDY}:1.0")  # now it has the user's name alone, and is the user's
    assert found(engine, TIDY) == Finding()


@pytest.mark.parametrize("has_name", [True, False])
def test_name_that_publishing_gave_goes_with_the_image(
    engine: DockerClient, build: Build, exists: Callable[[str], bool], tmp_path: Path, has_name: bool
) -> None:
    if registry_program() is None:
        pytest.skip("there is no docker-registry")
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    with running(tmp_path / "registry") as registry:
        name = f"{registry.host}/{LAB}/{TIDY}"
        engine.images.get(ours).tag(name, "1.0")
        engine.images.push(name, "1.0")
    if not has_name:
        engine.images.remove(f"{name}:1.0")  # the engine keeps its digest, and the image for it

    (leftover,) = going(engine)
    leftover.remove()

    assert not exists(ours)


@pytest.fixture
def build_as_repro(engine: DockerClient, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Builds the image of a model with that text in it, as `repro setup` does, and gives its identity."""
    folder = tmp_path / TIDY
    made: list[str] = []

    def build(text: str) -> str:
        write_model(folder, "FROM scratch\nCOPY src/run.py run.py\nCOPY text text\n", text=text)
        build_image(folder, f"{LAB}/{TIDY}:1.0", lambda _: None)
        made.append(str(engine.images.get(f"{LAB}/{TIDY}:1.0").id))
        return made[-1]

    yield build
    _remove_all(engine, made)


def test_image_that_the_user_built_from_ours_stays_when_ours_has_been_built_anew_or_has_gone(
    engine: DockerClient, build: Build, build_as_repro: Callable[[str], str], exists: Callable[[str], bool]
) -> None:
    first = build_as_repro("first")
    named = build(f"FROM {LAB}/{TIDY}:1.0\nCOPY b /b\n", f"my{LAB}/{TIDY}:1.0", b=10)
    untagged = build(f"FROM {LAB}/{TIDY}:1.0\nCOPY c /c\n", c=10)
    second = build_as_repro("second")
    assert (exists(first), first != second) == (True, True)

    assert [leftover.name for leftover in going(engine)] == [f"{LAB}/{TIDY}:1.0"]
    if first in [image.id for image in engine.images.list()]:  # the engine hides what the classic builder's stand on
        assert "stands on it" in reason(engine, first[7:19])

    with contextlib.suppress(APIError):  # and does not remove it before them
        engine.images.remove(first)
    for leftover in going(engine):
        leftover.remove()
    assert (exists(named), exists(untagged), exists(second)) == (True, True, False)
    if not exists(first):
        assert reason(engine, f"my{LAB}/{TIDY}") == "it cannot be told from one of yours"
        assert reason(engine, untagged[7:19]) == "it cannot be told from one of yours"


def test_image_that_a_build_has_replaced_goes_when_asked_for(
    engine: DockerClient, build_as_repro: Callable[[str], str], exists: Callable[[str], bool]
) -> None:
    first, second = build_as_repro("first"), build_as_repro("second")

    assert main(["clean", "--images", "--model", TIDY, "--yes"]) == 0

    assert (exists(first), exists(second)) == (False, False)


@pytest.mark.parametrize("tag", [f"{LAB}/{TIDY}:1.0", None])
def test_image_with_our_labels_that_no_build_of_ours_made_stays(
    engine: DockerClient, build: Build, exists: Callable[[str], bool], tag: str | None
) -> None:
    theirs = build("FROM scratch\nCOPY a /a\n", tag, LABELS, by_user=True, a=10)

    assert going(engine) == []
    assert reason(engine, tag or theirs[7:19]) == "it cannot be told from one of yours"
    assert main(["clean", "--images", "--model", "tutorial", "--yes"]) == 0
    assert exists(theirs)


def test_base_image_stays_for_the_models_that_stand_on_it_and_goes_with_the_last(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    base_labels = {**LABELS, MODEL: f"bases/{TIDY}base", VERSION: "1", INPUTS: "2" * 64}
    base = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}base:1", base_labels, a=100_000)
    on_base = f"FROM {LAB}/{TIDY}base:1\nCOPY b /b\n"
    labels = {**LABELS, BASE_NAME: f"{LAB}/{TIDY}base:1"}
    other_labels = {**labels, MODEL: f"{TIDY}other", INPUTS: "3" * 64}
    one = build(on_base, f"{LAB}/{TIDY}:1.0", labels, b=1000)
    other = build(on_base, f"{LAB}/{TIDY}other:1.0", other_labels, b=1000)

    alone = found(engine, TIDY, f"{TIDY}base")
    assert [leftover.name for leftover in alone.leftovers] == [f"{LAB}/{TIDY}:1.0"]
    assert [(kept.name, kept.why) for kept in alone.kept] == [
        (f"{LAB}/{TIDY}base:1", f"{LAB}/{TIDY}other:1.0 stands on it")
    ]

    together = found(engine, TIDY, f"{TIDY}base", f"{TIDY}other").leftovers
    assert together[-1].name == f"{LAB}/{TIDY}base:1"
    for leftover in together:
        leftover.remove()
    assert not any(map(exists, (base, one, other)))


def test_layers_that_images_share_are_counted_once_and_only_when_the_last_one_goes(
    engine: DockerClient, build: Build
) -> None:
    build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}base:1", {**LABELS, MODEL: f"{TIDY}base", VERSION: "1"}, a=100_000)
    on_base = f"FROM {LAB}/{TIDY}base:1\nCOPY b /b\n"
    build(on_base, f"{LAB}/{TIDY}:1.0", LABELS, b=1000)
    build(on_base, f"{LAB}/{TIDY}:2.0", {**LABELS, VERSION: "2.0", INPUTS: "2" * 64}, b=2000)

    models_alone = found(engine, TIDY).leftovers
    all_of_them = found(engine, TIDY, f"{TIDY}base").leftovers

    assert sum(one.size_bytes for one in models_alone) == 3000
    assert sum(one.size_bytes for one in all_of_them) == 103_000


def test_image_that_a_later_build_has_replaced_goes(
    engine: DockerClient, build: Build, exists: Callable[[str], bool]
) -> None:
    older = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    newer = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", {**LABELS, INPUTS: "2" * 64}, a=10)

    replaced = {one.why: one for one in going(engine)}["a later build has its name"]
    replaced.remove()

    assert not exists(older)
    assert exists(newer)


def test_without_a_yes_nothing_is_removed_where_nobody_can_be_asked(
    engine: DockerClient, build: Build, exists: Callable[[str], bool], capfd: pytest.CaptureFixture[str]
) -> None:
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)

    assert main(["clean", "--images", "--model", TIDY]) == 2

    assert "--yes" in capfd.readouterr().err
    assert exists(ours)
    assert main(["clean", "--images", "--model", TIDY, "--dry-run"]) == 0
    assert f"{LAB}/{TIDY}:1.0" in capfd.readouterr().out
    assert exists(ours)


def test_image_of_a_model_is_listed_with_its_size(
    engine: DockerClient, build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(make_moody_package(tmp_path))
    monkeypatch.setattr("repro.housekeeping.inventory.catalogue", Catalogue())
    settings = Settings(cache_dir=tmp_path / "cache", weights_dir=tmp_path / "weights")

    def size_bytes() -> int | None:
        return next(model.image_bytes for model in inventory(settings, engine) if model.name == "moody")

    assert size_bytes() is None
    build("FROM scratch\nCOPY a /a\n", "moody:1.0", a=1234)
    assert size_bytes() == 1234


def test_weights_that_are_mounted_into_a_container_stay(engine: DockerClient, build: Build, tmp_path: Path) -> None:
    source, store = tmp_path / "weights.pt", tmp_path / "weights"
    source.write_bytes(b"x" * 1000)
    variant = Variant("small", files=(WeightFile("weights.pt", url=source.as_uri()),))
    folder = fetch_variant("lender", variant, store)
    settings = Settings(cache_dir=tmp_path / "cache", weights_dir=store)
    ours = build("FROM scratch\nCOPY a /a\n", f"{LAB}/{TIDY}:1.0", LABELS, a=10)
    mount = Mount("/weights", str(folder), type="bind", read_only=True)
    container = engine.containers.create(ours, command="/a", name=f"{TIDY}-reader", mounts=[mount])

    assert weights(settings, engine).leftovers == ()
    assert [kept.why for kept in weights(settings, engine).kept] == ["a worker reads them"]

    container.remove()
    (leftover,) = weights(settings, engine).leftovers
    assert (leftover.name, leftover.size_bytes) == ("lender/small", 1000)
