"""Packaging. The wheel carries the host side (repro/) and the container side of every model (models/)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
NOT_SHIPPED = {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "out"}

EXTRAS = {
    "benchmark": ["plotly>=5.24", "scikit-learn>=1.4", "scipy>=1.11"],
    "parquet": ["pyarrow>=15"],
    "plot": ["matplotlib>=3.8"],
    "notebook": ["ipywidgets>=8"],
    "publish": ["cyclonedx-python-lib>=9"],
    "sagemaker": ["boto3>=1.34"],
    "weights": ["boto3>=1.34", "gdown>=5.2", "pypi-simple>=1.6"],
}
DEV = [
    "build>=1.2",
    "check-jsonschema>=0.30",
    "hypothesis>=6.100",
    "mkdocs>=1.6,<2",
    "mkdocs-click>=0.9",
    "mkdocs-material>=9.5",
    "mkdocstrings[python]>=0.29",
    "moto[s3,sagemaker,server]>=5",
    "mypy>=1.11",
    "parameterized>=0.9",
    "playwright>=1.45",
    "psutil>=6",
    "pytest>=8.2",
    "pytest-timeout>=2.3",
    "ruff>=0.10",
    # Named though they build the package: with them here a wheel is built with no network.
    "setuptools>=77",
    "wheel>=0.43",
    "vermin>=1.6",
    "types-docker",
    "types-psutil",
    "types-PyYAML",
    "types-requests",
    "zizmor>=1.5",
]


def read_version() -> str:
    """The version as text: an import would need the dependencies before they are installed."""
    text = (ROOT / "repro" / "_version.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"$', text, flags=re.MULTILINE)
    if match is None:
        raise RuntimeError('repro/_version.py has no line: __version__ = "..."')
    return match.group(1)


def read_readme() -> str:
    """The README, shown on the package's page."""
    readme = ROOT / "README.md"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


# What is no package and travels with it: folder here -> folder in the package.
CARRIED = {
    Path("models"): Path("repro", "_containers"),
    Path("repro", "scaffold", "templates"): Path("repro", "scaffold", "templates"),
}


def carried_files(root: Path) -> Iterator[Path]:
    """All files under a folder, without what tools leave there."""
    for folder, subfolders, names in os.walk(ROOT / root):
        subfolders[:] = sorted(name for name in subfolders if name not in NOT_SHIPPED)
        yield from (Path(folder, name) for name in sorted(names) if not name.endswith((".pyc", ".pyo")))


class BuildWithContainers(build_py):
    """Copies models/ into the package as repro/_containers, where an installed repro looks for it, and the templates of
    new models, whose folders setuptools would take for packages."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # a checkout has models/ beside repro/ and reads it there
            return
        for source, target in self._carried():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        copied = [] if self.editable_mode else [str(target) for _, target in self._carried()]
        return [*super().get_outputs(include_bytecode), *copied]

    def _carried(self) -> Iterator[tuple[Path, Path]]:
        for root, target in CARRIED.items():
            for source in carried_files(root):
                yield source, Path(self.build_lib, target, source.relative_to(ROOT / root))


setup(
    version=read_version(),
    description="Run published models of biology, each in an environment of its own, from Python and from the shell",
    long_description=read_readme(),
    long_description_content_type="text/markdown",
    author="The repro authors",
    license="MIT",
    packages=find_packages(include=["repro", "repro.*"]),
    package_dir={"": "."},  # said so that an editable install is a plain path, not an import hook
    package_data={"": ["*.html", "*.pgdata", "py.typed"], "repro.benchmarks.proteingym.examples": ["README.md"]},
    install_requires=[
        "click>=8.1",
        "dnaio>=1.2",
        "docker>=7.1",
        "filelock>=3.24",
        "jsonlines>=4.0",
        "numpy>=1.24",
        "orjson>=3.10",
        "pydantic>=2.6",
        "PyYAML>=6.0",
        "requests>=2.31",
        "rich>=13.7",
        "tomli>=2; python_version < '3.11'",
        "urllib3>=2.3",
        "uv>=0.5",
    ],
    extras_require={
        **EXTRAS,
        "all": sorted(requirement for extra in EXTRAS.values() for requirement in extra),
        "dev": DEV,
    },
    entry_points={"console_scripts": ["repro = repro.cli:main"]},
    cmdclass={"build_py": BuildWithContainers},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Topic :: Scientific/Engineering :: Bio-Informatics",
        "Typing :: Typed",
    ],
)
