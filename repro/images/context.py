"""The build context of a model's image: what its Dockerfile needs, and no more."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import repro.guest
from repro.errors import BuildError
from repro.images.private_files import takes_unnamed

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

    A link is taken as the file or the folder that it points to, within the model's folder.

    Args:
        folder: a model's container folder.
        sources: paths and patterns, as `Dockerfile.sources` gives them.

    Raises:
        BuildError: a source is not there, or leaves the folder, by its name or through a link; or a link leads in a
            circle.
    """
    ignored = _Ignored(folder)
    found: dict[str, Path] = {}
    for source in sources:
        pattern = _plain(folder, source)
        matching = dict(_matching(folder, pattern))
        meant = {name: path for name, path in matching.items() if name not in ignored}
        kept = {name: path for name, path in meant.items() if not _is_unnamed(folder, pattern, name, path)}
        if not kept:
            raise _not_there(folder, source, bool(matching), bool(meant))
        found |= kept
    return Context(tuple(_file(folder, name, path) for name, path in sorted(found.items())))


def _file(folder: Path, name: str, path: Path) -> ContextFile:
    """What travels of a file that was found. Raises BuildError where it is a link that is not to be followed."""
    real = Path(os.path.realpath(path))
    if PurePosixPath(name).parts[0] != GUEST:
        root = Path(os.path.realpath(folder))
        if not real.is_relative_to(root):
            raise _leaves(folder, name, root)
        if not real.is_file():
            target = path.readlink() if path.is_symlink() else real
            raise BuildError(
                f"{folder / 'Dockerfile'} copies {name}, a link to {target} that leads in a circle",
                fix="remove the link, or leave it out with .dockerignore",
            )
    return ContextFile(name, real, _mode(real))


def _leaves(folder: Path, name: str, root: Path) -> BuildError:
    parts = PurePosixPath(name).parts
    ways = (folder.joinpath(*parts[:count]) for count in range(1, len(parts) + 1))
    link = next(way for way in ways if not Path(os.path.realpath(way)).is_relative_to(root))
    return BuildError(
        f"{folder / 'Dockerfile'} copies {name}: {link} is a link to {os.path.realpath(link)}, outside of the folder",
        fix=f"put what the image needs into the model's folder, or leave {link.name} out with {_IGNORE_FILE}",
    )


def _is_unnamed(folder: Path, pattern: PurePosixPath, name: str, path: Path) -> bool:
    """Whether a file is private and no COPY names it; what a link points to counts too."""
    root, real = Path(os.path.realpath(folder)), Path(os.path.realpath(path))
    names = [PurePosixPath(name)]
    if real.is_relative_to(root) and pattern != names[0]:
        names.append(PurePosixPath(real.relative_to(root).as_posix()))
    return any(takes_unnamed(pattern, one) for one in names)


def _matching(folder: Path, pattern: PurePosixPath) -> Iterator[tuple[str, Path]]:
    """The files that one source of a COPY stands for, and the links to folders that are not gone into."""
    if not pattern.parts:
        yield from _all_of(folder, PurePosixPath(), _CACHES | _BESIDE_THE_MODEL, folder)
        yield from _all_of(_guest(), PurePosixPath(GUEST), _CACHES)
        return
    for name in _expanded(folder, PurePosixPath(), pattern.parts):
        path = _located(folder, name)
        if path.is_dir() and (name.parts[0] == GUEST or _is_within(path, folder)):
            yield from _all_of(path, name, _CACHES, folder)
        elif path.is_file() or path.is_dir() or _is_circle(path):
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


def _all_of(
    folder: Path, prefix: PurePosixPath, never: set[str], root: Path | None = None, above: tuple[Path, ...] = ()
) -> Iterator[tuple[str, Path]]:
    """All files of a folder, with their names in the context; at its top without those that are `never` meant.

    Links are followed, but for those that leave `root` or lead in a circle: these are given as they are.
    """
    above = (*above, Path(os.path.realpath(folder)))
    for path in sorted(folder.iterdir()):
        name = prefix / path.name
        if path.name in never or path.suffix == ".pyc":
            continue
        if path.is_dir() and not (path.is_symlink() and root is not None and _is_astray(path, root, above)):
            yield from _all_of(path, name, _CACHES, root, above)
        elif path.is_file() or path.is_dir() or _is_circle(path):
            yield str(name), path


def _is_astray(link: Path, root: Path, above: Sequence[Path]) -> bool:
    """Whether a link to a folder leaves `root`, or holds a folder that it was found in."""
    return not _is_within(link, root) or any(_is_within(folder, link) for folder in above)


def _is_within(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _is_circle(path: Path) -> bool:
    """Whether a link points to itself, by way of others or not. One that points nowhere does not."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _plain(folder: Path, source: str) -> PurePosixPath:
    path = PurePosixPath(os.path.normpath(source))
    if ".." in path.parts:
        raise BuildError(
            f"{folder / 'Dockerfile'} copies {source}, which lies outside its folder",
            fix="put what the image needs into the model's folder",
        )
    return path


def _not_there(folder: Path, source: str, is_there: bool, is_meant: bool) -> BuildError:
    why = f"is left out by {_IGNORE_FILE}" if is_there else "is not there"
    fix = "mend the name in the Dockerfile, or add the file"
    if is_meant:
        why = "has only files that usually are private, and those are taken by their names alone"
        fix = "name the file in the COPY if it is to be in the image; for a token or a password use --secret"
    return BuildError(f"{folder / 'Dockerfile'} copies {source}, which {why}", fix=fix)


def _guest() -> Path:
    return Path(repro.guest.__file__).parent


def _mode(path: Path) -> int:
    # The container runs as any user, who must be able to read what was copied from this one's files.
    return 0o755 if os.access(path, os.X_OK) else 0o644


class _Ignored:
    """The names that the `.dockerignore` of a folder leaves out."""

    def __init__(self, folder: Path) -> None:
        self._matcher: Any = None
        ignore = folder / _IGNORE_FILE
        if ignore.is_file():
            from docker.utils.build import PatternMatcher

            lines = ignore.read_text(encoding="utf-8").split("\n")
            patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
            self._matcher = PatternMatcher([*patterns, "!Dockerfile"])

    def __contains__(self, name: str) -> bool:
        if self._matcher is None:
            return False
        parts = PurePosixPath(name).parts
        folders = ("/".join(parts[:count]) for count in range(1, len(parts)))
        return any(self._has_all_of(folder) for folder in folders) or bool(self._matcher.matches(name))

    def _has_all_of(self, folder: str) -> bool:
        """Whether a folder is left out, and no exception (`!`) brings a part of it back."""
        exceptions = (one.cleaned_pattern for one in self._matcher.patterns if one.exclusion)
        return bool(self._matcher.matches(folder)) and not any(one.startswith(folder) for one in exceptions)
