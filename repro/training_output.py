"""What a training has left: checked against what had to come, and taken over whole.

A container's files are not trusted: links are not followed, and nothing but plain files is taken over.
"""

from __future__ import annotations

import csv
import errno
import math
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from repro.data.output import output_errors
from repro.errors import OutputError, ProtocolError
from repro.guest import folds
from repro.guest.training import table_name
from repro.provenance.manifest import ENDING
from repro.training_task import TrainingTask, told_as_input

_OTHER_FOLDER = "name another folder: -o FOLDER"


@dataclass(frozen=True)
class Table:
    """Predictions that are complete."""

    path: Path
    rows: int


def check_output_dir(path: Path) -> None:
    """See that a folder can be made there, or written to; leaves no trace. Raises OutputError."""
    target = path.resolve()
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    if not there.is_dir():
        is_itself = there == target
        what = f"{path} is a file, not a folder" if is_itself else f"{path} cannot be made: {there} is a file"
        raise OutputError(what, fix=_OTHER_FOLDER)
    try:
        Path(tempfile.mkdtemp(prefix=".", suffix=".part", dir=there)).rmdir()
    except OSError as error:
        cause = "" if error.errno == errno.ENOENT else error.strerror or ""  # what /proc says is none
        raise OutputError(
            f"{path} cannot be written: nothing can be made in {there}", cause=cause, fix=_OTHER_FOLDER
        ) from error


# ----------------------------------------------------------------------------------------------------- the predictions


def checked_table(folder: Path, task: TrainingTask, split: str) -> Table:
    """The predictions in `folder`, held against the rows that had to be held out.

    Args:
        split: that run.py says it has taken; empty where it says nothing.

    Raises:
        ProtocolError: they are not there, lack a column, a number or a row, or are of other rows.
    """
    path = folder / table_name(task.dataset.name, task.card.name)
    if not is_plain(path):
        raise ProtocolError(f"run.py ended well and has left no predictions: there is no {path.name} in its output")
    measured = _measured(path)
    split = task.split or split
    if split:
        wanted = _held_out(task, split)
        if len(measured) != len(wanted):
            raise ProtocolError(f"run.py gave {len(measured):,} predictions for {len(wanted):,} held-out rows")
        if measured != wanted:
            raise ProtocolError("run.py gave predictions of other rows than those that were held out")
    return Table(path, len(measured))


def _held_out(task: TrainingTask, split: str) -> list[float]:
    """What was measured of the rows that are held out, in the data set's order."""
    with told_as_input():
        plan = folds.plan(task.dataset, task.target, split, task.fold, zero_shot=True)
    values = task.dataset.table[task.target]
    rows = sorted({row for part in plan.parts for row in part.test})
    return [values[row] for row in rows if not math.isnan(values[row])]


def _measured(path: Path) -> list[float]:
    """What was measured, a number each row, where there is a prediction for each. Raises ProtocolError."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_columns(header)
            return [_checked_row(header, row, number) for number, row in enumerate(reader, 1)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ProtocolError(f"the predictions of run.py cannot be read: {error}") from None


def _check_columns(header: list[str]) -> None:
    lacking = [name for name in ("test", "pred", "split") if name not in header]
    if not {"mutant", "sequence"} & set(header):
        lacking.append("mutant or sequence")
    if lacking:
        raise ProtocolError(f"run.py's predictions have no {', '.join(lacking)}; they have {', '.join(header[:20])}")


def _checked_row(header: list[str], row: list[str], number: int) -> float:
    if len(row) == len(header):
        with suppress(ValueError):
            measured, predicted = float(row[header.index("test")]), float(row[header.index("pred")])
            if math.isfinite(measured) and math.isfinite(predicted):
                return measured
    raise ProtocolError(f"row {number} of run.py's predictions is none: {','.join(row)[:200]}")


# ------------------------------------------------------------------------------------------------------ taken over


def take_over(source: Path, output_dir: Path, table: str, manifest: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move what lies in `source` into `output_dir`, and the manifest of the table with it.

    Gives what was moved beside the table, and what is no plain file or folder and was left out, by paths. A new folder
    has its name when all is in it; into one that is there the table comes last.

    Raises:
        OutputError: it cannot be written.
    """
    target = output_dir.resolve()
    with output_errors(output_dir):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside a folder that is there nothing may be writable, nor of its file system.
        place = target if target.exists() else target.parent
        staged = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=place))
        try:
            kept, left_out = _move_plain_files(source, staged)
            _write(staged / (table + ENDING), manifest)
            _put_in_place(staged, target, last=[table + ENDING, table])
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return tuple(name for name in kept if name != table), left_out


def _move_plain_files(source: Path, target: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Move all plain files and folders: what was moved, and what is something else and was not."""
    kept, left_out = [], []
    mode = _usual_mode(target)
    for entry, name in _entries(source):
        if entry.is_dir(follow_symlinks=False):
            (target / name).mkdir()
        elif entry.is_file(follow_symlinks=False):
            _move(Path(entry.path), target / name, mode)
            kept.append(name)
        else:
            left_out.append(name)
    return tuple(sorted(kept)), tuple(sorted(left_out))


def _entries(top: Path) -> Iterator[tuple[os.DirEntry[str], str]]:
    """All that lies in a folder, and its path there; a folder before what is in it."""
    waiting = [(top, "")]
    while waiting:
        folder, below = waiting.pop()
        folder.chmod(stat.S_IRWXU)  # a container may have made it unreadable
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            yield entry, below + entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append((Path(entry.path), f"{below}{entry.name}/"))


def _move(source: Path, target: Path, mode: int) -> None:
    """Move a file, which loses the rights that its maker has given it."""
    source.chmod(mode)
    try:
        source.replace(target)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _usual_mode(folder: Path) -> int:
    """The rights that a new file gets here."""
    probe = folder / f"probe{ENDING}"
    probe.touch()
    mode = stat.S_IMODE(probe.stat().st_mode)
    probe.unlink()
    return mode


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(staged: Path, target: Path, last: list[str]) -> None:
    """Give a folder its name; where there is one, put in what is new, the files in `last` at the end."""
    if not target.exists():
        target.mkdir()  # with the rights of a new folder
        staged.chmod(stat.S_IMODE(target.stat().st_mode))
        staged.rename(target)
        return
    names = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file())
    for name in [*(name for name in names if name not in last), *last]:
        place = target / name
        place.parent.mkdir(parents=True, exist_ok=True)
        (staged / name).replace(place)


# ------------------------------------------------------------------------------------------------ files of a container


def is_plain(path: Path) -> bool:
    """Whether a file is one itself, and lies in a folder that is one itself."""
    with suppress(OSError):
        return stat.S_ISREG(path.lstat().st_mode) and stat.S_ISDIR(path.parent.lstat().st_mode)
    return False


def read_plain(path: Path, most_bytes: int) -> bytes:
    """The beginning of a file; nothing where there is none, or something else."""
    if not is_plain(path):
        return b""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(most_bytes)
    except OSError:  # one that its own writer has made unreadable
        return b""
