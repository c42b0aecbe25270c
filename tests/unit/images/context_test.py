"""What travels to the builder: what the Dockerfile names, readable by anyone, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import BuildError
from repro.images.context import Context, collect
from repro.images.dockerfile import parse

FILES = (
    "src/run.py",
    "src/model/net.py",
    "src/__pycache__/run.cpython-311.pyc",
    "src/notes.txt",
    "tests/golden/a.npy",
    ".git/config",
    "Dockerfile",
    "README.md",
    "requirements.txt",
    "requirements-dev.txt",
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(0o600)
    script = folder / "scripts/download-models.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o700)
    return folder


def context(model: Path, *copies: str) -> Context:
    return collect(model, parse("FROM python:3.11\n" + "\n".join(copies) + "\n").sources())


def own(found: Context) -> set[str]:
    return {file.name for file in found.files if not file.name.startswith("repro_guest/")}


def test_only_what_the_dockerfile_names_travels(model: Path) -> None:
    found = context(model, "COPY requirements.txt requirements.txt", "COPY src/run.py run.py")

    assert own(found) == {"requirements.txt", "src/run.py"}


def test_a_folder_travels_whole_but_for_caches(model: Path) -> None:
    assert own(context(model, "COPY src src")) == {"src/run.py", "src/notes.txt", "src/model/net.py"}


def test_a_pattern_stands_for_what_matches_it(model: Path) -> None:
    assert own(context(model, "COPY src/*.py ./")) == {"src/run.py"}
    assert own(context(model, "COPY requirements*.txt ./")) == {"requirements.txt", "requirements-dev.txt"}


def test_the_whole_folder_means_neither_tests_nor_readme_nor_git(model: Path) -> None:
    found = own(context(model, "COPY . ."))

    assert found == {
        "src/run.py",
        "src/notes.txt",
        "src/model/net.py",
        "requirements.txt",
        "requirements-dev.txt",
        "scripts/download-models.sh",
    }


def test_a_readme_that_is_named_travels(model: Path) -> None:
    assert own(context(model, "COPY README.md README.md")) == {"README.md"}


def test_what_a_run_line_mounts_travels(model: Path) -> None:
    found = context(model, "RUN --mount=type=bind,source=requirements.txt,target=/tmp/r.txt pip install -r /tmp/r.txt")

    assert own(found) == {"requirements.txt"}


def test_dockerignore_is_kept_to(model: Path) -> None:
    (model / ".dockerignore").write_text("# not these\n**/*.txt\n!requirements.txt\n")

    assert "src/notes.txt" not in own(context(model, "COPY src src"))
    assert own(context(model, "COPY requirements.txt ./")) == {"requirements.txt"}
    with pytest.raises(BuildError, match=r"notes\.txt.*left out by \.dockerignore"):
        context(model, "COPY src/notes.txt ./")


@pytest.mark.parametrize(
    ("copy", "said"), [("COPY absent.py ./", "is not there"), ("COPY ../other/run.py ./", "lies outside its folder")]
)
def test_what_cannot_be_copied_is_told_before_anything_is_built(model: Path, copy: str, said: str) -> None:
    with pytest.raises(BuildError, match=said):
        context(model, copy)


def test_the_guest_is_beside_the_model(model: Path, tmp_path: Path) -> None:
    found = context(model, "COPY repro_guest repro_guest")
    found.stage(tmp_path / "staged")

    names = {file.name for file in found.files}
    assert {"repro_guest/__init__.py", "repro_guest/runner.py", "repro_guest/exchange.py"} <= names
    assert not [name for name in names if name.endswith(".pyc")]
    assert (tmp_path / "staged" / "repro_guest" / "runner.py").is_file()


def test_whoever_the_container_runs_as_can_read_it(model: Path, tmp_path: Path) -> None:
    context(model, "COPY src src", "COPY scripts/download-models.sh ./").stage(tmp_path / "staged")

    assert (tmp_path / "staged/src/run.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "staged/scripts/download-models.sh").stat().st_mode & 0o777 == 0o755


def test_equal_content_has_equal_times(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        context(model, "COPY src src").stage(tmp_path / name)
        (model / "src" / "run.py").touch()

    one, two = (
        {p.relative_to(r): p.stat().st_mtime for p in r.rglob("*")} for r in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_tests_and_readme_do_not_count_and_code_and_modes_do(model: Path) -> None:
    def digest() -> str:
        return context(model, "COPY src src", "COPY scripts/download-models.sh ./").digest()

    before = digest()
    (model / "tests/golden/a.npy").write_text("other")
    (model / "README.md").write_text("other")
    assert digest() == before

    (model / "scripts/download-models.sh").chmod(0o600)
    without_mode = digest()
    assert without_mode != before

    (model / "src/run.py").write_text("other")
    assert digest() != without_mode


# --------------------------------------------------------------------------------------------------------------- links


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """What is none of the model's business."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    (tmp_path / "home" / "keys" / "a.txt").write_text("private")
    return tmp_path / "home"


