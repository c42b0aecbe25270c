"""The bill of materials of an image that was published: written here, and attached to the image in its registry."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from repro.errors import OutputError, RegistryError
from repro.images.packages import Packages, read_packages
from repro.images.publish import Plan, Publication
from repro.images.referrers import attach
from repro.images.registry import RegistryClient
from repro.images.sbom import FILE_NAME, MEDIA_TYPE, Subject, make_sbom, require_cyclonedx

if TYPE_CHECKING:
    from docker import DockerClient

    from repro.model import Model


@dataclass(frozen=True)
class Attached:
    """Where the bill of materials lies."""

    file: Path
    digest: str
    """Of the manifest in the registry that holds it; empty where the registry took none."""
    refusal: str = ""
    """Why the registry did not take it."""


def packages_of(plan: Plan) -> Packages:
    """What the image that is to be published holds, as the Python that runs it sees it.

    Raises:
        SetupError: what a bill of materials is written with is not installed.
        CommandError: the image does not tell.
    """
    require_cyclonedx()
    first = plan.model.spec().command[0]
    return read_packages(plan.facts.identity, first if Path(first).name.startswith("python") else "python")


def attach_sbom(publication: Publication, packages: Packages, path: Path | None = None) -> Attached:
    """Write the bill of materials of a published image, and attach it in the registry where that takes it.

    Args:
        publication: the image.
        packages: what it holds.
        path: the file to write; `sbom_path` by default.

    Raises:
        OutputError: the file cannot be written.
    """
    plan = publication.plan
    subject = Subject(
        plan.facts, plan.model.config(), packages, plan.repository, plan.version, publication.manifest.digest
    )
    text = make_sbom(subject)
    path = path or sbom_path(plan.model, plan.version)
    _write(path, text)
    try:
        registry = RegistryClient.as_engine(_engine(), plan.repository)
        return Attached(path, attach(registry, publication.manifest, text.encode(), MEDIA_TYPE, FILE_NAME))
    except RegistryError as error:  # the image is published, and the document lies here
        return Attached(path, "", f"{error.message}: {error.cause}" if error.cause else error.message)


def sbom_path(model: type[Model], version: str) -> Path:
    """The model's folder, or where that may not be written this folder."""
    folder = model.container_folder()
    return folder / FILE_NAME if os.access(folder, os.W_OK) else Path(f"{model.folder_name()}-{version}.cdx.json")


def _write(path: Path, text: str) -> None:
    written = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        try:
            written.write_text(text, encoding="utf-8")
            written.replace(path)
        finally:
            written.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"the bill of materials cannot be written to {path}: {error.strerror}",
            fix="the image is published; run it again with --sbom PATH",
        ) from None


def _engine() -> DockerClient:
    from repro.runtimes.engine import connect

    return connect()
