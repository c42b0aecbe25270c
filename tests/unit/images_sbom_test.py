"""The bill of materials of an image, and what is told of an image to make it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from repro.config import ModelConfig, Variant, WeightFile
from repro.errors import SetupError
from repro.images import inventory
from repro.images.facts import ImageFacts
from repro.images.packages import DebianPackage, Packages, PythonPackage
from repro.images.repository import Repository
from repro.images.sbom import Subject, make_sbom

DIGEST, SHA256 = f"sha256:{'1' * 64}", "2" * 64
PACKAGES = Packages(
    python_version="3.11.2",
    python=(
        PythonPackage("typing_extensions", "4.16.0", "PSF-2.0"),
        PythonPackage("torch", "2.13.0+cpu", "Apache-2.0 AND MIT"),
        PythonPackage("Jinja2", "3.1.6", "BSD License"),
        PythonPackage("silent", "1.0"),
    ),
    debian=(DebianPackage("libc6", "2.36-9+deb12u10", "amd64", "glibc"),),
    system="debian",
    system_version="12",
)
SUBJECT = Subject(
    facts=ImageFacts(
        name="repro-models/esm:1.0",
        identity=f"sha256:{'3' * 64}",
        created="2026-11-21T15:14:34.123456789Z",
        revision="abc",
        base_name="repro-models/torch:2.13.0",
        baked=("small",),
        weights={"small": {"small.pt": SHA256}},
    ),
    config=ModelConfig(
        "esm",
        description="Protein language models",
        licence="MIT",
        variants={
            "small": Variant("small", files=(WeightFile("small.pt", "https://example.org/small.pt", licence="MIT"),)),
            "large": Variant("large", files=(WeightFile("large.pt", "https://example.org/large.pt"),)),
        },
    ),
    packages=PACKAGES,
    repository=Repository("localhost:5000", "lab/esm"),
    version="1.0",
    digest=DIGEST,
)


def components(text: str) -> dict[str, dict[str, Any]]:
    return {component["name"]: component for component in json.loads(text)["components"]}


@pytest.mark.parametrize(
    "subject",
    [
        SUBJECT,
        replace(SUBJECT, facts=ImageFacts("x:1", "sha256:0"), config=ModelConfig("x"), packages=Packages("", (), ())),
    ],
    ids=["full", "with as little as an image may tell"],
)
def test_document_is_valid_cyclonedx(subject: Subject) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(make_sbom(subject)) is None


def test_same_image_gives_the_same_document() -> None:
    assert make_sbom(SUBJECT) == make_sbom(SUBJECT)
    assert make_sbom(SUBJECT) != make_sbom(replace(SUBJECT, digest=f"sha256:{'4' * 64}"))


def test_image_itself_is_named_by_its_digest_and_its_place() -> None:
    image = json.loads(make_sbom(SUBJECT))["metadata"]["component"]
    purl = PackageURL.from_string(image["purl"])
    assert (purl.type, purl.name, purl.version) == ("oci", "esm", DIGEST)
    assert purl.qualifiers == {"repository_url": "localhost:5000/lab/esm", "tag": "1.0"}
    assert image["hashes"] == [{"alg": "SHA-256", "content": "1" * 64}]
    assert image["licenses"] == [{"license": {"id": "MIT"}}]
    assert {"name": "repro:revision", "value": "abc"} in image["properties"]


def test_packages_have_their_purls_and_licences() -> None:
    found = components(make_sbom(SUBJECT))
    assert found["typing_extensions"]["purl"] == "pkg:pypi/typing-extensions@4.16.0"
    assert found["typing_extensions"]["licenses"] == [{"license": {"id": "PSF-2.0"}}]
    assert found["torch"]["licenses"] == [{"expression": "Apache-2.0 AND MIT"}]
    assert found["Jinja2"]["licenses"] == [{"license": {"name": "BSD License"}}]
    assert "licenses" not in found["silent"]
    assert found["libc6"]["purl"] == (
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64&distro=debian-12&upstream=glibc"
    )


def test_weights_stand_in_it_with_their_hashes_and_whether_they_are_in_the_image() -> None:
    found = components(make_sbom(SUBJECT))
    small, large = found["small/small.pt"], found["large/large.pt"]
    assert small["hashes"] == [{"alg": "SHA-256", "content": SHA256}]
    assert small["licenses"] == [{"license": {"id": "MIT"}}]
    assert small["properties"] == [{"name": "repro:baked", "value": "true"}]
    assert "hashes" not in large  # nothing knows it yet
    assert large["properties"] == [{"name": "repro:baked", "value": "false"}]


def test_without_its_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError) as caught:
        make_sbom(SUBJECT)
    assert 'pip install "repro-models[publish]"' in caught.value.fix


# -------------------------------------------------------------------------------- what is asked for inside an image


def installed(folder: Path, name: str, metadata: str) -> None:
    (folder / name).mkdir(parents=True)
    (folder / name / "METADATA").write_text(metadata)


def test_distributions_are_found_as_imports_find_them(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    installed(first, "six-2.dist-info", "Name: Six\nVersion: 2\nLicense: MIT\n\nLicense: not this\n")
    installed(second, "six-1.dist-info", "Name: six\nVersion: 1\n")
    installed(second, "long-1.dist-info", f"Name: long\nVersion: 1\nLicense: {'x' * 200}\n{CLASSIFIERS}")
    installed(second, "half-1.dist-info", "Name: half\n")
    (second / "removed-1.dist-info").mkdir()
    (second / "old-3.egg-info").write_text("Name: old\nVersion: 3\nLicense: UNKNOWN\n")
    found = inventory.python_packages([first, second, tmp_path / "missing"])
    assert [(one["name"], one["version"], one["licence"]) for one in found] == [
        ("long", "1", "MIT License AND BSD License"),
        ("old", "3", ""),
        ("Six", "2", "MIT"),
    ]


CLASSIFIERS = "Classifier: License :: OSI Approved :: MIT License\nClassifier: License :: OSI Approved :: BSD License\n"
STATUS = """\
Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36)
Version: 2.36-9
Description: a library
 Package: not this

Package: gone
Status: deinstall ok config-files
Version: 1

Package: never
Status: purge ok not-installed
"""


def test_debian_packages_are_those_that_are_installed(tmp_path: Path) -> None:
    lists = tmp_path / "var/lib/dpkg/status.d"
    lists.mkdir(parents=True)
    (lists.parent / "status").write_text(STATUS)
    (lists / "tzdata").write_text("Package: tzdata\nVersion: 2026a\nArchitecture: all\n")
    (lists / "tzdata.md5sums").write_text("Package: not this\nVersion: 1\n")
    assert inventory.debian_packages(tmp_path) == [
        {"name": "libc6", "version": "2.36-9", "architecture": "amd64", "source": "glibc"},
        {"name": "tzdata", "version": "2026a", "architecture": "all", "source": ""},
    ]


def test_image_need_not_be_a_debian(tmp_path: Path) -> None:
    assert inventory.debian_packages(tmp_path) == []
    assert inventory.system(tmp_path) == {"id": "", "version": ""}


def test_inventory_runs_by_itself_without_repro() -> None:
    source = Path(inventory.__file__).read_text()
    ran = subprocess.run([sys.executable, "-I", "-c", source], capture_output=True, text=True, check=True)
    assert "pytest" in {package["name"] for package in json.loads(ran.stdout)["python_packages"]}