@pytest.mark.parametrize("copy", ["COPY data data", "COPY . .", "COPY dat* ./", "COPY data/a.txt ./", "COPY data/* ./"])
def test_a_link_to_a_folder_elsewhere_is_refused_by_its_name_and_its_target(model: Path, home: Path, copy: str) -> None:
    (model / "data").symlink_to(home / "keys")

    with pytest.raises(BuildError) as raised:
        context(model, copy)
    assert str(model / "data") in raised.value.message
    assert str(home / "keys") in raised.value.message


@pytest.mark.parametrize("copy", ["COPY src/k k", "COPY src src", "COPY . ."])
def test_a_link_to_a_file_elsewhere_is_refused(model: Path, home: Path, copy: str) -> None:
    (model / "src" / "k").symlink_to("../../home/keys/a.txt")

    with pytest.raises(BuildError, match=r"src/k is a link to .*keys/a\.txt, outside"):
        context(model, copy)


def test_links_that_no_copy_takes_do_not_matter(model: Path, home: Path) -> None:
    (model / "data").symlink_to(home)
    (model / ".dockerignore").write_text("data\n")

    assert own(context(model, "COPY src/run.py ./")) == {"src/run.py"}
    assert "src/run.py" in own(context(model, "COPY . ."))


def test_links_inside_are_taken_as_what_they_point_to(model: Path, tmp_path: Path) -> None:
    (model / "linked.py").symlink_to("src/run.py")
    (model / "src" / "settings").symlink_to("../scripts")
    found = context(model, "COPY linked.py ./", "COPY src/settings settings")
    found.stage(tmp_path / "staged")

    assert own(found) == {"linked.py", "src/settings/download-models.sh"}
    assert not any(path.is_symlink() for path in (tmp_path / "staged").rglob("*"))
    assert (tmp_path / "staged/linked.py").read_text() == "src/run.py"


def test_a_model_behind_a_link_is_as_any_other(model: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(model)

    assert own(context(tmp_path / "linked", "COPY src src")) == own(context(model, "COPY src src"))


@pytest.mark.parametrize("target", [".", "..", "../src", "loop", "model/../.."])
@pytest.mark.parametrize("copy", ["COPY src src", "COPY . .", "COPY src/loop ./"])
def test_links_that_lead_in_a_circle_are_refused(model: Path, target: str, copy: str) -> None:
    (model / "src" / "loop").symlink_to(target)

    with pytest.raises(BuildError, match=r"src/loop.*leads in a circle"):
        context(model, copy)


def test_two_links_that_lead_to_each_other_are_refused(model: Path) -> None:
    (model / "src" / "other").symlink_to("../scripts")
    (model / "scripts" / "other").symlink_to("../src")

    with pytest.raises(BuildError, match="leads in a circle"):
        context(model, "COPY src src")


# ------------------------------------------------------------------------------------------------------- private files


@pytest.mark.parametrize("name", [".env", ".env.local", "src/.netrc", "src/id_rsa", ".aws/config", "src/.ssh/known"])
def test_private_files_are_taken_by_their_names_alone(model: Path, name: str) -> None:
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("private")

    assert name not in own(context(model, "COPY . .", "COPY src src", "COPY s* ./"))
    assert name in own(context(model, f"COPY {name} ./"))


def test_a_wildcard_that_stands_for_private_files_alone_is_told(model: Path) -> None:
    (model / ".env").write_text("private")

    with pytest.raises(BuildError, match=r"\.e\* ./|usually are private") as raised:
        context(model, "COPY .e* ./")
    assert "--secret" in raised.value.fix


def test_a_link_to_a_private_file_is_as_private(model: Path) -> None:
    (model / ".env").write_text("private")
    (model / "src" / "settings").symlink_to("../.env")

    assert "src/settings" not in own(context(model, "COPY src src"))
    assert "src/settings" in own(context(model, "COPY src/settings ./"))
