"""The workflows in .github: held against GitHub's schema and a security linter; and what they run runs here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from repro._version import __version__
from repro.images.lock import read_lock
from repro.images.repository import tag_of
from repro.model import Model

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts" / "ci"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TOOLS = Path(sys.executable).parent
_PINNED = re.compile(r"^\s*(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
MAY_WRITE = {("publish-docker-images", "publish", "packages"), ("publish-package", "publish", "id-token")}


def ran(*words: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text())
    return loaded


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for name, job in load(path)["jobs"].items():
            yield path.stem, name, job


def steps() -> Iterator[dict[str, Any]]:
    for _, _, job in jobs():
        yield from job["steps"]


# --------------------------------------------------------------------------------------------------- what they say


def test_there_is_one_for_each_purpose() -> None:
    assert {path.stem for path in WORKFLOWS} >= {
        "ci",
        "publish-docker-images",
        "model-unit-tests",
        "publish-package",
    }


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("vendor.github-workflows", path) for path in WORKFLOWS),
        ("vendor.dependabot", ROOT / ".github" / "dependabot.yml"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else value,
)
def test_it_is_what_github_takes(schema: str, path: Path) -> None:
    checked = ran(TOOLS / "check-jsonschema", "--builtin-schema", schema, path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_security_linter_has_nothing_to_say() -> None:
    checked = ran(TOOLS / "zizmor", "--offline", "--no-progress", ROOT / ".github")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_security_linter_would_say_something(tmp_path: Path) -> None:
    """So that the test above means something."""
    (tmp_path / "bad.yml").write_text(
        "on: issues\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'echo ${{ github.event.issue.title }}'}]}}\n"
    )
    assert ran(TOOLS / "zizmor", "--offline", "--no-progress", tmp_path / "bad.yml").returncode != 0


def test_every_action_is_pinned_by_the_hash_of_a_commit_and_says_its_version() -> None:
    lines = [line for path in WORKFLOWS for line in path.read_text().splitlines() if "uses:" in line]
    assert lines
    assert [line for line in lines if not _PINNED.match(line)] == []


def test_an_action_has_the_same_version_everywhere() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}
    assert len({action.partition("@")[0] for action in used}) == len(used)


def test_only_what_publishes_may_write() -> None:
    for path in WORKFLOWS:
        assert "permissions" in load(path), path.name
    for workflow, name, job in jobs():
        permissions = job.get("permissions", load(ROOT / ".github" / "workflows" / f"{workflow}.yml")["permissions"])
        assert isinstance(permissions, dict)
        written = {(workflow, name, what) for what, access in permissions.items() if access != "read"}
        assert written <= MAY_WRITE


def test_every_job_has_a_time_limit() -> None:
    assert [(workflow, name) for workflow, name, job in jobs() if "timeout-minutes" not in job] == []


def test_nothing_from_outside_is_written_into_a_command() -> None:
    assert [step["run"] for step in steps() if "${{" in step.get("run", "")] == []


def test_no_checkout_leaves_a_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_what_they_run_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for step in steps():
        for line in step.get("run", "").splitlines():
            words = line.split()
            if words[0] == "make":
                assert words[1] in targets
                continue
            script = next(ROOT / word for word in words if "/" in word and not word.startswith(".venv/"))
            assert script.is_file(), line
            assert words[0] in ("bash", ".venv/bin/python") or os.access(script, os.X_OK), line


def test_image_is_verified_before_there_is_a_login_and_published_after() -> None:
    [job] = [job for workflow, name, job in jobs() if (workflow, name) == ("publish-docker-images", "publish")]
    order = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]
    wanted = ["scripts/ci/verify_model.sh", "docker/login-action", "scripts/ci/publish_model.sh"]
    assert [one for one in order if one in wanted] == wanted


def test_package_is_published_without_a_password_from_an_environment() -> None:
    [job] = [job for workflow, name, job in jobs() if (workflow, name) == ("publish-package", "publish")]
    assert job["permissions"] == {"id-token": "write"}
    assert job["environment"]["name"] == "pypi"
    assert not [step for step in job["steps"] if "run" in step or "password" in step.get("with", {})]
    assert job["steps"][-1]["with"]["attestations"] is True


# --------------------------------------------------------------------------------------------------- what they run


@pytest.mark.parametrize(
    "name", ["", "tutorial;id", "../tutorial", "$(id)", "tutoral", "--help", "tutorial\nid", "bases"]
)
def test_name_that_is_no_models_goes_no_further(name: str) -> None:
    checked = ran(sys.executable, SCRIPTS / "model_name.py", name)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert "there are: " in checked.stderr


def test_name_of_a_model_is_passed_on() -> None:
    assert ran(sys.executable, SCRIPTS / "model_name.py", "tutorial").stdout == "tutorial\n"


@pytest.mark.parametrize("script", ["verify_model.sh", "publish_model.sh", "test_model.sh"])
def test_no_script_takes_a_name_that_is_no_models(script: str) -> None:
    checked = ran(SCRIPTS / script, MODEL="tutorial; touch /tmp/here", REGISTRY="example.org/lab")
    assert checked.returncode == 2
    assert "no model of this repository" in checked.stderr


@pytest.fixture
def empty_registry(tmp_path: Path) -> Iterator[str]:
    """One that has nothing: it answers 404 to everything."""
    (tmp_path / "nothing").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path / "nothing"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_models_that_say_so_are_published_where_their_version_is_new(empty_registry: str, tmp_path: Path) -> None:
    output = tmp_path / "output"
    words = (sys.executable, SCRIPTS / "publish_matrix.py", f"{empty_registry}/Lab")  # as an account is written
    listed = ran(*words, GITHUB_OUTPUT=str(output))
    assert listed.returncode == 0, listed.stderr
    models = [Model.by_name(name) for name in Model.list()]
    wanted = [model.folder_name() for model in models if model.spec().is_published]
    recorded = [name for name in wanted if tag_of(Model.by_name(name).default_image) in published(name)]
    assert json.loads(listed.stdout) == sorted(set(wanted) - set(recorded))
    assert output.read_text() == f"models={listed.stdout}"


def published(name: str) -> set[str]:
    return set(read_lock(Model.by_name(name).container_folder()).published)


def test_matrix_needs_a_registry() -> None:
    assert ran(sys.executable, SCRIPTS / "publish_matrix.py").returncode == 2
    assert ran(sys.executable, SCRIPTS / "publish_matrix.py", "a", "b").returncode == 2


def test_package_of_another_version_than_the_tag_is_not_built(tmp_path: Path) -> None:
    refused = ran(SCRIPTS / "build_package.sh", tmp_path / "dist", TAG="v99.0")
    assert refused.returncode == 1
    assert "the tag is v99.0" in refused.stderr


def test_package_is_built_once(tmp_path: Path) -> None:
    words = (SCRIPTS / "build_package.sh", tmp_path / "dist")
    built = ran(*words, TAG=f"v{__version__}")
    assert built.returncode == 0, built.stdout + built.stderr
    assert sorted(path.suffix for path in (tmp_path / "dist").iterdir()) == [".gz", ".whl"]
    assert "is not empty" in ran(*words).stderr
