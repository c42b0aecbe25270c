"""The archive with manifest.lock, in all the forms that its manifest has had, and the one with splits beside it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
import tomllib

from repro.guest.assays import Dataset, DatasetError, Split
from tests.unit.assays.archives import tiny, zipped

FASTA = ">wt the pilin\nMK\nV\n"
TABLE = "mutated_sequence,DMS_score,DMS_score_bin,kind,split\nMRV,1.5,1,foo,a\nMKA,-0.25,0,bar,b\nMRA,,,foo,a\n"
NEWEST = """\
version = "1.0.0"
name = "NEIME_2019"
description = "a pilin"
reference_sequence_name = "wt"

[publication]
doi = "10.15252/embj.2019102145"

[[assay_variables]]
name = "PH"
unit = "pH"

[[assay_targets]]
name = "DMS Score"

[[assay_targets]]
name = "DMS Score Bin"

[[assay_targets]]
name = "Kind"

[[assays]]
name = "NEIME_2019"
path = "assays/NEIME_2019.csv"
sequence_alphabet = "AA"
sequence_alias = "mutated_sequence"
readout = "dna_sequencing"

[[assays.targets]]
name = "DMS Score"
alias = "DMS_score"

[[assays.targets]]
name = "DMS Score Bin"
alias = "DMS_score_bin"

[[assays.targets]]
name = "Kind"
alias = "kind"

[[assays.non_targets]]
name = "split"

[assays.variables]
PH = 7

[[sequences]]
path = "sequences/wt.fasta"
type = "wild_type"
alphabet = "AA"

[[structures]]
path = "structures/a.pdb"
name = "a"

[[msas]]
path = "msas/a.a3m"
format = "a3m"
"""
MIDDLE = """\
version = "1.0.0"
name = "NEIME_2019"

[[assays]]
path = "./assays/NEIME_2019.csv"
sequence = "mutated_sequence"
sequence_alphabet = "AA"

[assays.targets]
"DMS Score" = "DMS_score"

[assays.metadata]
UniProt_ID = "PILIN"

[assays.variables]
PH = "7"

[[sequences]]
type = "wild_type"
alphabet = "AA"
path = "sequences/wt.fasta"
"""
OLDEST = """\
version = "1.0.0"
name = "NEIME_2019"

[[assays]]
name = "assay"
path = "assays/NEIME_2019.csv"
sequence = "mutated_sequence"
target = "DMS_score"

