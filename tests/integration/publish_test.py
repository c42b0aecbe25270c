"""Publishing and pulling images, with a real registry on loopback."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import io
import json
import os
import random
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from docker.errors import ImageNotFound
from pydantic import BaseModel

from repro import MODELS_ROOT
from repro.cli import main
from repro.errors import NotSetUpError, OutputError, RegistryError
from repro.images import facts as labels
from repro.images.attaching import attach_sbom
from repro.images.lock import LOCK_FILE, ImageLock, read_lock, write_lock
from repro.images.lock import Published as Entry
from repro.images.packages import Packages, PythonPackage
from repro.images.publish import Permissions, plan_publication, publish
from repro.images.pull import pull_image, what_to_pull
from repro.images.referrers import referrers_tag
from repro.images.registry import RegistryClient, digest_of
from repro.images.repository import Repository
from repro.images.sbom import FILE_NAME
from repro.images.transfer import LayerState
from repro.model import Model
from repro.runtimes.base import ModelSpec
from repro.runtimes.docker import DockerRuntime
from repro.runtimes.engine import connect
from tests.integration.registry import HOW_TO_GET_IT, PASSWORD, ROOT, USER, Line, Registry, registry_program, running

if TYPE_CHECKING:
    from docker import DockerClient

AUTOMATICALLY_PUBLISH = True  # of the models of this file: they are pulled when they are missing
NAMESPACE = "lab"
SMALL_BYTES, LARGE_BYTES = 1000, 8_000_000
OTHER_DIGEST = f"sha256:{'0' * 64}"

MakeImage = Callable[..., str]
Said = tuple[int, str, str]
Repro = Callable[..., Said]


class Inputs(BaseModel):
    text: str


@Model.register("published-model")
class Published(Model):
    """Reverses text, in an image that is small apart from its base."""

    default_image = f"repro-tests/published-{os.getpid()}:1.0"
    Inputs = Inputs


@Model.register("tiny-model")
class Tiny(Model):
    """An image of two layers and nothing that could run."""

    default_image = f"repro-tests/tiny-{os.getpid()}:1.0"


@pytest.fixture(autouse=True)
def _login_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture(scope="module")
def _program() -> None:
    if registry_program() is None:
        if os.environ.get("REPRO_REQUIRE_ENGINE") == "1":
            pytest.fail(f"there is no docker-registry: {HOW_TO_GET_IT}", pytrace=False)
        pytest.skip(f"there is no docker-registry: {HOW_TO_GET_IT}")


@pytest.fixture
def registry(_program: None, engine: DockerClient, tmp_path: Path) -> Iterator[Registry]:
    with running(tmp_path / "registry") as registry:
        yield registry
        remove_images(engine, registry.host)


@pytest.fixture
def closed_registry(_program: None, engine: DockerClient, tmp_path: Path) -> Iterator[Registry]:
    """One that wants a login."""
    with running(tmp_path / "registry", wants_login=True) as registry:
        yield registry
        remove_images(engine, registry.host)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The container side of the models of this file."""
    folder = tmp_path / "container"
    shutil.copytree(Path(MODELS_ROOT) / "tutorial", folder, ignore=shutil.ignore_patterns(LOCK_FILE))
    monkeypatch.setattr(Published, "folder", folder)
    monkeypatch.setattr(Tiny, "folder", folder)
    return folder


@pytest.fixture
def make_image(engine: DockerClient, folder: Path) -> Iterator[MakeImage]:
    """Makes the image of Tiny, each time with another content; returns its identity."""

    def make(content: str = "a", **told: str) -> str:
        context = tar(
            {
                "Dockerfile": b"FROM scratch\nADD small /\nADD large /\n",
                "small": random.Random(content).randbytes(SMALL_BYTES),
                "large": random.Random(f"{content} ").randbytes(LARGE_BYTES),
            }
        )
        labelled = {labels.REVISION: "0123456789abcdef", **told}
        image, _ = engine.images.build(
            fileobj=context, custom_context=True, tag=Tiny.default_image, rm=True, labels=labelled, nocache=True
        )
        return str(image.id)

    yield make
    remove_images(engine, Tiny.default_image.partition(":")[0])


@pytest.fixture
def published_image(engine: DockerClient, base_image: str, folder: Path) -> Iterator[str]:
    assert main(["setup", "published-model", "--runtime", "docker", "-q"]) == 0
    yield Published.default_image
    remove_images(engine, Published.default_image.partition(":")[0])


