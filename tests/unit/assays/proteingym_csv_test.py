"""CSV files as ProteinGym publishes them, with the row of its reference file, and others that are near to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.guest.assays import Dataset, DatasetError, Split, make_split
from tests.unit.assays.archives import TABLE

ASSAY = """\
mutant,mutated_sequence,DMS_score,DMS_score_bin
K2R,MRV,1.5,1
V3A,MKA,-0.25,0
K2R:V3A,MRA,,0
"""
REFERENCE = """\
DMS_index,DMS_id,DMS_filename,UniProt_ID,target_seq,DMS_binarization_cutoff,selection_type,coarse_selection_type,title
DMS_sub_0,OTHER_HUMAN_X_2020,OTHER_HUMAN_X_2020.csv,OTHER_HUMAN,AAA,0.0,Growth,OrganismalFitness,Another
DMS_sub_1,TINY_ECOLI_Y_2021,TINY_ECOLI_Y_2021.csv,TINY_ECOLI,MKV,0.5,Binding,Binding,"On three residues, a scan"
"""


@pytest.fixture
def assay(tmp_path: Path) -> Path:
    path = tmp_path / "TINY_ECOLI_Y_2021.csv"
    path.write_text(ASSAY)
    return path


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "DMS_substitutions.csv"
    path.write_text(REFERENCE)
    return path


def test_the_reference_row_gives_wild_type_cutoff_and_types(assay: Path, reference: Path) -> None:
    dataset = Dataset.from_path(assay, reference=reference)

    assert (dataset.name, dataset.wild_type) == ("TINY_ECOLI_Y_2021", "MKV")
    assert dataset.assay().constants == {
        "sequence": "MKV",
        "mutation_col": "mutant",
        "UniProt_ID": "TINY_ECOLI",
        "selection_type": "Binding",
        "coarse_selection_type": "Binding",
        "DMS_binarization_cutoff": 0.5,
    }
    assert dataset.source == "On three residues, a scan"
    assert dataset.extra["reference"]["DMS_index"] == "DMS_sub_1"
    assert dataset.table["DMS_score_bin"] == [1.0, 0.0, 0.0]
    assert dataset.examples().mutants == ["K2R", "V3A"]


def test_the_wild_type_is_found_without_a_reference_file(assay: Path) -> None:
    dataset = Dataset.from_path(assay)

    assert (dataset.name, dataset.wild_type, dataset.extra) == ("TINY_ECOLI_Y_2021", "MKV", {})


def test_there_is_no_wild_type_where_rows_differ_in_it(assay: Path) -> None:
    assay.write_text(ASSAY.replace("V3A,MKA", "V3A,AKA"))
    dataset = Dataset.from_path(assay)

    assert dataset.wild_type is None


def test_a_file_that_the_reference_file_does_not_know_is_named(assay: Path, reference: Path) -> None:
    other = assay.rename(assay.with_name("mine.csv"))

    with pytest.raises(DatasetError, match=r"has no row for mine.csv: no DMS_id mine"):
        Dataset.from_path(other, reference=reference)


def test_a_reference_file_that_is_none_is_refused(assay: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no reference file of ProteinGym"):
        Dataset.from_path(assay, reference=assay)
    with pytest.raises(DatasetError, match="there is no file"):
        Dataset.from_path(assay, reference=tmp_path / "none.csv")


def test_proteingyms_own_folds_are_splits(assay: Path) -> None:
    lines = ASSAY.splitlines()
    columns = ["fold_random_5,fold_modulo_5,fold_contiguous_5", "1,0,0", "0,1,1", "0,0,0"]
    assay.write_text("\n".join(f"{one},{other}" for one, other in zip(lines, columns, strict=True)))
    dataset = Dataset.from_path(assay)

    assert dataset.splits == {
        "random_2": Split("random_2", "random", 2, None, ["1", "0", "0"]),
        "modulo_2": Split("modulo_2", "modulo", 2, None, ["0", "1", "0"]),
        "contiguous_2": Split("contiguous_2", "contiguous", 2, None, ["0", "1", "0"]),
    }
    assert "fold_random_5" not in dataset.table


def test_proteingyms_folds_of_multi_mutants_stand_beside_the_others(assay: Path, tmp_path: Path) -> None:
    lines = ASSAY.splitlines()
    columns = ["fold_random_5,fold_rand_multiples", "0,1", "1,0", ",0"]
    assay.write_text("\n".join(f"{one},{other}" for one, other in zip(lines, columns, strict=True)))
    dataset = Dataset.from_path(assay)
    dataset.save(tmp_path / "x.pgdata")

    assert dataset.splits["random_2"].labels == ["0", "1", ""]
    assert dataset.splits["rand_multiples_2"].labels == ["1", "0", "0"]
    assert Dataset.from_path(tmp_path / "x.pgdata") == dataset


@pytest.mark.parametrize("suffix", [".zip", ".pgdata"])
def test_what_is_written_is_read_back_the_same(assay: Path, reference: Path, tmp_path: Path, suffix: str) -> None:
    dataset = Dataset.from_path(assay, reference=reference)
    dataset.save(tmp_path / f"x{suffix}")
    again = Dataset.from_path(tmp_path / f"x{suffix}")

    assert again == dataset
    assert (again.assays, again.extra, again.source) == (dataset.assays, dataset.extra, dataset.source)


def test_other_columns_are_taken_by_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE.replace("sequence,mutant", "protein,variant"))
    dataset = Dataset.from_csv(path, "score", sequence="protein", mutant="variant", features=["ph"])

    assert (dataset.wild_type, dataset.mutants) == ("MKV", ["K2R", "V3A", "K2R:V3A"])
    assert dataset.assay().features == ["ph"]
    assert Dataset.from_csv(path, "score", sequence="protein").mutants is None


def test_sequences_are_made_of_the_wild_type_where_there_are_none(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mutant,2500\nH24C,1\nP25A:E26D,2\nWT,0\n")
    dataset = Dataset.from_csv(path, "2500", wild_type="HPETL")

    assert dataset.sequences == ["CPETL", "HADTL", "HPETL"]
    assert (dataset.mutants or [])[0] == "H24C"
    assert dataset.assay().constants["offset"] == 24
    assert dataset.problems() == []


@pytest.mark.parametrize(
    ("names", "wild_type", "offset", "said"),
    [
        ("H24C\nK25A", "HPETL", None, "row 1: H24C: position 24 is none"),
        ("H24C\nK25A", "HPETL", 24, "row 2: K25A: the wild type has P at position 25, not K"),
        ("A3C\nA3D", "AAAA", 9, "row 1: A3C: position 3 is none of the wild type's, which go from 9 to 12"),
        ("A30C\nA31D", "AAAA", None, "fit the wild type from 28 or 29 or 30 on"),
        ("A3C\nfs17", "AAAA", None, "row 2: 'fs17' is no substitution"),
        ("A3C", None, None, "the wild type is needed"),
    ],
)
def test_names_that_do_not_fit_the_wild_type_are_named(
    tmp_path: Path, names: str, wild_type: str | None, offset: int | None, said: str
) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("mutant,score\n" + "".join(f"{name},1\n" for name in names.split("\n")))

    with pytest.raises(DatasetError) as error:
        Dataset.from_csv(path, "score", wild_type=wild_type, offset=offset)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            ASSAY.replace("DMS_score,", "fitness,"),
            "has no column 'DMS_score'; it has mutant, mutated_sequence",
        ),
        (ASSAY.replace("mutant,mutated_sequence", "a,b"), "neither a column mutated_sequence nor a column mutant"),
        ("", "is empty"),
        (ASSAY.replace("-0.25", "low"), "row 2, column 'DMS_score': 'low' is no number"),
    ],
)
def test_a_file_that_lacks_something_says_what(assay: Path, text: str, said: str) -> None:
    assay.write_text(text)

    with pytest.raises(DatasetError) as error:
        Dataset.from_path(assay)
    assert said in str(error.value)
    assert str(assay) in str(error.value)


def test_a_file_that_is_not_utf8_is_refused(assay: Path) -> None:
    assay.write_bytes(ASSAY.encode().replace(b"K2R,MRV", b"K2R\xff,MRV"))

    with pytest.raises(DatasetError, match="is not UTF-8"):
        Dataset.from_path(assay)


def test_an_archive_has_its_own_targets(tmp_path: Path, assay: Path) -> None:
    Dataset.from_path(assay).save(tmp_path / "x.zip")

    with pytest.raises(DatasetError, match="says itself what its targets are"):
        Dataset.from_path(tmp_path / "x.zip", target="DMS_score")


def test_a_scan_of_insertions_has_sequences_as_names(tmp_path: Path) -> None:
    path = tmp_path / "indels.csv"
    path.write_text("mutant,mutated_sequence,DMS_score\nMKKV,MKKV,1\nMV,MV,2\nMKV,MKV,3\nMA,MA,4\nMC,MC,4\n")
    dataset = Dataset.from_path(path)

    assert (dataset.wild_type, dataset.problems()) == (None, [])
    assert sorted(make_split("random", dataset).labels) == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("header", "told", "fix"),
    [
        ("variant,fitness", {"target": "fitness", "mutant": "varient"}, "did you mean 'variant'?"),
        ("variant,fitness", {"target": "fitnes", "mutant": "variant"}, "did you mean 'fitness'?"),
        ("mutant;DMS_score", {}, "write it with ',' between the columns"),
        ("mutant,activity", {}, "name the column of the measured values (--target)"),
    ],
)
def test_a_column_that_is_not_there_is_told_with_what_to_do(
    tmp_path: Path, header: str, told: dict[str, str], fix: str
) -> None:
    path = tmp_path / "scan.csv"
    path.write_text(header + "\nA1G,1\n")

    with pytest.raises(DatasetError) as caught:
        Dataset.from_csv(path, **told)

    assert caught.value.fix == fix
