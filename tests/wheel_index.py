"""A package index that is a folder, with one wheel."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path


def make_index(folder: Path, project: str, version: str, members: Mapping[str, bytes]) -> str:
    """The address of an index that has a wheel with these members."""
    name = f"{project}-{version}-py3-none-any.whl"
    page = folder / "simple" / project / "index.html"
    page.parent.mkdir(parents=True)
    with zipfile.ZipFile(folder / name, "w") as wheel:
        for member, content in members.items():
            wheel.writestr(member, content)
    sha256 = hashlib.sha256((folder / name).read_bytes()).hexdigest()
    page.write_text(f'<html><body><a href="../../{name}#sha256={sha256}">{name}</a></body></html>', encoding="utf-8")
    return (folder / "simple").as_uri()
