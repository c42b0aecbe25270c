"""A CSV file as ProteinGym publishes its assays: mutant, mutated_sequence, DMS_score, DMS_score_bin."""

import contextlib
import difflib
import gzip
import io
import os
import zlib

from . import mutants as naming
from . import stored_splits
from .assay import Assay
from .errors import DatasetError
from .table import read_columns, read_header, read_rows, to_numbers, undecodable
from .variants import OFFSET, made_sequences

TARGET = "DMS_score"
_SEQUENCE_COLUMNS = ("mutated_sequence", "sequence")
_MUTANT_COLUMNS = ("mutant", "mutants")
_CUTOFF = "DMS_binarization_cutoff"
_KEPT = ("UniProt_ID", "selection_type", "coarse_selection_type", "taxon", "source_organism", "molecule_name")
_CHECKED_ROWS = 200
_GZIP_START, _GZIP_END = b"\x1f\x8b", ".gz"


def read(path, reference=None, target=None, sequence=None, mutant=None, wild_type=None, features=(), offset=None):
    """What Dataset is made of. See `Dataset.from_path` and `Dataset.from_csv`."""
    about = reference_row(reference, path) if reference is not None else {}
    target = target or TARGET
    try:
        with opened(path) as stream:
            reader, header = read_header(stream, path)
            names = _columns(header, path, target, sequence, mutant)
            bins = [target + "_bin"] if target + "_bin" in header else []
            folds = [name for name in header if stored_splits.is_folds_column(name)]
            wanted = [name for name in dict.fromkeys([*names, target, *bins, *features, *folds]) if name]
            _check_there(features, header, path)
            columns = read_columns(reader, header, wanted, {target, *bins}, path)
    except UnicodeDecodeError as error:
        raise undecodable(path, error) from None
    sequence_column, mutation_column = names
    wild_type = wild_type or about.get("target_seq") or _reverted(columns, sequence_column, mutation_column)
    if sequence_column is None:
        sequence_column = _SEQUENCE_COLUMNS[0]
        if not wild_type:
            raise DatasetError(
                "%s has names of variants and no sequences: the wild type is needed" % path,
                "give the wild type (--wild-type), or ProteinGym's reference file (--reference)",
            )
        columns[sequence_column], offset = made_sequences(columns[mutation_column], wild_type, offset, path)
    splits = [stored_splits.from_column(name, columns.pop(name), path) for name in folds]
    constants = {"sequence": wild_type, "mutation_col": mutation_column, **_constants(about)}
    constants[OFFSET] = None if offset == 1 else offset
    constants = {key: value for key, value in constants.items() if value not in (None, "")}
    name = about.get("DMS_id") or os.path.splitext(_file_name(path))[0]
    return {
        "name": name,
        "assays": {target: Assay(target, "", list(features), constants, sequence_column)},
        "table": columns,
        "splits": {split.name: split for split in splits},
        "extra": {"reference": {key: value for key, value in about.items() if value}} if about else {},
        "source": about.get("title", ""),
    }


@contextlib.contextmanager
def opened(path):
    """A table as a stream of UTF-8 text, unpacked where it is packed with gzip, line ends as they are.

    Raises:
        DatasetError: it cannot be read or unpacked.
    """
    packed = False
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(open(path, "rb"))
            packed = raw.peek(2)[:2] == _GZIP_START
            unpacked = stack.enter_context(gzip.GzipFile(fileobj=raw)) if packed else raw
            yield stack.enter_context(io.TextIOWrapper(unpacked, encoding="utf-8-sig", newline=""))
    except FileNotFoundError:
        raise DatasetError("there is no file %s" % path, "check the path") from None
    except (OSError, EOFError, zlib.error) as error:
        done = "unpacked" if packed else "read"
        raise DatasetError("%s cannot be %s: %s" % (path, done, getattr(error, "strerror", None) or error)) from None


def reference_row(reference, path):
    """The row of ProteinGym's reference file that is about an assay's file, by DMS_id or by the file's name.

    Raises:
        DatasetError: there is none, or there are several, or the file is no reference file.
    """
    reference = os.fspath(reference)
    file_name = _file_name(path)
    stem = os.path.splitext(file_name)[0]
    try:
        with opened(reference) as stream:
            reader, header = read_header(stream, reference)
            if "DMS_id" not in header:
                raise DatasetError(
                    "%s is no reference file of ProteinGym: it has no column DMS_id" % reference,
                    "name ProteinGym's DMS_substitutions.csv",
                )
            found = [
                row
                for row in read_rows(reader, header, reference)
                if stem == row["DMS_id"] or file_name == row.get("DMS_filename")
            ]
    except UnicodeDecodeError as error:
        raise undecodable(reference, error) from None
    if not found:
        raise DatasetError(
            "%s has no row for %s: no DMS_id %s" % (reference, file_name, stem), "name the file as ProteinGym does"
        )
    if any(row != found[0] for row in found):
        raise DatasetError("%s has several rows for %s, which differ" % (reference, file_name), "keep one")
    return found[0]


def _file_name(path):
    """A file's name, as it is called unpacked."""
    name = os.path.basename(path)
    return name[: -len(_GZIP_END)] if name.lower().endswith(_GZIP_END) else name


def _columns(header, path, target, sequence, mutant):
    """The columns of sequences and of variants' names; one of them may be None."""
    _check_there([target], header, path, "name the column of the measured values (--target)")
    _check_there([name for name in (sequence, mutant) if name], header, path)
    sequence = sequence or next((name for name in _SEQUENCE_COLUMNS if name in header), None)
    mutant = mutant or next((name for name in _MUTANT_COLUMNS if name in header), None)
    if sequence is None and mutant is None:
        raise DatasetError(
            "%s has neither a column mutated_sequence nor a column mutant; it has %s" % (path, ", ".join(header[:20])),
            "name the column of the sequences",
        )
    return sequence, mutant


def _check_there(names, header, path, fix="name a column that it has"):
    missing = [name for name in names if name not in header]
    if missing:
        near = difflib.get_close_matches(missing[0], header, n=1)
        if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
            fix = "write it with ',' between the columns"
        elif near:
            fix = "did you mean %r?" % near[0]
        raise DatasetError(
            "%s has no column %s; it has %s" % (path, ", ".join(map(repr, missing)), ", ".join(header[:20])), fix
        )


def _reverted(columns, sequence_column, mutation_column):
    """The wild type that the first rows agree on, or None."""
    if sequence_column is None or mutation_column is None:
        return None
    found = set()
    for sequence, mutant in zip(columns[sequence_column][:_CHECKED_ROWS], columns[mutation_column]):
        try:
            found.add(naming.revert_mutant(sequence, mutant))
        except DatasetError:  # not written as substitutions: there is nothing to revert
            return None
    return found.pop() if len(found) == 1 else None


def _constants(about):
    constants = {key: about[key] for key in _KEPT if about.get(key)}
    if about.get(_CUTOFF):
        cutoff = to_numbers([about[_CUTOFF]], _CUTOFF, 0, "the reference file")[0]
        if cutoff == cutoff:
            constants[_CUTOFF] = cutoff
    return constants
