"""Templates as files: layers of folders, the later ones over the earlier ones.

A name that ends with `.tmpl` loses that, and its `${...}` get their values; all other files are copied as they are. A
file `+NAME` is added to the end of the NAME of an earlier layer. What begins with `#!` can be executed.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from pathlib import Path

TEMPLATES_DIR = Path(__file__).parent / "templates"

_SUFFIX = ".tmpl"
_ADDED = "+"

Files = dict[str, bytes]
"""Content by path, with `/` between parts."""


def render(layers: Iterable[str], values: Mapping[str, str]) -> Files:
    """The files of some folders of templates, with values filled in.

    Raises:
        KeyError, ValueError: a template has a `${...}` without a value: a fault of the template.
    """
    files: Files = {}
    for layer in layers:
        root = TEMPLATES_DIR / layer
        for path in sorted(root.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                folder, name = path.parent.relative_to(root), path.name
                content = path.read_bytes()
                if name.endswith(_SUFFIX):
                    name = name.removesuffix(_SUFFIX)
                    content = string.Template(content.decode()).substitute(values).encode()
                target = (folder / name.removeprefix(_ADDED)).as_posix()
                files[target] = (files[target] if name.startswith(_ADDED) else b"") + content
    return files


def below(folder: str, files: Files) -> Files:
    """The same files in a folder."""
    return {f"{folder}/{name}": content for name, content in files.items()}


def write(files: Files, folder: Path) -> None:
    """Write files into a folder. Raises OSError."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if content.startswith(b"#!"):
            path.chmod(0o755)
