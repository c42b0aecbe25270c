"""All that is wrong with a data set's file. Reading stops at the first fault; this looks on for the others."""

from __future__ import annotations

import csv
import os
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from repro.guest.assays import Dataset, DatasetError
from repro.guest.assays.archive import Archive, escapes, plain_name
from repro.guest.assays.manifests import load_manifest
from repro.guest.assays.proteingym_csv import TARGET, opened
from repro.guest.assays.table import read_header, to_numbers, undecodable

ERROR, WARNING = "error", "warning"
_MANIFESTS = ("manifest.lock", "manifest.toml")
_PATH_KEYS = ("file_path", "path", "weights_path")
_SEQUENCES = ("mutated_sequence", "sequence")
_PLACE = re.compile(r"(?=, (?:row|line) \d)")
_RESIDUES = re.compile(r"[A-Za-z*.-]+")


@dataclass(frozen=True)
class Finding:
    """Something that is wrong: with an error the data set cannot be read; with a warning its figures may be wrong."""

    kind: str
    message: str
    fix: str = ""


@dataclass(frozen=True)
class _Columns:
    """What the columns of a table are to hold."""

    numbers: tuple[str, ...]
    sequences: tuple[str, ...]


def findings(
    path: Path, reference: Path | None = None, target: str | None = None
) -> tuple[Dataset | None, list[Finding]]:
    """The data set, or None where it cannot be read, and all that is wrong with it; nothing where it is sound.

    Args:
        path: an archive, or a CSV file as ProteinGym's.
        reference: for a CSV file, ProteinGym's reference file.
        target: for a CSV file, the column of measured values.
    """
    try:
        dataset: Dataset = Dataset.from_path(path, reference, target)
    except DatasetError as error:
        found = [Finding(ERROR, one.message, one.fix) for one in (error, *_others(path, target))]
        # Reading names the data set, and looking on the file: one fault has one place in it.
        return None, list({_PLACE.split(one.message, maxsplit=1)[-1]: one for one in found}.values())
    return dataset, [Finding(WARNING, sentence) for sentence in dataset.problems()]


def _others(path: Path, target: str | None) -> Iterator[DatasetError]:
    """What can still be found in a file that cannot be read."""
    try:
        if zipfile.is_zipfile(path):
            with Archive(os.fspath(path)) as archive:
                yield from _of_archive(archive)
        elif path.is_file():
            column = target or TARGET
            with opened(os.fspath(path)) as stream:
                yield from _of_table(stream, str(path), _Columns((column, f"{column}_bin"), _SEQUENCES))
    except (DatasetError, OSError, UnicodeDecodeError):  # what ends reading is the first finding
        return


def _of_archive(archive: Archive) -> Iterator[DatasetError]:
    name = next((one for one in _MANIFESTS if one in archive), None)
    if name is None:
        return
    manifest = load_manifest(archive, name)
    for key, member in _members(manifest):
        why = escapes(member)
        if why:
            yield DatasetError(f"{name} in {archive.path}: `{key}` is {member!r}, which {why}")
        elif not any(one in archive for one in archive.under(plain_name(member))):
            there = ", ".join(archive.names[:10]) or "no files"
            yield DatasetError(
                f"{archive.path} has no {plain_name(member)}; it has {there}",
                f"put {plain_name(member)} into the archive, or mend the manifest",
            )
    for member, columns in _tables(manifest):
        if not escapes(member) and plain_name(member) in archive:
            with archive.text(plain_name(member)) as text:
                yield from _of_table(text, f"{plain_name(member)} in {archive.path}", columns)


def _members(manifest: Any) -> Iterator[tuple[str, str]]:
    """The members that a manifest names, wherever in it."""
    if isinstance(manifest, dict):
        for key, value in manifest.items():
            if key in _PATH_KEYS and isinstance(value, str) and value:
                yield key, value
            else:
                yield from _members(value)
    elif isinstance(manifest, list):
        for one in manifest:
            yield from _members(one)


def _tables(manifest: dict[str, Any]) -> Iterator[tuple[str, _Columns]]:
    """The tables that a manifest names, and what their columns are to hold; what has no such form is left out."""
    meta = manifest.get("assays_meta")
    if isinstance(meta, dict) and isinstance(meta.get("file_path"), str) and isinstance(meta.get("assays"), dict):
        yield meta["file_path"], _Columns(tuple(meta["assays"]), (str(meta.get("sequence_feature") or "sequence"),))
    assays = manifest.get("assays")
    for assay in assays if isinstance(assays, list) else []:
        if isinstance(assay, dict) and isinstance(assay.get("path"), str):
            yield assay["path"], _Columns(_targets(assay), (str(assay.get("sequence_alias") or "sequence"),))


def _targets(assay: dict[str, Any]) -> tuple[str, ...]:
    targets = assay.get("targets")
    described = [one for one in targets if isinstance(one, dict)] if isinstance(targets, list) else []
    return tuple(str(one.get("alias") or one.get("name")) for one in described)


def _of_table(stream: TextIO, where: str, columns: _Columns) -> Iterator[DatasetError]:
    """The rows of another width than the header's, numbers that are none, and sequences that are none."""
    reader, header = read_header(stream, where)
    numbers = [(name, header.index(name)) for name in columns.numbers if name in header]
    sequences = [(name, header.index(name)) for name in columns.sequences if name in header]
    try:
        for row, fields in enumerate((fields for fields in reader if fields), start=1):
            if len(fields) != len(header):
                names = f"{len(fields)} fields, where the header names {len(header)} columns"
                yield DatasetError(f"{where}, row {row}: {names}")
                continue
            for name, index in numbers:
                yield from _number_faults(fields[index], name, row, where)
            for name, index in sequences:
                if not _RESIDUES.fullmatch(fields[index]):
                    yield DatasetError(f"{where}, row {row}, column {name!r}: {fields[index][:60]!r} is no sequence")
    except csv.Error as error:
        yield DatasetError(f"{where}, line {reader.line_num}: {error}")
    except UnicodeDecodeError as error:
        yield undecodable(where, error)


def _number_faults(value: str, name: str, row: int, where: str) -> Iterator[DatasetError]:
    try:
        to_numbers([value], name, row - 1, where)
    except DatasetError as error:
        yield error