[assays.conditions]
PH = "7"
"""


def pgdata(path: Path, manifest: str = NEWEST, **others: str | bytes) -> Path:
    members: dict[str, str | bytes] = {
        "manifest.lock": manifest,
        "assays/NEIME_2019.csv": TABLE,
        "sequences/wt.fasta": FASTA,
        "structures/a.pdb": "ATOM",
        "msas/a.a3m": ">wt\nMKV\n",
    }
    return zipped(path, {**members, **others})


def test_the_newest_manifest_is_read(tmp_path: Path) -> None:
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata"))
    assay = dataset.assay("DMS_score")

    assert (dataset.name, dataset.description, dataset.doi) == ("NEIME_2019", "a pilin", "10.15252/embj.2019102145")
    assert list(dataset.assays) == ["DMS_score", "DMS_score_bin"]  # Kind is of words: nothing to predict a number of
    assert (assay.wild_type, assay.sequence_column, assay.features) == ("MKV", "mutated_sequence", ["split"])
    assert assay.constants["PH"] == 7
    assert dataset.examples("DMS_score").targets == [1.5, -0.25]
    assert dataset.table["split"] == ["a", "b", "a"]
    assert sorted(dataset.files) == ["msas/a.a3m", "sequences/wt.fasta", "structures/a.pdb"]
    assert dataset.structures == {"structures/a.pdb": b"ATOM"}


def test_a_target_is_found_by_the_name_that_the_manifest_gives_its_column(tmp_path: Path) -> None:
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata"))

    assert dataset.assay("DMS Score").target == "DMS_score"
    assert dataset.examples("DMS Score").targets == [1.5, -0.25]


def test_targets_as_a_table_of_columns_are_read(tmp_path: Path) -> None:
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata", MIDDLE))

    assert list(dataset.assays) == ["DMS_score"]
    assert dataset.assay().constants == {"UniProt_ID": "PILIN", "PH": "7", "sequence": "MKV"}
    assert dataset.table["DMS_score_bin"][:2] == [1.0, 0.0]


def test_a_target_as_a_name_is_read(tmp_path: Path) -> None:
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata", OLDEST))

    assert list(dataset.assays) == ["DMS_score"]
    assert dataset.assay().constants == {"PH": "7"}


@pytest.mark.parametrize("manifest", [NEWEST, MIDDLE, OLDEST])
@pytest.mark.parametrize("suffix", [".pgdata", ".zip"])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, manifest: str, suffix: str) -> None:
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata", manifest)).with_split(
        Split("by_hand", "random", 3, 5, ["2", "0", "1"])
    )
    dataset.save(tmp_path / f"y{suffix}")
    again = Dataset.from_path(tmp_path / f"y{suffix}")

    assert again == dataset
    assert (again.splits, again.assays, again.extra) == (dataset.splits, dataset.assays, dataset.extra)
    assert (again.doi, again.description) == (dataset.doi, dataset.description)


def test_the_form_is_the_one_that_others_read(tmp_path: Path) -> None:
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip"))
    dataset.save(tmp_path / "x.pgdata")
    with zipfile.ZipFile(tmp_path / "x.pgdata") as archive:
        manifest = tomllib.loads(archive.read("manifest.lock").decode())
        table = archive.read("assays/tiny.csv").decode()
        fasta = archive.read("sequences/tiny.fasta").decode()

    assert manifest == {
        "version": "1.0.0",
        "name": "tiny",
        "description": "three variants",
        "assay_variables": [{"name": "sequence"}, {"name": "mutation_col"}, {"name": "temperature"}],
        "assay_targets": [{"name": "score"}],
        "assays": [
            {
                "name": "score",
                "description": "how bright",
                "sequence_alphabet": "AA",
                "path": "assays/tiny.csv",
                "targets": [{"name": "score"}],
                "variables": {"sequence": "MKV", "mutation_col": "mutant", "temperature": 30.5},
            }
        ],
        "sequences": [{"type": "wild_type", "alphabet": "AA", "path": "sequences/tiny.fasta"}],
    }
    assert table == "sequence,mutant,score,ph\nMRV,K2R,1.5,7\nMKA,V3A,-0.25,7\nMRA,K2R:V3A,,8\n"
    assert fasta == ">tiny\nMKV\n"


def test_labels_of_a_split_stand_in_a_column_named_as_proteingym_names_it(tmp_path: Path) -> None:
    split = Split("modulo_2", "modulo", 2, None, ["0", "1", ""])
    Dataset.from_path(tiny(tmp_path / "x.zip")).with_split(split).save(tmp_path / "x.pgdata")
    with zipfile.ZipFile(tmp_path / "x.pgdata") as archive:
        table = archive.read("assays/tiny.csv").decode().splitlines()

    assert table[0].endswith(",fold_modulo_2")
    assert [line.rsplit(",", 1)[1] for line in table[1:]] == ["0", "1", ""]


ROUNDS = """\
version = "1.0.0"
name = "AMYE"

[[assays]]
name = "expression-r1"
path = "assays/r1.csv"
sequence = "mutated_sequence"
[assays.variables]
engineering_round = 1
[assays.targets]
expression = "expression"

[[assays]]
name = "stability-r1"
path = "assays/r1.csv"
sequence = "mutated_sequence"
[assays.targets]
stability = "thermostability"

