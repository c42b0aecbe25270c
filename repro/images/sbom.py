"""The bill of materials of a published image, in CycloneDX JSON: the image, its base, its packages, its weights.

The same image in the same place gives the same document, byte for byte: its time is the image's, its serial number
comes from the digest.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from repro._version import __version__
from repro.errors import SetupError
from repro.images.facts import ImageFacts
from repro.images.packages import DebianPackage, Packages, PythonPackage
from repro.images.repository import Repository

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import License

    from repro.config import ModelConfig

MEDIA_TYPE = "application/vnd.cyclonedx+json"
FILE_NAME = "sbom.cdx.json"

_NAME = re.compile(r"[-_.]+")


@dataclass(frozen=True)
class Subject:
    """The published image that a bill of materials is about."""

    facts: ImageFacts
    config: ModelConfig
    packages: Packages
    repository: Repository
    version: str
    digest: str


def make_sbom(subject: Subject) -> str:
    """The document, as text. `repro publish` writes it.

    Raises:
        SetupError: the package that writes it is not installed.
    """
    require_cyclonedx()
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    image = _image(subject)
    tool = Component(name="repro", version=__version__, type=ComponentType.APPLICATION)
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"{subject.repository}@{subject.digest}"),
        metadata=BomMetaData(component=image, timestamp=_created(subject.facts.created)),
        components=[*_base(subject), *_installed(subject.packages), *_weights(subject)],
    )
    bom.metadata.tools.components.add(tool)
    bom.register_dependency(image, bom.components)
    return f"{JsonV1Dot6(bom).output_as_string(indent=2)}\n"


def require_cyclonedx() -> None:
    """Raise SetupError where the package that writes the document is not installed."""
    from importlib.util import find_spec

    if find_spec("cyclonedx") is None:
        raise SetupError(
            "a bill of materials needs the package cyclonedx-python-lib",
            fix='pip install "repro-models[publish]", or publish without: --no-sbom',
        )


def _image(subject: Subject) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType
    from packageurl import PackageURL

    facts = subject.facts
    name = subject.repository.path.rpartition("/")[2]
    told = {
        "repro:image-id": facts.identity,
        "repro:revision": facts.revision,
        "repro:python": subject.packages.python_version,
        "repro:version": facts.repro,
    }
    return Component(
        name=name,
        version=subject.version,
        type=ComponentType.CONTAINER,
        bom_ref="image",
        description=subject.config.description or None,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=subject.digest.partition(":")[2])],
        licenses=_licences(facts.licences or subject.config.licence or ""),
        purl=PackageURL(
            "oci",
            name=name,
            version=subject.digest,
            qualifiers={"repository_url": str(subject.repository), "tag": subject.version},
        ),
        properties=[Property(name=key, value=value) for key, value in told.items() if value],
    )


def _base(subject: Subject) -> Iterator[Component]:
    from cyclonedx.model.component import Component, ComponentType

    facts = subject.facts
    if facts.base_name:
        version = facts.base_digest or facts.base_name.rpartition(":")[2]
        yield Component(name=facts.base_name, version=version, type=ComponentType.CONTAINER, bom_ref="base")


def _installed(packages: Packages) -> Iterator[Component]:
    yield from map(_python_package, packages.python)
    for package in packages.debian:
        yield _debian_package(package, packages)


def _python_package(package: PythonPackage) -> Component:
    from packageurl import PackageURL

    name = _NAME.sub("-", package.name).lower()
    return _component(package.name, package.version, PackageURL("pypi", name=name, version=package.version), package)


def _debian_package(package: DebianPackage, packages: Packages) -> Component:
    from packageurl import PackageURL

    release = "-".join(filter(None, [packages.system, packages.system_version]))
    told = {"arch": package.architecture, "distro": release, "upstream": package.source}
    qualifiers = {key: value for key, value in told.items() if value}
    purl = PackageURL("deb", packages.system or "debian", package.name, package.version, qualifiers)
    return _component(package.name, package.version, purl, package)


def _component(name: str, version: str, purl: Any, package: PythonPackage | DebianPackage) -> Component:
    from cyclonedx.model.component import Component

    licence = package.licence if isinstance(package, PythonPackage) else ""
    return Component(name=name, version=version, purl=purl, bom_ref=str(purl), licenses=_licences(licence))


def _weights(subject: Subject) -> Iterator[Component]:
    """The pretrained weights that belong to the image, in it or beside it, with the hashes that are known."""
    from cyclonedx.model import HashAlgorithm, HashType, Property
    from cyclonedx.model.component import Component, ComponentType

    for variant in subject.config.variants.values():
        recorded = subject.facts.weights.get(variant.name, {})
        is_baked = str(variant.name in subject.facts.baked).lower()
        for file in variant.files:
            sha256 = file.sha256 or recorded.get(file.name)
            yield Component(
                name=f"{variant.name}/{file.name}",
                type=ComponentType.MACHINE_LEARNING_MODEL,
                bom_ref=f"weights:{variant.name}/{file.name}",
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)] if sha256 else None,
                licenses=_licences(file.licence or ""),
                properties=[Property(name="repro:baked", value=is_baked)],
            )


def _licences(stated: str) -> list[License]:
    """A licence as it was stated: its SPDX name or expression where it is one."""
    from cyclonedx import spdx
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression

    if not stated:
        return []
    identity = spdx.fixup_id(stated)
    if identity is not None:
        return [DisjunctiveLicense(id=identity)]
    return [LicenseExpression(stated) if spdx.is_expression(stated) else DisjunctiveLicense(name=stated)]


def _created(text: str) -> datetime:
    """When the image was made. Engines tell nanoseconds, which Python's clocks do not know.

    >>> _created("2026-11-21T15:14:34.123456789Z").isoformat()
    '2026-11-21T15:14:34+00:00'
    """
    try:
        return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    except ValueError:  # an image need not say it
        return datetime.fromtimestamp(0, timezone.utc)
