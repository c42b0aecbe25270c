"""Folders that images are built from, and what the tests of images look into."""

from __future__ import annotations

import gzip
import io
import json
import secrets
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from repro.images.facts import MODEL

if TYPE_CHECKING:
    from docker import DockerClient

BASE = "python:3.11-slim-bookworm"
HEAD = f"FROM {BASE}\nWORKDIR /app\n"
GUEST = "COPY repro_guest repro_guest\nCOPY src/run.py run.py\n"
RUN_PY = "from repro_guest import Runner\nRunner.main()\n"
_GZIP = b"\x1f\x8b"


def write_model(folder: Path, dockerfile: str, **files: str) -> Path:
    """A model's container folder with a Dockerfile and a run.py; further files by their names, `__` for a slash."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "run.py").write_text(RUN_PY)
    (folder / "Dockerfile").write_text(dockerfile)
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def anew() -> str:
    """Begins a RUN line that is to run, whatever the builder's cache has from an earlier run of the tests."""
    return f"true {secrets.token_hex(8)} && "


def contents(engine: DockerClient, image: str) -> Iterator[tuple[str, bytes]]:
    """All that `docker save` gives of an image, opened down to the files of its layers: layers, history, config."""
    with tempfile.TemporaryFile() as whole:
        for chunk in engine.images.get(image).save():
            whole.write(chunk)
        whole.seek(0)
        with tarfile.open(fileobj=whole) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None:
                    data = file.read()
                    yield member.name, gzip.decompress(data) if data.startswith(_GZIP) else data


def places_of(secret: str, engine: DockerClient, image: str) -> list[str]:
    """Where in an image, its layers, its history, its configuration and its labels, a text is to be found."""
    found = [name for name, data in contents(engine, image) if secret.encode() in data]
    told = {"history": engine.images.get(image).history(), "inspection": engine.images.get(image).attrs}
    return found + [name for name, value in told.items() if secret in json.dumps(value)]


def files_of_layer(data: bytes) -> list[str]:
    """The names of the files in a layer."""
    with tarfile.open(fileobj=io.BytesIO(data)) as layer:
        return [member.name for member in layer if member.isfile()]


def layers(engine: DockerClient, image: str) -> list[str]:
    """Digests of an image's layers, the lowest first."""
    return list(engine.images.get(image).attrs["RootFS"]["Layers"])


def size_bytes(engine: DockerClient, image: str) -> int:
    return int(engine.images.get(image).attrs["Size"])


def remove(engine: DockerClient, *images: str) -> None:
    """Remove images, and what had their names before; those that are not there are fine."""
    from docker.errors import ImageNotFound

    for image in images:
        try:
            model = engine.images.get(image).labels.get(MODEL)
            engine.images.remove(image, force=True)
        except ImageNotFound:
            continue
        for replaced in engine.images.list(filters={"label": f"{MODEL}={model}", "dangling": True}) if model else []:
            engine.images.remove(replaced.id)
