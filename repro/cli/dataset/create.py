"""`repro dataset create TABLE.csv -o OUT`"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from repro.cli.console import Console, counted, print_json
from repro.cli.dataset.options import check_output, output_option
from repro.cli.options import json_option, verbosity
from repro.errors import InputFileError, SettingsError

if TYPE_CHECKING:
    from repro.guest.assays import Dataset

_STRUCTURES = (".pdb", ".ent", ".cif", ".mmcif")


@click.command(name="create", options_metavar="-o OUT [OPTIONS]")
@click.argument("table", metavar="TABLE.csv", type=click.Path(path_type=Path))
@output_option
@click.option("--name", metavar="NAME", help="Of the data set. [default: the name of the file]")
@click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="COLUMN",
    help="Measured values; may be given several times. [default: DMS_score]",
)
@click.option("--sequence", metavar="COLUMN", help="Sequences. [default: mutated_sequence or sequence]")
@click.option("--mutant", metavar="COLUMN", help="Names of variants, A23G or A23G:D42N. [default: mutant or mutants]")
@click.option("--wild-type", metavar="SEQUENCE|FILE", help="The wild type, or a FASTA file that has it alone.")
@click.option(
    "--offset", type=int, metavar="N", help="Position of its first residue in the names. [default: what fits]"
)
@click.option("--structure", metavar="FILE", type=click.Path(path_type=Path), help="The wild type's: PDB or mmCIF.")
@click.option("--feature", "features", multiple=True, metavar="COLUMN", help="A column known beside the sequence.")
@click.option("--reference", type=click.Path(path_type=Path), help="ProteinGym's DMS_substitutions.csv.")
@click.option("--description", default="", metavar="TEXT", help="What it is.")
@click.option("--source", default="", metavar="TEXT", help="Where it is from.")
@click.option("--doi", default="", metavar="DOI", help="Of the paper.")
@json_option
@verbosity
@click.pass_obj
def command(
    console: Console,
    table: Path,
    output: Path,
    name: str | None,
    targets: tuple[str, ...],
    sequence: str | None,
    mutant: str | None,
    wild_type: str | None,
    offset: int | None,
    structure: Path | None,
    features: tuple[str, ...],
    reference: Path | None,
    description: str,
    source: str,
    doi: str,
    as_json: bool,
) -> None:
    """Make a data set of a CSV file.

    \b
    repro dataset create blat.csv --target fitness --mutant variant --wild-type blat.fasta -o blat.pgdata

    Sequences that are not there are made of the wild type and the names of variants. A column fold_random_5 or such,
    as ProteinGym's, becomes a split.
    """
    from repro.benchmarks.proteingym import DatasetError
    from repro.benchmarks.proteingym.saving import save_dataset
    from repro.guest.assays.checking import misnamed_rows

    check_output(output)
    stored = {} if structure is None else _stored_structure(structure)
    columns = {
        "sequence": sequence,
        "mutant": mutant,
        "wild_type": _wild_type(wild_type),
        "offset": offset,
        "features": list(features),
    }
    made = _joined(table, targets, reference, {key: value for key, value in columns.items() if value is not None})
    made = dataclasses.replace(
        made,
        name=name or made.name,
        description=description,
        source=source or made.source,
        doi=doi,
        files={**made.files, **stored},
    )
    if wild_type is not None and len(misnamed_rows(made)) == len(made):
        raise DatasetError(
            f"{table}: the wild type that was given fits none of the {counted(len(made), 'variant')}",
            "look at --wild-type; where its first residue is not number 1 in the names, say which with --offset",
        )
    save_dataset(made, output)
    problems = made.problems()
    if as_json:
        facts = {"file": str(output), "name": made.name, "rows": len(made), "digest": made.digest}
        print_json({**facts, "targets": list(made.assays), "splits": list(made.splits), "warnings": problems})
    for problem in problems:
        console.note(f"warning: {problem}")
    console.note(f"{output}: {made.name}, {counted(len(made), 'row')}, {', '.join(made.assays)}")


def _joined(table: Path, targets: tuple[str, ...], reference: Path | None, columns: dict[str, object]) -> Dataset:
    """One data set of the targets of a table."""
    from repro.benchmarks.proteingym import Dataset

    distinct: list[str | None] = [*dict.fromkeys(targets)] or [None]
    first, *others = [Dataset.from_csv(table, target, reference, **columns) for target in distinct]
    for other in others:
        first = dataclasses.replace(
            first, assays={**first.assays, **other.assays}, table={**first.table, **other.table}
        )
    made: Dataset = first
    return made


def _wild_type(given: str | None) -> str | None:
    """A sequence as it stands, or out of a file. Raises SettingsError, InputFileError."""
    from repro.guest.assays.fasta import read_fasta

    if given is None:
        return None
    path = Path(given)
    if "." not in given and "/" not in given:
        sequence = given.strip().upper()
        if not sequence.isascii() or not sequence.isalpha():
            raise SettingsError(f"--wild-type {given[:60]!r} is no sequence", fix="give residues, or a FASTA file")
        return sequence
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputFileError(f"the wild type {path} cannot be read: {error.strerror}", fix="check the path") from error
    found = [sequence for _, sequence in read_fasta(content, str(path))]
    if len(found) != 1:
        raise InputFileError(f"{path} has {counted(len(found), 'sequence')}, and has to have one: the wild type")
    return str(found[0]).upper().removesuffix("*")  # of the stop codon, in a gene that was translated


def _stored_structure(path: Path) -> dict[str, bytes]:
    """A structure's text, under the name that it has in an archive. Raises InputFileError."""
    from repro.data.structures import StructureFileError, read_structure

    name = path.name.removesuffix(".gz")
    if not name.lower().endswith(_STRUCTURES):
        known = ", ".join(_STRUCTURES)
        raise InputFileError(f"the structure {path} is called as none is", fix=f"name a file that ends in {known}")
    try:
        return {f"structures/{name}": read_structure(path).encode()}
    except StructureFileError as error:
        raise InputFileError(str(error), fix="give a PDB or mmCIF file, or one of them as .gz") from error
