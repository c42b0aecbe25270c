"""The build context of a model's image: what its Dockerfile needs, and no more."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

import repro.guest
from repro.errors import BuildError

GUEST = "repro_guest"
_CACHES = {"__pycache__", ".git", ".venv", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", ".DS_Store"}
# Of no use in an image, and often changed: `COPY . .` does not mean them. A COPY that names them does.
_BESIDE_THE_MODEL = {
    *("tests", "golden", "out", "README.md"),
    *("Dockerfile", ".dockerignore", "image.lock", "sbom.cdx.json"),
}
_IGNORE_FILE = ".dockerignore"
_TIME_S = 315_532_800  # 1980-01-01: the first that archives of all kinds can hold


@dataclass(frozen=True)
class ContextFile:
    """One file of a build context."""

    name: str
    """Its path in the context, with `/` between parts."""
    source: Path
    mode: int


@dataclass(frozen=True)
class Context:
    """What travels to the builder, apart from the Dockerfile itself."""

    files: tuple[ContextFile, ...]

    def digest(self) -> str:
        """SHA-256 of names, modes and content: equal ones give equal layers."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(f"{file.name}\0{file.mode:o}\0{file.source.stat().st_size}\0".encode())
            digest.update(file.source.read_bytes())
        return digest.hexdigest()

    def stage(self, target: Path) -> None:
        """Copy all files to the folder `target`. Equal content gets equal times, and so gives equal layers."""
        for file in self.files:
            path = target / file.name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.source, path)
            path.chmod(file.mode)
        for path in target.rglob("*"):
            os.utime(path, (_TIME_S, _TIME_S))


def collect(folder: Path, sources: Sequence[str]) -> Context:
    """The files of a model's folder that a Dockerfile names, and of the guest, which lies there as `repro_guest`.

    Args:
        folder: a model's container folder.
        sources: paths and patterns, as `Dockerfile.sources` gives them.

    Raises:
        BuildError: a source is not there, or leaves the folder.
    """
    ignored = _ignored_by_file(folder)
    found: dict[str, Path] = {}
    for source in sources:
        matching = dict(_matching(folder, source))
        kept = {name: path for name, path in matching.items() if name not in ignored}
        if not kept:
            raise _not_there(folder, source, bool(matching))
        found |= kept
    return Context(tuple(ContextFile(name, path, _mode(path)) for name, path in sorted(found.items())))


def _matching(folder: Path, source: str) -> Iterator[tuple[str, Path]]:
    """The files that one source of a COPY stands for."""
    pattern = _plain(folder, source)
    if not pattern.parts:
        yield from _all_of(folder, PurePosixPath(), _CACHES | _BESIDE_THE_MODEL)
        yield from _all_of(_guest(), PurePosixPath(GUEST), _CACHES)
        return
    for name in _expanded(folder, PurePosixPath(), pattern.parts):
        path = _located(folder, name)
        if path.is_dir():
            yield from _all_of(path, name, _CACHES)
        elif path.is_file():
            yield str(name), path


def _expanded(folder: Path, at: PurePosixPath, parts: tuple[str, ...]) -> Iterator[PurePosixPath]:
    """The names that a pattern stands for, part by part; a part without `*`, `?` or `[` names itself."""
    if not parts:
        yield at
        return
    part, *rest = parts
    names = [part]
    if any(sign in part for sign in "*?["):
        inside = _located(folder, at)
        never = _CACHES if at.parts else _CACHES | _BESIDE_THE_MODEL
        there = sorted(path.name for path in inside.iterdir()) if inside.is_dir() else []
        names = [name for name in there if fnmatch(name, part) and name not in never]
    for name in names:
        yield from _expanded(folder, at / name, tuple(rest))


def _located(folder: Path, name: PurePosixPath) -> Path:
    """Where a path of the context lies on this machine."""
    return _guest() / name.relative_to(GUEST) if name.parts[:1] == (GUEST,) else folder / name


def _all_of(folder: Path, prefix: PurePosixPath, never: set[str]) -> Iterator[tuple[str, Path]]:
    """All files of a folder, with their names in the context; at its top without those that are `never` meant."""
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in never)
        for name in sorted(names):
            path = Path(parent, name)
            if name not in never and not name.endswith(".pyc") and path.is_file():
                yield str(prefix / path.relative_to(folder).as_posix()), path
        never = _CACHES


def _plain(folder: Path, source: str) -> PurePosixPath:
    path = PurePosixPath(os.path.normpath(source))
    if ".." in path.parts:
        raise BuildError(
            f"{folder / 'Dockerfile'} copies {source}, which lies outside its folder",
            fix="put what the image needs into the model's folder",
        )
    return path


def _not_there(folder: Path, source: str, is_ignored: bool) -> BuildError:
    why = f"is left out by {_IGNORE_FILE}" if is_ignored else "is not there"
    return BuildError(
        f"{folder / 'Dockerfile'} copies {source}, which {why}", fix="mend the name in the Dockerfile, or add the file"
    )


def _guest() -> Path:
    return Path(repro.guest.__file__).parent


def _mode(path: Path) -> int:
    # The container runs as any user, who must be able to read what was copied from this one's files.
    return 0o755 if os.access(path, os.X_OK) else 0o644


def _ignored_by_file(folder: Path) -> set[str]:
    """The files of the folder that its `.dockerignore` leaves out."""
    ignore = folder / _IGNORE_FILE
    if not ignore.is_file():
        return set()
    from docker.utils.build import exclude_paths

    lines = ignore.read_text(encoding="utf-8").splitlines()
    patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    kept: Iterable[str] = exclude_paths(str(folder), patterns)
    there = {name for name, _ in _all_of(folder, PurePosixPath(), _CACHES)}
    return there - {Path(name).as_posix() for name in kept}
