"""The archive with manifest.toml: the real ones of pg2, and what is wrong with those that lack something."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from repro.guest.assays import Dataset, DatasetError, Split
from tests.unit.assays.archives import DATA, MANIFEST, TABLE, tiny, zipped


def test_the_charge_ladder_of_pg2_is_read_as_it_is() -> None:
    dataset = Dataset.from_path(DATA / "dummy.zip")

    assert (dataset.name, len(dataset), list(dataset.assays)) == ("charge_ladder", 495, ["charge"])
    assert dataset.assay().features == ["foo", "bar"]
    assert list(dataset.table) == ["bar", "charge", "foo", "sequence"]
    assert dataset.table["charge"][:2] == [-8.105643090241717, -4.224275989612145]
    assert dataset.table["bar"][:2] == ["a", "b"]
    assert dataset.table["foo"][0] == "36.7778913380757"
    assert dataset.sequences[0].startswith("SFQHHAEDAHEWHERMHDPGECFEKDMDPTDPATY")
    assert (dataset.wild_type, dataset.mutants, dataset.splits) == (None, None, {})
    assert dataset.extra == {"assays_meta": {"split_strategy": "RandomSplitStrategy"}}
    assert dataset.problems() == []


def test_neime_of_pg2_is_read_as_it_is() -> None:
    examples = Dataset.from_path(DATA / "neime.zip").examples()

    assert (len(examples), examples.dropped) == (922, 0)
    assert examples.targets[:2] == [-3.5980000000000003, -0.6779999999999999]
    assert {len(sequence) for sequence in examples.sequences} == {161}


def test_ranganathan_of_pg2_has_names_of_variants_where_sequences_are_meant() -> None:
    dataset = Dataset.from_path(DATA / "ranganathan.zip")
    wild_type = dataset.wild_type
    assert wild_type is not None
    assert wild_type.startswith("HPETLV")

    assert dataset.assay().constants["offset"] == 24  # H24 is its first residue
    assert (dataset.mutants or [])[0] == "H24C"
    assert dataset.sequences[0] == "C" + wild_type[1:]
    assert all(sum(map(str.__ne__, one, wild_type)) == 1 for one in dataset.sequences)
    assert dataset.problems() == []


@pytest.mark.parametrize("name", ["dummy", "neime", "ranganathan"])
@pytest.mark.parametrize("suffix", [".zip", ".pgdata"])
def test_what_is_written_is_read_back_the_same(tmp_path: Path, name: str, suffix: str) -> None:
    dataset = Dataset.from_path(DATA / f"{name}.zip").with_split("random").with_split("train-valid-test")
    dataset.save(tmp_path / f"1{suffix}")
    again = Dataset.from_path(tmp_path / f"1{suffix}")
    again.save(tmp_path / f"2{suffix}")

    assert again == dataset
    assert again.splits == dataset.splits
    assert again.assays == dataset.assays
    assert again.extra == dataset.extra
    assert (tmp_path / f"1{suffix}").read_bytes() == (tmp_path / f"2{suffix}").read_bytes()


def test_all_that_a_manifest_says_is_kept(tmp_path: Path) -> None:
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip", manifest='license = "CC-BY"\n' + MANIFEST))
    assay = dataset.assay("score")

    assert (dataset.description, dataset.doi, dataset.source) == ("three variants", "10.1/x", "by hand")
    assert dataset.extra["license"] == "CC-BY"
    assert (assay.description, assay.wild_type, assay.mutation_column) == ("how bright", "MKV", "mutant")
    assert assay.constants["temperature"] == 30.5
    assert dataset.mutants == ["K2R", "V3A", "K2R:V3A"]


def test_rows_without_a_measured_value_are_left_out_and_counted(tmp_path: Path) -> None:
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip"))
    examples = dataset.examples("score")

    assert math.isnan(dataset.table["score"][2])
    assert (examples.targets, examples.rows, examples.dropped) == ([1.5, -0.25], [0, 1], 1)
    assert examples.take([1]).mutants == ["V3A"]
    assert dataset.examples("score", [2, 1]).rows == [1]


def test_equal_content_has_an_equal_digest_whatever_the_bytes(tmp_path: Path) -> None:
    first = Dataset.from_path(tiny(tmp_path / "1.zip"))
    crlf = Dataset.from_path(tiny(tmp_path / "2.zip", table=TABLE.replace("\n", "\r\n").replace("1.5", "1.50")))
    moved = "\ufeffph,score,mutant,sequence\n7,1.5,K2R,MRV\n7,-0.25,V3A,MKA\n\n8,NA,K2R:V3A,MRA\n"
    turned = Dataset.from_path(tiny(tmp_path / "3.zip", table=moved))

    assert first.digest == crlf.digest == turned.digest
    assert first == turned


@pytest.mark.parametrize(
    ("before", "after"),
    [("1.5,7", "1.5,6"), ("-0.25", "-0.26"), ("MRV,K2R,1.5", "MRA,K2R,1.5"), ("K2R:V3A,,", "K2R:V3A,0,")],
)
def test_other_content_has_another_digest(tmp_path: Path, before: str, after: str) -> None:
    first = Dataset.from_path(tiny(tmp_path / "1.zip"))

    assert Dataset.from_path(tiny(tmp_path / "2.zip", table=TABLE.replace(before, after))).digest != first.digest


def test_another_constant_or_name_has_another_digest(tmp_path: Path) -> None:
    found = {
        Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest)).digest
        for manifest in (
            MANIFEST,
            MANIFEST.replace("30.5", "31.0"),
            MANIFEST.replace('"tiny"', '"small"'),
            MANIFEST.replace('features = ["ph"]', "features = []"),
        )
    }

    assert len(found) == 4


def with_split_column(tmp_path: Path, *labels: str) -> Dataset:
    lines = TABLE.splitlines()
    table = "\n".join([lines[0] + ",part", *(f"{row},{label}" for row, label in zip(lines[1:], labels, strict=True))])
    manifest = MANIFEST.replace('split_feature = ""', 'split_feature = "part"')
    return Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest, table=table))


def test_the_split_that_a_manifest_names_is_read(tmp_path: Path) -> None:
    dataset = with_split_column(tmp_path, "train", "Validation", "test")

    split = Split("train_valid_test", "train-valid-test", None, None, ["train", "valid", "test"])
    assert dataset.splits == {"train_valid_test": split}
    assert "part" not in dataset.table


def test_folds_that_a_manifest_names_are_read(tmp_path: Path) -> None:
    dataset = with_split_column(tmp_path, "0", "1.0", "2")

    assert dataset.splits == {"random_3": Split("random_3", "random", 3, None, ["0", "1", "2"])}


def test_a_label_that_is_no_part_is_named_with_its_row(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"assays.csv .*, row 2, column 'part': 'spare' is neither train"):
        with_split_column(tmp_path, "train", "spare", "test")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('"assays.csv"', '"scores.csv"', "has no scores.csv; it has manifest.toml, assays.csv"),
        ('"assays.csv"', '"../assays.csv"', "'../assays.csv', which climbs out of its folder"),
        ('"assays.csv"', '"/data/assays.csv"', "which is an absolute path"),
        ('file_path = "assays.csv"\n', "", "which has no name"),
        ('"score", "ph"]', '"score", "ph", "ligand"]', "has no column 'ligand', which manifest.toml"),
        ('features = ["ph"]', 'features = ["salt"]', "has no column 'salt'"),
        ('mutation_col = "mutant"', 'mutation_col = "variant"', "has no column 'variant'"),
        ('sequence_feature = "sequence"', 'sequence_feature = "seq"', "has no column 'seq'"),
        ('split_feature = ""', 'split_feature = "part"', "has no column 'part'"),
        ("assays_meta.assays.score", "assays_meta.assays.glow", "has no column 'glow'"),
        ('name = "tiny"\n', "", "has no name"),
        ('name = "tiny"', 'name = "../tiny"', "'../tiny' cannot be a data set's name"),
        ('name = "tiny"', "name = 3", "`name` is 3, and has to be text"),
        ('features = ["ph"]', 'features = "ph"', "has to be a list of names"),
        ('columns = ["sequence"', "columns = [1", "has to be a list of names"),
        ("[assays_meta.assays.score.constants]\n", "[assays_meta.assays.score.constants", "is no TOML"),
        ("assays_meta", "meta", "has no table [assays_meta]"),
        ("assays_meta.assays.score", "assays_meta.other.score", "has no table [assays]"),
    ],
)
def test_what_a_manifest_lacks_or_names_in_vain_is_said(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in MANIFEST
    path = tiny(tmp_path / "x.zip", manifest=MANIFEST.replace(before, after))

    with pytest.raises(DatasetError) as error:
        Dataset.from_path(path)
    assert said in str(error.value)
    assert str(path) in str(error.value) or "cannot be a data set's name" in said


def test_a_manifest_that_names_no_target_is_refused(tmp_path: Path) -> None:
    manifest = MANIFEST[: MANIFEST.index("[assays_meta.assays.score]")] + "[assays_meta.assays]\n"

    with pytest.raises(DatasetError, match="names no target"):
        Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "is empty"),
        ("sequence,mutant,score,ph\n", "has no rows"),
        (TABLE.replace("1.5", "bright"), "row 1, column 'score': 'bright' is no number"),
        (TABLE.replace("-0.25", "inf"), "row 2, column 'score': 'inf' is no number"),
        (TABLE.replace("1.5", "1_5"), "row 1, column 'score': '1_5' is no number"),
        (TABLE.replace("-0.25", "-0,25"), "row 2: 5 fields, where the header names 4"),
        (TABLE.replace("MKA,V3A", "MKA"), "row 2: 3 fields"),
        (TABLE.replace("MRA", "M RA"), "row 3, column 'sequence': 'M RA' is no sequence"),
        (TABLE.replace("MRA", ""), "row 3, column 'sequence': '' is no sequence"),
        (TABLE.replace("ph\n", "score\n"), "has the column 'score' twice"),
        (TABLE.replace("MRV", '"MRV'), "line"),
    ],
)
def test_a_table_that_is_wrong_is_named_with_its_row(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(DatasetError) as error:
        Dataset.from_path(tiny(tmp_path / "x.zip", table=table))
    assert said in str(error.value)


def test_a_number_far_down_is_named_with_its_row(tmp_path: Path) -> None:
    rows = ["MRV,K2R,1.5,7"] * 10_000
    rows[8_999] = "MRV,K2R,1.5?,7"

    with pytest.raises(DatasetError, match=r"row 9000, column 'score': '1.5[?]' is no number"):
        Dataset.from_path(tiny(tmp_path / "x.zip", table="\n".join(["sequence,mutant,score,ph", *rows])))


@pytest.mark.parametrize("member", ["manifest.toml", "assays.csv"])
def test_text_that_is_not_utf8_is_refused(tmp_path: Path, member: str) -> None:
    members: dict[str, str | bytes] = {"manifest.toml": MANIFEST, "assays.csv": TABLE}
    members[member] = b"\xff" + str(members[member]).encode()

    with pytest.raises(DatasetError, match="not UTF-8"):
        Dataset.from_path(zipped(tmp_path / "x.zip", members))


def test_a_manifest_made_to_break_its_reader_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"manifest.toml .* (nested too deeply|is no TOML)"):
        Dataset.from_path(tiny(tmp_path / "x.zip", manifest="a = " + "[" * 100_000))
    with pytest.raises(DatasetError, match=r"manifest.toml .* is larger than 16 MB"):
        Dataset.from_path(tiny(tmp_path / "y.zip", manifest="#" * (17 << 20)))


def test_structures_that_a_manifest_names_come_along(tmp_path: Path) -> None:
    manifest = MANIFEST + '\n[structures_meta]\nfile_path = "structure"\n'
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest, **{"structure/a.pdb": "ATOM"}))
    dataset.save(tmp_path / "y.zip")

    assert dataset.structures == {"structures/a.pdb": b"ATOM"}
    assert Dataset.from_path(tmp_path / "y.zip") == dataset
    with pytest.raises(DatasetError, match="has no structure; it has"):
        Dataset.from_path(tiny(tmp_path / "z.zip", manifest=manifest))


def test_several_targets_share_rows_and_one_has_to_be_named(tmp_path: Path) -> None:
    manifest = MANIFEST.replace('features = ["ph"]', "features = []") + "\n[assays_meta.assays.ph]\n"
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest))

    assert dataset.examples("ph").targets == [7.0, 7.0, 8.0]
    with pytest.raises(DatasetError, match="has several targets: it has score, ph"):
        dataset.examples()
    with pytest.raises(DatasetError, match="no target 'glow'"):
        dataset.examples("glow")


def test_a_data_set_does_not_change(tmp_path: Path) -> None:
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip"))

    with pytest.raises(AttributeError):
        dataset.name = "other"  # type: ignore[misc]


def test_a_file_name_that_ends_otherwise_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"written as .pgdata or .zip"):
        Dataset.from_path(tiny(tmp_path / "x.zip")).save(tmp_path / "x.csv")


def test_a_column_in_the_place_of_a_split_is_not_written_over(tmp_path: Path) -> None:
    manifest = MANIFEST.replace('"ph"]', '"split_train_valid_test"]', 1)
    table = TABLE.replace("score,ph", "score,split_train_valid_test")
    manifest = manifest.replace('features = ["ph"]', "features = []")
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip", manifest=manifest, table=table))

    with pytest.raises(DatasetError, match="has a column split_train_valid_test already"):
        dataset.with_split("train-valid-test").save(tmp_path / "y.zip")
