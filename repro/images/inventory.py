"""What is installed in an image. Its source runs in a container of the image, with that image's own Python, old as it
may be (3.7 or later), and nothing but the standard library; it prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

MAX_LICENCE_CHARACTERS = 100
_CLASSIFIER = "License :: "


def python_packages(folders: Iterable[Path]) -> list[dict[str, str]]:
    """The distributions in folders, the first one of each name, as imports would find them."""
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            package = _package(path)
            if package is not None:
                found.setdefault(package["name"].lower().replace("_", "-").replace(".", "-"), package)
    return [found[name] for name in sorted(found)]


def _package(path: Path) -> dict[str, str] | None:
    inside = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}.get(path.suffix)
    if inside is None:
        return None
    file = path / inside if path.is_dir() else path
    if not file.is_file():  # what a removal left behind
        return None
    headers = HeaderParser().parsestr(file.read_text(encoding="utf-8", errors="replace"))
    if not headers["Name"] or not headers["Version"]:
        return None
    return {"name": headers["Name"], "version": headers["Version"], "licence": _licence(headers)}


def _licence(headers: Message) -> str:
    stated = (headers["License-Expression"] or headers["License"] or "").strip()
    if stated and "\n" not in stated and len(stated) <= MAX_LICENCE_CHARACTERS and stated != "UNKNOWN":
        return str(stated)
    classifiers = [value for value in headers.get_all("Classifier", []) if value.startswith(_CLASSIFIER)]
    return " AND ".join(value.rpartition(" :: ")[2] for value in classifiers)


def debian_packages(root: Path) -> list[dict[str, str]]:
    """What dpkg has installed. Images without dpkg keep its lists in `status.d`, or have none."""
    folder = root / "var" / "lib" / "dpkg"
    lists = [folder / "status", *sorted(folder.glob("status.d/*"))]
    return [
        package
        for file in lists
        if file.is_file() and file.suffix != ".md5sums"
        for package in _debian(file.read_text(encoding="utf-8", errors="replace"))
    ]


def _debian(text: str) -> Iterator[dict[str, str]]:
    for stanza in text.split("\n\n"):
        headers = HeaderParser().parsestr(stanza.strip("\n"))
        is_installed = (headers["Status"] or "ok installed").endswith(" installed")
        if headers["Package"] and headers["Version"] and is_installed:
            yield {
                "name": headers["Package"],
                "version": headers["Version"],
                "architecture": headers["Architecture"] or "",
                "source": (headers["Source"] or "").partition(" ")[0],
            }


def system(root: Path) -> dict[str, str]:
    """ID and VERSION_ID of `/etc/os-release`."""
    file = root / "etc" / "os-release"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    facts = {name: value.strip("\"'") for name, _, value in (line.partition("=") for line in lines)}
    return {"id": facts.get("ID", ""), "version": facts.get("VERSION_ID", "")}


if __name__ == "__main__":
    inventory = {
        "python": ".".join(str(part) for part in sys.version_info[:3]),
        "python_packages": python_packages([Path(folder) for folder in sys.path if folder]),
        "debian_packages": debian_packages(Path("/")),
        "system": system(Path("/")),
    }
    sys.stdout.write(json.dumps(inventory))
