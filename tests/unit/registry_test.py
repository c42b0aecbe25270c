"""Finding models: repro's own and those that other packages bring, and importing no more than is asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from repro.errors import ModelNotFoundError
from repro.model import Model
from repro.registry import Registry

ROOT = Path(__file__).parents[2]
WRAPPER = """
from repro.models import Model

@Model.register("{name}-model")
class Found(Model):
    default_image = "{name}:1.0"
    folder = "/nowhere/{name}"
"""


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, models: dict[str, str], *, source: str | None = None) -> None:
        """A package that brings models: name -> module."""
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {module}" for name, module in models.items()]
        (info / "entry_points.txt").write_text("\n".join(["[repro.models]", *lines, ""]))
        for name, module in models.items():
            (self.folder / f"{module}.py").write_text(source or WRAPPER.format(name=name))

    def run(self, program: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{self.folder}"},
            capture_output=True,
            text=True,
            check=False,
        )

    def says(self, program: str) -> str:
        done = self.run(program)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


class TestRegistry:
    def test_a_class_is_found_by_its_name(self) -> None:
        animals: Registry[type] = Registry("animal")

        @animals.register("cat")
        class Cat: ...

        assert animals.get("cat") is Cat
        assert animals.get("dog") is None
        assert animals.items() == [("cat", Cat)]

    def test_a_name_that_another_class_has_is_refused(self) -> None:
        animals: Registry[type] = Registry("animal")
        animals.register("cat")(int)

        with pytest.raises(ValueError, match="the animal name 'cat' is taken by"):
            animals.register("cat")(str)

    def test_the_same_class_defined_again_takes_its_own_place(self) -> None:
        """As when a module is reloaded, or a cell of a notebook is run twice."""
        animals: Registry[type] = Registry("animal")

        for _ in range(2):

            @animals.register("cat")
            class Cat: ...

        assert animals.get("cat") is Cat


class TestNames:
    def test_the_registered_name_and_the_folders_name_both_work(self) -> None:
        assert Model.by_name("tutorial-model") is Model.by_name("tutorial")

    @pytest.mark.parametrize(
        ("wrong", "near"), [("tutorail", "tutorial"), ("ems", "esm"), ("tutorial-mode", "tutorial")]
    )
    def test_a_name_that_is_none_names_the_near_ones(self, wrong: str, near: str) -> None:
        with pytest.raises(ModelNotFoundError) as caught:
            Model.by_name(wrong)

        assert f"no model is called '{wrong}'" in caught.value.message
        assert near in caught.value.fix

    def test_a_name_like_none_names_the_command_that_lists_them(self) -> None:
        with pytest.raises(ModelNotFoundError) as caught:
            Model.by_name("zzzzzz")

        assert "repro list" in caught.value.fix

    def test_the_list_holds_every_folder_in_order(self) -> None:
        here = {path.parent.name for path in (ROOT / "repro" / "models").glob("*/__init__.py")}

        assert Model.list() == sorted(Model.list())
        assert here <= set(Model.list())


class TestDiscovery:
    def test_a_package_adds_a_model(self, site: Site) -> None:
        site.install("somebody", {"theirs": "somebodys_module"})

        said = site.says(
            """
            import repro
            print(repro.Model.by_name("theirs").__name__, repro.Model.by_name("theirs-model").folder_name())
            print("theirs" in repro.Model.list())
            """
        )

        assert said.split() == ["Found", "theirs", "True"]

    @pytest.mark.parametrize("name", ["theirs", "theirs-model"])
    def test_only_the_model_that_is_asked_for_is_imported(self, site: Site, name: str) -> None:
        site.install("somebody", {"theirs": "module_a", "others": "module_b"})
        site.install("else", {"broken": "module_c"}, source="raise RuntimeError('imported')")

        said = site.says(
            f"""
            import sys, json, repro
            repro.Model.by_name({name!r})
            print(json.dumps(sorted(m for m in sys.modules if m.startswith(("module_", "repro.models.")))))
            """
        )

        assert json.loads(said) == ["module_a"]

    def test_listing_imports_none(self, site: Site) -> None:
        site.install("else", {"broken": "module_c"}, source="raise RuntimeError('imported')")

        assert "broken" in site.says("import repro; print(repro.Model.list())")

    def test_a_package_that_cannot_be_imported_is_told_with_its_reason(self, site: Site) -> None:
        site.install("else", {"broken": "module_c"}, source="import a_package_that_is_not_there")

        done = site.run("import repro; repro.Model.by_name('broken')")

        assert "ModelNotFoundError: the model broken (module_c, from else) cannot be imported" in done.stderr
        assert "No module named 'a_package_that_is_not_there'" in done.stderr

    def test_a_broken_package_does_not_stand_in_the_way_of_others(self, site: Site) -> None:
        site.install("else", {"broken": "module_c"}, source="import a_package_that_is_not_there")

        assert site.says("import repro; print(repro.Model.by_name('tutorial').__name__)") == "TutorialModel"

    def test_two_packages_that_bring_the_same_name_are_told(self, site: Site) -> None:
        site.install("one", {"theirs": "module_a"})
        site.install("two", {"theirs": "module_b"})

        done = site.run("import repro; repro.Model.by_name('theirs')")

        assert "two packages bring a model 'theirs'" in done.stderr

    def test_a_broken_package_does_not_hide_that_a_name_is_unknown(self, site: Site) -> None:
        site.install("else", {"broken": "module_c"}, source="import a_package_that_is_not_there")

        done = site.run("import repro; repro.Model.by_name('tutorail')")

        assert "ModelNotFoundError: no model is called 'tutorail'" in done.stderr
        assert "did you mean tutorial" in done.stderr

    def test_a_module_that_registers_no_model_is_told(self, site: Site) -> None:
        site.install("else", {"empty": "module_c"}, source="# nothing")

        done = site.run("import repro; repro.Model.by_name('empty')")

        assert "ModelNotFoundError: no model is called 'empty'" in done.stderr


class TestLightImports:
    HEAVY = ("torch", "numpy", "docker", "pydantic", "pyarrow", "pandas", "requests", "rich", "esm", "yaml")

    @pytest.mark.parametrize(
        "program",
        [
            "import repro",
            "import repro.errors, repro.settings, repro.registry",
            "import repro; repro.Model; repro.ParallelModel; repro.Session",
            "import repro; repro.Model.list()",
            "from repro.common.docker import BuildDockerImageSubcommand, DockerContainer",
        ],
    )
    def test_nothing_heavy_is_imported_before_it_is_needed(self, program: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", f"{program}\nimport sys; print(*(set({self.HEAVY}) & set(sys.modules)))"],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )

        assert done.stdout.split() == []