@pytest.fixture
def repro(capfd: pytest.CaptureFixture[str]) -> Repro:
    def run(*words: str) -> Said:
        capfd.readouterr()
        code = main([str(word) for word in words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def tar(files: dict[str, bytes]) -> io.BytesIO:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def remove_images(engine: DockerClient, prefix: str) -> None:
    """Remove every name that begins so, and what nothing else names."""
    for image in engine.api.images():
        for name in [*(image["RepoTags"] or ()), *(image["RepoDigests"] or ())]:
            if name.startswith(prefix):
                with contextlib.suppress(ImageNotFound):  # the last name takes the digests with it
                    engine.api.remove_image(name, force=True)


def log_in(host: str, tmp_path: Path, password: str = PASSWORD) -> None:
    """What `docker login` leaves behind."""
    token = base64.b64encode(f"{USER}:{password}".encode()).decode()
    (tmp_path / "docker").mkdir(exist_ok=True)
    (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": {host: {"auth": token}}}))


def place(registry: Registry | Line) -> str:
    return f"{registry.host}/{NAMESPACE}"


def published_tiny(registry: Registry) -> str:
    """Publish Tiny; its digest."""
    return publish(plan_publication(Tiny, place(registry))).manifest.digest


# ------------------------------------------------------------------------------------------------ there and back again


def test_image_is_published_removed_here_pulled_and_predicts_with_the_same_digest(
    engine: DockerClient, registry: Registry, published_image: str, folder: Path, repro: Repro
) -> None:
    code, out, err = repro("publish", "published-model", "--registry", place(registry), "--allow-dirty")
    assert code == 0, err
    recorded = read_lock(folder).published["1.0"]
    assert recorded.repository == f"{place(registry)}/published"
    assert out == f"{recorded.repository}:1.0@{recorded.digest}\n"
    assert registry.blob(recorded.digest).is_file()
    identity = engine.images.get(published_image).id

    remove_images(engine, published_image.partition(":")[0])
    remove_images(engine, registry.host)
    code, out, err = repro("pull", "published-model", "--json")
    assert code == 0, err
    assert json.loads(out)["digest"] == recorded.digest
    assert json.loads(out)["was_here_already"] is False
    assert engine.images.get(published_image).id == identity
    with Published(runtime="docker") as model:
        assert model.predict({"text": "abc"}) == {"output": "cba"}

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str((folder / FILE_NAME).read_text()) is None
    bill = json.loads((folder / FILE_NAME).read_text())
    assert bill["metadata"]["component"]["hashes"][0]["content"] == recorded.digest.removeprefix("sha256:")
    assert {"apt", "pip"} <= {component["name"] for component in bill["components"]}
    listed = RegistryClient(Repository.of_image(recorded.repository), is_insecure=True).manifest(
        referrers_tag(recorded.digest)
    )
    assert listed is not None
    attached = json.loads(registry.blob(listed.document["manifests"][0]["digest"]).read_text())
    assert attached["subject"]["digest"] == recorded.digest
    assert registry.blob(attached["layers"][0]["digest"]).read_bytes() == (folder / FILE_NAME).read_bytes()


def test_missing_image_that_is_published_is_pulled_at_the_first_call(
    engine: DockerClient, registry: Registry, make_image: MakeImage
) -> None:
    identity = make_image()
    published_tiny(registry)
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    assert DockerRuntime().find(Tiny.spec()).identity == identity


def test_image_that_a_user_names_by_its_digest_is_pulled_by_it(
    engine: DockerClient, registry: Registry, make_image: MakeImage
) -> None:
    identity = make_image()
    name = f"{place(registry)}/tiny@{published_tiny(registry)}"
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    assert DockerRuntime().find(Tiny.spec(name)).identity == identity
    assert names_of(engine) == []


def test_publishing_again_pushes_nothing_and_says_so(registry: Registry, make_image: MakeImage, repro: Repro) -> None:
    make_image()
    words = ("publish", "tiny-model", "--registry", place(registry), "--no-sbom")
    first = repro(*words)
    second = repro(*words)
    assert (first[0], second[0]) == (0, 0)
    assert first[1] == second[1]
    assert "was published already, with this content: nothing to push" in second[2]


def test_pulling_what_is_here_already_asks_no_registry(registry: Registry, make_image: MakeImage, repro: Repro) -> None:
    make_image()
    published_tiny(registry)
    registry.stop()
    code, out, _ = repro("pull", "tiny-model", "--json")
    assert code == 0
    assert json.loads(out)["was_here_already"] is True


def test_layers_are_told_as_they_go(registry: Registry, make_image: MakeImage) -> None:
    make_image()
    told: list[LayerState] = []
    publish(plan_publication(Tiny, place(registry)), told.append)
    assert len({state.layer for state in told}) == 2
    assert any(state.doing == "Pushing" and state.total_bytes == LARGE_BYTES for state in told)
    assert sum(state.doing == "Pushed" for state in told) == 2


def test_dry_run_says_whether_the_version_is_there_and_pushes_nothing(
    registry: Registry, make_image: MakeImage, folder: Path, repro: Repro
) -> None:
    make_image()
    words = ("publish", "tiny-model", "--registry", place(registry), "--dry-run")
    code, out, _ = repro(*words)
    assert code == 0
    assert "not there yet" in out
    assert registry.tags("lab/tiny") == []
    assert read_lock(folder).published == {}
    digest = published_tiny(registry)
    assert f"there already, with this content ({digest})" in repro(*words)[1]
    assert json.loads(repro(*words, "--json")[1])["digest"] == digest


def test_image_that_does_not_tell_what_it_holds_is_refused_before_anything_is_pushed(
    registry: Registry, make_image: MakeImage, repro: Repro
) -> None:
    make_image()  # it has no Python
    code, out, err = repro("publish", "tiny-model", "--registry", place(registry))
    assert (code, out) == (7, "")
    assert "cannot be listed" in err
    assert "--no-sbom" in err
    assert registry.tags("lab/tiny") == []


def test_bill_of_materials_is_written_also_where_the_registry_takes_none(
    registry: Registry, make_image: MakeImage, tmp_path: Path
) -> None:
    make_image()
    publication = publish(plan_publication(Tiny, place(registry)))
    packages = Packages("3.11", (PythonPackage("six", "1.17.0"),), ())
    attached = attach_sbom(publication, packages, tmp_path / "bill.json")
    assert attached.digest
    assert attach_sbom(publication, packages, tmp_path / "bill.json") == attached
    registry.stop()
    refused = attach_sbom(publication, packages, tmp_path / "again.json")
    assert "cannot be reached" in refused.refusal
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "bill.json").read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        attach_sbom(publication, packages, tmp_path / "missing" / "bill.json")


def test_same_content_goes_to_a_second_registry_and_the_first_stays_recorded(
    registry: Registry, make_image: MakeImage, folder: Path, tmp_path: Path, engine: DockerClient
) -> None:
    make_image()
    digest = published_tiny(registry)
    with running(tmp_path / "second") as second:
        assert published_tiny(second) == digest
        assert second.tags("lab/tiny") == ["1.0"]
        remove_images(engine, second.host)
    assert read_lock(folder).published["1.0"].repository == f"{place(registry)}/tiny"


# ------------------------------------------------------------------------------------------- one version, one content


def test_version_that_exists_with_another_content_is_not_overwritten(
    registry: Registry, make_image: MakeImage, folder: Path, repro: Repro
) -> None:
    make_image("a")
    digest = published_tiny(registry)
    (folder / LOCK_FILE).unlink()
    make_image("b")
    code, out, err = repro("publish", "tiny-model", "--registry", place(registry), "--no-sbom")
    assert (code, out) == (4, "")
    assert f"exists with another content ({digest})" in err
    assert "raise VERSION" in err
    assert registry.blob(digest).is_file()
    assert plan_and_digest(registry) == digest


def plan_and_digest(registry: Registry) -> str | None:
    there = RegistryClient(Repository.of_model(place(registry), "tiny"), is_insecure=True).manifest("1.0")
    return there.digest if there else None


def test_version_that_was_published_elsewhere_with_another_content_is_refused(
    registry: Registry, make_image: MakeImage, tmp_path: Path
) -> None:
    make_image("a")
    published_tiny(registry)
    make_image("b")
    with running(tmp_path / "second") as second:
        with pytest.raises(RegistryError, match=r"image\.lock says that 1\.0 was published at .* with another content"):
            plan_publication(Tiny, place(second))
        assert second.tags("lab/tiny") == []


def test_lock_that_says_otherwise_than_the_registry_is_not_overwritten(
    registry: Registry, make_image: MakeImage, folder: Path
) -> None:
    make_image()
    published_tiny(registry)
    write_lock(folder, ImageLock(published={"1.0": Entry(f"{place(registry)}/tiny", OTHER_DIGEST)}))
    with pytest.raises(RegistryError, match=rf"with another content \({OTHER_DIGEST}\)"):
        plan_publication(Tiny, place(registry))
    assert read_lock(folder).published["1.0"].digest == OTHER_DIGEST


def test_model_that_is_not_set_up_names_the_command(registry: Registry, folder: Path) -> None:
    with pytest.raises(NotSetUpError) as caught:
        plan_publication(Tiny, place(registry))
    assert caught.value.fix == "repro setup tiny --runtime docker"


def test_image_of_changed_source_is_published_only_if_that_is_allowed(
    registry: Registry, make_image: MakeImage
) -> None:
    make_image(**{labels.REVISION: "0123456789abcdef-dirty"})
    with pytest.raises(RegistryError, match="differ from the commit 0123456789ab"):
        plan_publication(Tiny, place(registry))
    assert not plan_publication(Tiny, place(registry), Permissions(dirty=True)).is_published


def test_image_of_source_that_was_never_committed_is_published_only_if_that_is_allowed(
    registry: Registry, make_image: MakeImage
) -> None:
    make_image(**{labels.REVISION: ""})
    with pytest.raises(RegistryError, match="files that are in no commit") as caught:
        plan_publication(Tiny, place(registry))
    assert "--allow-dirty" in (caught.value.fix or "")
    assert not plan_publication(Tiny, place(registry), Permissions(dirty=True)).is_published


def test_baked_weights_without_a_licence_are_published_only_if_that_is_allowed(
    registry: Registry, make_image: MakeImage, folder: Path
) -> None:
    (folder / "config.yaml").write_text("models: {small: {files: [{url: 'https://example.org/small.pt'}]}}\n")
    make_image(**{labels.BAKED: '["small"]'})
    with pytest.raises(RegistryError, match=r"licence is not known: small/small\.pt"):
        plan_publication(Tiny, place(registry))
    assert not plan_publication(Tiny, place(registry), Permissions(unknown_licence=True)).is_published


def test_image_that_says_it_is_another_version_is_refused(registry: Registry, make_image: MakeImage) -> None:
    make_image(**{labels.MODEL: "tiny", labels.VERSION: "0.9"})
    with pytest.raises(RegistryError, match=r"says that it is tiny 0\.9, not tiny 1\.0"):
        plan_publication(Tiny, place(registry))


def test_folder_that_cannot_be_written_is_told(
    registry: Registry, make_image: MakeImage, folder: Path, repro: Repro, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_image()
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    code, out, err = repro("publish", "tiny-model", "--registry", place(registry), "--no-sbom")
    assert code == 0
    assert "cannot be written: its image.lock does not record the digest" in err
    assert "@sha256:" in out
    assert not (folder / LOCK_FILE).exists()


# ---------------------------------------------------------------------------------------------------------- who one is


def test_registry_that_wants_a_login_names_the_command(
    closed_registry: Registry, make_image: MakeImage, repro: Repro
) -> None:
    make_image()
    code, _, err = repro("publish", "tiny-model", "--registry", place(closed_registry), "--no-sbom")
    assert code == 4
    assert "wants a login" in err
    assert f"do: docker login {closed_registry.host}" in err


def test_wrong_password_is_told_and_never_shown(
    closed_registry: Registry, make_image: MakeImage, repro: Repro, tmp_path: Path
) -> None:
    make_image()
    log_in(closed_registry.host, tmp_path, "a wrong secret")
    code, out, err = repro("publish", "tiny-model", "--registry", place(closed_registry), "--no-sbom", "--debug")
    assert code == 4
    assert "does not take the login" in err
    assert "a wrong secret" not in out + err
    assert base64.b64encode(f"{USER}:a wrong secret".encode()).decode() not in out + err


def test_with_a_login_it_is_published_and_pulled(
    engine: DockerClient, closed_registry: Registry, make_image: MakeImage, repro: Repro, tmp_path: Path
) -> None:
    identity = make_image()
    log_in(closed_registry.host, tmp_path)
    code, out, err = repro("publish", "tiny-model", "--registry", place(closed_registry), "--no-sbom")
    assert code == 0
    assert PASSWORD not in out + err
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, closed_registry.host)
    assert repro("pull", "tiny-model")[0] == 0
    assert engine.images.get(Tiny.default_image).id == identity


def test_pulling_without_a_login_names_the_command(
    engine: DockerClient, closed_registry: Registry, make_image: MakeImage, repro: Repro, tmp_path: Path
) -> None:
    make_image()
    log_in(closed_registry.host, tmp_path)
    published_tiny(closed_registry)
    (tmp_path / "docker" / "config.json").unlink()
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, closed_registry.host)
    code, _, err = repro("pull", "tiny-model")
    assert code == 4
    assert f"do: docker login {closed_registry.host}" in err


# ---------------------------------------------------------------------------------------------- what is cut on the way


def test_push_that_is_cut_records_nothing_and_is_completed_by_running_it_again(
    engine: DockerClient, registry: Registry, make_image: MakeImage, folder: Path
) -> None:
    """Takes a minute: the engine tries by itself, five times, for 50 s."""
    make_image()
    line = Line(registry.port, limit_bytes=LARGE_BYTES // 2)
    try:
        with pytest.raises(RegistryError, match="the push was cut") as caught:
            publish(plan_publication(Tiny, place(line)))
        assert line.was_cut.is_set()
        assert "run it again" in caught.value.fix
        assert read_lock(folder).published == {}
        assert registry.tags("lab/tiny") == []
        assert f"{place(line)}/tiny:1.0" not in engine.images.get(Tiny.default_image).tags

        line.mend()
        told: list[LayerState] = []
        publication = publish(plan_publication(Tiny, place(line)), told.append)
        assert "Layer already exists" in {state.doing for state in told}  # the small one had come over
        assert read_lock(folder).published["1.0"] == publication.published
        assert registry.tags("lab/tiny") == ["1.0"]
    finally:
        line.close()
        remove_images(engine, line.host)


def test_registry_that_is_killed_in_the_middle_and_comes_back_is_waited_for(
    registry: Registry, make_image: MakeImage
) -> None:
    make_image()
    killed = threading.Event()

    def kill_once(state: LayerState) -> None:
        if state.doing == "Pushing" and not killed.is_set():
            killed.set()
            registry.stop()
        elif state.doing.startswith("Retrying") and registry.process is None:
            registry.start()

    publication = publish(plan_publication(Tiny, place(registry)), kill_once)
    assert killed.is_set()
    assert registry.blob(publication.manifest.digest).is_file()


def test_registry_that_does_not_listen_is_told(registry: Registry, make_image: MakeImage) -> None:
    make_image()
    registry.stop()
    with pytest.raises(RegistryError, match="cannot be reached") as caught:
        plan_publication(Tiny, place(registry))
    assert caught.value.cause == "nothing listens there"


# ----------------------------------------------------------------------------------------------- what is pulled is held


def names_of(engine: DockerClient) -> list[str]:
    return sorted(tag for image in engine.api.images() for tag in image["RepoTags"] or () if "tiny" in tag)


def test_pull_of_another_digest_is_refused_and_gives_no_name(
    engine: DockerClient, registry: Registry, make_image: MakeImage, repro: Repro
) -> None:
    make_image()
    digest = published_tiny(registry)
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    code, out, err = repro("pull", "tiny-model", "--digest", OTHER_DIGEST)
    assert (code, out) == (4, "")
    assert f"tiny:1.0 is {digest}, and not {OTHER_DIGEST}, as --digest says" in err
    assert names_of(engine) == []


def test_version_that_somebody_has_overwritten_is_not_pulled_not_even_by_itself(
    engine: DockerClient, registry: Registry, make_image: MakeImage
) -> None:
    make_image("a")
    published_tiny(registry)
    make_image("b")
    repository = Repository.of_model(place(registry), "tiny")
    engine.images.get(Tiny.default_image).tag(str(repository), "1.0")
    engine.images.push(str(repository), tag="1.0")
    registry.stop()
    recorded = read_lock(Tiny.container_folder()).published["1.0"].digest
    shutil.rmtree(
        registry.folder / "docker/registry/v2/repositories/lab/tiny/_manifests/revisions/sha256" / recorded[7:]
    )
    registry.start()
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    with pytest.raises(RegistryError, match=rf"and not {recorded}, as image\.lock says"):
        DockerRuntime().find(Tiny.spec())
    assert names_of(engine) == []


def test_content_that_was_changed_in_the_registry_is_refused(
    engine: DockerClient, registry: Registry, make_image: MakeImage
) -> None:
    make_image()
    digest = published_tiny(registry)
    layer = json.loads(registry.blob(digest).read_text())["layers"][-1]["digest"]
    changed = bytearray(registry.blob(layer).read_bytes())
    changed[len(changed) // 2] ^= 1
    registry.blob(layer).write_bytes(changed)
    assert digest_of(bytes(changed)) != layer
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    with pytest.raises(RegistryError, match="is not what its digest says"):
        pull_image(connect(), what_to_pull(Tiny.spec()))
    assert names_of(engine) == []


def test_image_of_another_model_does_not_get_the_name(
    engine: DockerClient, registry: Registry, make_image: MakeImage, folder: Path
) -> None:
    make_image(**{labels.MODEL: "other"})
    repository = Repository.of_model(place(registry), "tiny")
    engine.images.get(Tiny.default_image).tag(str(repository), "1.0")
    engine.images.push(str(repository), tag="1.0")
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    with pytest.raises(RegistryError, match="is an image of the model other, not of tiny"):
        pull_image(connect(), what_to_pull(Tiny.spec(), place(registry)))
    assert names_of(engine) == []


def test_pull_without_a_known_digest_says_so(
    engine: DockerClient, registry: Registry, make_image: MakeImage, folder: Path, repro: Repro
) -> None:
    make_image()
    digest = published_tiny(registry)
    (folder / LOCK_FILE).unlink()
    remove_images(engine, Tiny.default_image.partition(":")[0])
    remove_images(engine, registry.host)
    code, out, err = repro("pull", "tiny-model", "--registry", place(registry))
    assert (code, out) == (0, f"{place(registry)}/tiny@{digest}\n")
    assert "no digest of" in err


def test_published_image_that_cannot_be_pulled_is_not_set_up(registry: Registry, folder: Path) -> None:
    (folder / LOCK_FILE).write_text(
        json.dumps(
            {"base": {}, "published": {"1.0": {"repository": f"{place(registry)}/tiny", "digest": OTHER_DIGEST}}}
        )
    )
    with pytest.raises(NotSetUpError, match="is not on this machine and cannot be pulled"):
        DockerRuntime().find(Tiny.spec())


# ------------------------------------------------------------------------------------------------ what workflows run


@pytest.mark.usefixtures("_program")
def test_registry_is_not_fetched_where_it_is_there() -> None:
    ran = subprocess.run([ROOT / "scripts" / "registry.sh"], capture_output=True, text=True, check=True)
    assert ran.stdout == f"registry: {registry_program()}\n"


@pytest.fixture
def to_publish() -> Callable[..., list[str]]:
    """What computes the matrix of the workflow that publishes."""
    path = ROOT / "scripts" / "ci" / "publish_matrix.py"
    spec = importlib.util.spec_from_file_location("publish_matrix", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., list[str]] = module.to_publish
    return found


class NotYet(Tiny):
    """A model that does not say that it is to be published."""

    @classmethod
    def spec(cls, image: str | None = None) -> ModelSpec:
        return replace(super().spec(image), is_published=False)


def test_matrix_holds_models_whose_version_is_new_and_no_others(
    registry: Registry, make_image: MakeImage, folder: Path, to_publish: Callable[..., list[str]]
) -> None:
    make_image()
    assert to_publish([Tiny, NotYet], place(registry)) == ["tiny"]
    published_tiny(registry)
    registry.stop()
    assert to_publish([Tiny], place(registry)) == []  # its lock knows
    registry.start()
    (folder / LOCK_FILE).unlink()
    assert to_publish([Tiny], place(registry)) == []  # the registry knows


def test_model_is_built_verified_and_published_by_the_scripts_of_the_workflow(
    registry: Registry, base_image: str
) -> None:
    environ = {**os.environ, "MODEL": "tutorial", "REGISTRY": f"{registry.host}/Lab"}
    for script, *more in (["verify_model.sh"], ["publish_model.sh", "--dry-run", "--allow-dirty"]):
        ran = subprocess.run(
            [ROOT / "scripts" / "ci" / script, *more], env=environ, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "not there yet" in ran.stdout