[[assays]]
name = "expression-r2"
path = "assays/r2.csv"
[assays.variables]
engineering_round = 2
[assays.targets]
expression = "expression"
"""
R1 = "mutated_sequence,expression,thermostability\nMRV,1,50\nMKA,2,60\n"
R2 = "sequence,expression\nMRA,3\n"


def rounds(path: Path, **others: str | bytes) -> Path:
    return zipped(path, {"manifest.lock": ROUNDS, "assays/r1.csv": R1, "assays/r2.csv": R2, **others})


def test_assays_on_rows_of_their_own_are_one_table(tmp_path: Path) -> None:
    dataset = Dataset.from_path(rounds(tmp_path / "x.pgdata"))

    assert list(dataset.assays) == ["expression-r1/expression", "thermostability", "expression-r2/expression"]
    assert dataset.sequences == ["MRV", "MKA", "MRA"]
    assert dataset.examples("thermostability").targets == [50.0, 60.0]
    assert dataset.examples("expression-r2/expression").rows == [2]
    assert dataset.assay("expression-r2/expression").constants == {"engineering_round": 2}
    dataset.save(tmp_path / "y.pgdata")
    assert Dataset.from_path(tmp_path / "y.pgdata") == dataset


def sliced(path: Path, slices: object, inner: Path) -> Path:
    return zipped(path, {"dataset.pgdata": inner.read_bytes(), "slices.json": json.dumps(slices)})


def masks(*records: list[bool] | None) -> dict[str, object]:
    return {"assays": [{"columns": None, "records": one, "metadata": None} for one in records], "metadata": None}


def test_slices_beside_a_data_set_are_its_folds(tmp_path: Path) -> None:
    folds = [masks([True, False, False]), masks([False, False, True])]
    path = sliced(tmp_path / "x.splits.pgdata", {"modulo": folds}, pgdata(tmp_path / "x.pgdata", OLDEST))
    dataset = Dataset.from_path(path)

    assert dataset.splits == {"modulo": Split("modulo", "modulo", 2, None, ["0", "", "1"])}
    assert dataset.parts("modulo", 0)[2].targets == [1.5]


def test_slices_of_several_assays_are_laid_on_the_rows_of_all(tmp_path: Path) -> None:
    folds = [masks([True, False], [True, False], [False]), masks([False, True], [False, True], [True])]
    dataset = Dataset.from_path(sliced(tmp_path / "s.pgdata", folds, rounds(tmp_path / "x.pgdata")))

    assert dataset.splits["folds"].labels == ["0", "1", "1"]


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ({"a": [masks([True, True, False]), masks([False, True, True])]}, "has row 2 in the slices 0 and 1"),
        ({"a": [masks([True, False]), masks([False, True])]}, "not of the 3 rows of the assay 1"),
        ({"a": [masks(), masks()]}, "no part for the assay 1"),
        ({"a": 3}, "no table of lists of slices"),
        ({"a": [masks([True, True, True]), masks([False, False, False])]}, "no row in 1"),
    ],
)
def test_slices_that_make_no_folds_are_refused(tmp_path: Path, slices: object, said: str) -> None:
    path = sliced(tmp_path / "s.pgdata", slices, pgdata(tmp_path / "x.pgdata", OLDEST))

    with pytest.raises(DatasetError, match=said):
        Dataset.from_path(path)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("assays/NEIME_2019.csv", "assays/none.csv", "has no assays/none.csv; it has manifest.lock"),
        ("structures/a.pdb", "structures/b.pdb", "has no structures/b.pdb"),
        ("msas/a.a3m", "../a.a3m", "'../a.a3m', which climbs out"),
        ("sequences/wt.fasta", "/wt.fasta", "which is an absolute path"),
        ('reference_sequence_name = "wt"', 'reference_sequence_name = "x"', "the reference sequence 'x'"),
        ('alias = "DMS_score"', 'alias = "DMS"', "has no column 'DMS', which manifest.lock"),
        ('sequence_alias = "mutated_sequence"', 'sequence_alias = "seq"', "has no column 'seq'"),
        ('name = "NEIME_2019"\ndescription', "description", "has no name"),
        ("[assays.variables]\nPH = 7", "", None),
        ("[[structures]]", "[structures]", "`structures` is no list of tables"),
        ('version = "1.0.0"', "version = 1.0.0", "is no TOML"),
    ],
)
def test_what_a_manifest_lacks_or_names_in_vain_is_said(
    tmp_path: Path, before: str, after: str, said: str | None
) -> None:
    assert before in NEWEST
    path = pgdata(tmp_path / "x.pgdata", NEWEST.replace(before, after))
    if said is None:
        assert Dataset.from_path(path).assay("DMS_score").constants == {"sequence": "MKV"}
        return
    with pytest.raises(DatasetError) as error:
        Dataset.from_path(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_manifest_without_assays_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="nothing to predict"):
        Dataset.from_path(pgdata(tmp_path / "x.pgdata", 'version = "1.0.0"\nname = "x"\n'))


def test_a_file_of_sequences_that_is_no_fasta_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"sequences/wt.fasta is no FASTA file"):
        Dataset.from_path(pgdata(tmp_path / "x.pgdata", **{"sequences/wt.fasta": "MKV\n"}))


def test_a_folder_that_a_manifest_names_stands_for_all_its_files(tmp_path: Path) -> None:
    manifest = NEWEST.replace('"structures/a.pdb"', '"structures"').replace('"sequences/wt.fasta"', '"sequences"')
    dataset = Dataset.from_path(pgdata(tmp_path / "x.pgdata", manifest, **{"structures/b.cif": "data_"}))

    assert sorted(dataset.structures) == ["structures/a.pdb", "structures/b.cif"]
    assert dataset.wild_type == "MKV"
