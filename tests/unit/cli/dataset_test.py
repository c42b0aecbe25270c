"""`repro dataset ...`, as a user calls it: with files that are right, wrong, and misspelt."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from repro.benchmarks.proteingym import Dataset
from tests.unit.cli.conftest import Repro

EXAMPLE = "A4_HUMAN_Seuma_2021"
PUBLISHED = "A4_HUMAN_Seuma_2022"  # ProteinGym's, of the same protein
DATA = Path(__file__).parents[2] / "data"
REFERENCE = DATA / "proteingym" / "DMS_substitutions.csv"
NEIME = DATA / "pg2" / "neime.zip"
WILD_TYPE = "MKTAYIAKQR"


def write_table(path: str, rows: Sequence[Sequence[object]], header: tuple[str, ...] = ("mutant", "DMS_score")) -> None:
    with Path(path).open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def remade(source: Path, target: str, **changes: bytes | None) -> None:
    """An archive with members changed, or left out; their dots are written `_`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = changes.get(name.replace(".", "_"), old.read(name))
            if content is not None:
                new.writestr(name, content)


# --------------------------------------------------------------------------------------------------------------- info


def test_the_example_is_shown_by_its_name(repro: Repro) -> None:
    done = repro("dataset", "info", EXAMPLE)

    assert done.code == 0, done.err
    facts = dict(line.split("  ", 1) for line in done.out.splitlines() if "  " in line)
    assert {key: facts[key].strip() for key in ("name", "rows", "doi", "variants")} == {
        "name": EXAMPLE,
        "rows": "468",
        "doi": "10.7554/eLife.63364",
        "variants": "468 single",
    }
    assert "CC BY 4.0" in facts["licence"]
    assert "random_5: 0: 94, 1: 94, 2: 94, 3: 93, 4: 93" in facts["split"]


def test_a_data_set_of_pg2_is_told_to_a_program(repro: Repro) -> None:
    told = json.loads(repro("dataset", "info", NEIME, "--json").out)

    assert (told["name"], told["rows"], list(told["targets"])) == ("neime", 922, ["DMS_score"])
    assert told["digest"] == Dataset.from_path(NEIME).digest
    assert told["targets"]["DMS_score"]["measured"] == 922


def test_a_table_takes_wild_type_and_cutoff_from_the_reference_file(repro: Repro) -> None:
    example = Dataset.from_path(DATA.parents[1] / "repro/benchmarks/proteingym/examples" / f"{EXAMPLE}.pgdata")
    rows = [[mutant, value] for mutant, value in zip(example.mutants, example.table["DMS_score"], strict=True)]
    write_table(f"{PUBLISHED}.csv", rows)

    told = json.loads(repro("dataset", "info", f"{PUBLISHED}.csv", "--reference", REFERENCE, "--json").out)

    assert told["wild_type"] == example.wild_type
    assert told["targets"]["DMS_score"]["constants"]["DMS_binarization_cutoff"] == -2


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (PUBLISHED, f"did you mean {EXAMPLE}?"),
        ("A4_HUMAN", f"did you mean {EXAMPLE}?"),
        ("tdp43", "is not imported yet\ndo: repro dataset import mavenn:tdp43"),
        ("mavenn:tpd43", "did you mean mavenn:tdp43?"),
        ("mine.pgdta", "did you mean mine.pgdata?"),
        ("no/such/folder/x.csv", f"name a file, or one of: {EXAMPLE}"),
        (".", "is a folder"),
        ("text.pgdata", "is no zip archive, or cut"),
        ("text.csv", "has no column 'DMS_score'"),
    ],
)
def test_what_is_not_there_or_is_none_is_told_with_what_is_near(repro: Repro, named: str, said: str) -> None:
    Path("mine.pgdata").write_bytes(NEIME.read_bytes())
    Path("text.pgdata").write_text("no archive\n")
    Path("text.csv").write_text("a,b\n1,2\n")

    done = repro("dataset", "info", named)

    assert done.code == 3
    assert said in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nowhere.csv", "there is no file nowhere.csv\ndo: check the path"),
        ("mine.csv", "is no reference file of ProteinGym: it has no column DMS_id\ndo: name ProteinGym's DMS_subst"),
    ],
)
def test_a_reference_file_that_is_none_is_told_with_what_to_do(repro: Repro, reference: str, said: str) -> None:
    write_table("mine.csv", [["M1A", "1"]])

    done = repro("dataset", "info", "mine.csv", "--reference", reference)

    assert done.code == 3
    assert said in done.err


def test_a_command_that_is_misspelt_is_told_with_the_near_one(repro: Repro) -> None:
    done = repro("dataset", "ifno", EXAMPLE)

    assert done.code == 2
    assert "did you mean info?" in done.err


# ----------------------------------------------------------------------------------------------------------- validate


@pytest.mark.parametrize("named", [EXAMPLE, NEIME, DATA / "pg2" / "dummy.zip", DATA / "pg2" / "ranganathan.zip"])
def test_a_sound_data_set_ends_well(repro: Repro, named: str | Path) -> None:
    done = repro("dataset", "validate", named)

    assert (done.code, done.out) == (0, "")
    assert "is sound" in done.err


def test_all_faults_of_a_table_are_named_and_not_only_the_first(repro: Repro) -> None:
    rows = [["MKT", "1"], ["MK T", "2"], ["MKV", "abc"], ["MKW"], ["", "inf"], ["MKY", "3"]]
    write_table("bad.csv", rows, ("mutated_sequence", "DMS_score"))

    done = repro("dataset", "validate", "bad.csv")

    assert done.code == 3
    for said in (
        "row 2, column 'mutated_sequence': 'MK T' is no sequence",
        "row 3, column 'DMS_score': 'abc' is no number",
        "row 4: 1 fields, where the header names 2 columns",
        "row 5, column 'mutated_sequence': '' is no sequence",
        "row 5, column 'DMS_score': 'inf' is no number",
    ):
        assert done.out.count(said) == 1, done.out
    assert "bad.csv: 5 findings" in done.err


def test_a_fault_that_is_found_twice_is_named_once(repro: Repro) -> None:
    write_table("bad.csv", [["MKT", "1"], ["MK T", "2"]], ("mutated_sequence", "DMS_score"))

    done = repro("dataset", "validate", "bad.csv")

    assert done.out == "error: bad.csv, row 2, column 'mutated_sequence': 'MK T' is no sequence\n"
    assert done.err == "bad.csv: 1 finding\n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-16", "is UTF-16, not UTF-8"), ("utf-16-le", "is UTF-16 or no text"), ("latin-1", "is not UTF-8: ")],
)
def test_a_table_in_another_encoding_is_told_with_how_to_convert_it(repro: Repro, encoding: str, said: str) -> None:
    text = "mutant,mutated_sequence,DMS_score,remark\nM1A,AKT,1.5,90 \N{DEGREE SIGN}\n"
    Path("excel.csv").write_bytes(text.encode(encoding))

    done = repro("dataset", "info", "excel.csv")

    source = "ISO-8859-1" if encoding == "latin-1" else "UTF-16"
    assert done.code == 3
    assert f"error: excel.csv {said}" in done.err
    assert f"do: save it as CSV in UTF-8, or: iconv -f {source} -t UTF-8 excel.csv > fixed.csv" in done.err


def test_all_that_a_manifest_names_and_is_not_there_is_named(repro: Repro) -> None:
    with zipfile.ZipFile(NEIME) as archive:
        manifest = archive.read("manifest.toml").decode()
    beside = '\n[structure_meta]\nfile_path = "structures/wt.pdb"\n[msa_meta]\nfile_path = "msas/wt.a3m"\n'
    remade(NEIME, "bad.zip", manifest_toml=(manifest + beside).encode(), assays_csv=None)

    told = json.loads(repro("dataset", "validate", "bad.zip", "--json").out)

    assert told["sound"] is False
    messages = [one["message"] for one in told["findings"]]
    assert len(messages) == 3
    for name in ("assays.csv", "structures/wt.pdb", "msas/wt.a3m"):
        assert sum(f"bad.zip has no {name}" in message for message in messages) == 1


def test_faults_of_a_table_in_an_archive_are_named_with_the_member(repro: Repro) -> None:
    with zipfile.ZipFile(NEIME) as archive:
        lines = archive.read("assays.csv").decode().splitlines()
    column = lines[0].split(",").index("DMS_score")
    for row in (3, 7):
        fields = lines[row].split(",")
        fields[column] = "n.d."
        lines[row] = ",".join(fields)
    remade(NEIME, "bad.zip", assays_csv="\n".join(lines).encode())

    done = repro("dataset", "validate", "bad.zip")

    assert done.code == 3
    for row in (3, 7):
        assert done.out.count(f"assays.csv in bad.zip, row {row}, column 'DMS_score': 'n.d.' is no number") == 1


def test_member_that_is_longer_than_it_says_is_an_error_of_the_archive(repro: Repro) -> None:
    with zipfile.ZipFile("short.zip", "w") as archive, zipfile.ZipFile(NEIME) as neime:
        for name in ("manifest.toml", "assays.csv"):
            archive.writestr(name, neime.read(name))
    content = bytearray(Path("short.zip").read_bytes())
    size = content.rindex(b"PK\x01\x02") + 24  # of the last member, in the table at the end
    content[size : size + 4] = (300).to_bytes(4, "little")
    Path("short.zip").write_bytes(content)

    done = repro("dataset", "validate", "short.zip")

    assert done.code == 3
    assert "assays.csv in short.zip cannot be unpacked: Bad CRC-32" in done.out


def test_what_may_lead_to_wrong_figures_is_a_warning(repro: Repro) -> None:
    rows = [["M1A", "AKT", 1], ["M1A", "AKT", 2], ["K2R", "MRX", 3]]
    write_table("odd.csv", rows, ("mutant", "mutated_sequence", "DMS_score"))

    done = repro("dataset", "validate", "odd.csv")

    assert done.code == 3
    assert "warning: sequences stand in several rows: row 2" in done.out
    assert "warning: sequences have other letters than those of the twenty amino acids: row 3" in done.out


# -------------------------------------------------------------------------------------------------------------- create


def test_a_table_with_names_of_its_own_becomes_a_data_set(repro: Repro) -> None:
    rows: list[list[object]] = [["M1A", 1.5, "x"], ["K2R:T3S", -2, "y"], ["Q9E", "", "z"]]
    write_table("mine.csv", rows, ("variant", "fitness", "round"))
    words = ["--target", "fitness", "--mutant", "variant", "--wild-type", WILD_TYPE, "--feature", "round"]

    done = repro("dataset", "create", "mine.csv", "-o", "mine.pgdata", *words, "--name", "ours", "--doi", "10.1/x")

    assert done.code == 0, done.err
    made = Dataset.from_path("mine.pgdata")
    assert (made.name, made.doi, made.wild_type) == ("ours", "10.1/x", WILD_TYPE)
    assert made.sequences == ["AKTAYIAKQR", "MRSAYIAKQR", "MKTAYIAKER"]
    assert made.examples().targets == [1.5, -2.0]
    assert made.assay().features == ["round"]


def test_several_targets_of_a_table_become_assays_of_one_data_set(repro: Repro) -> None:
    write_table("two.csv", [["AAA", 1, 5], ["AAC", 2, 6]], ("sequence", "heat", "binding"))

    done = repro("dataset", "create", "two.csv", "-o", "two.zip", "--target", "heat", "--target", "binding", "--json")

    assert json.loads(done.out)["targets"] == ["heat", "binding"]
    made = Dataset.from_path("two.zip")
    assert made.examples("binding").targets == [5.0, 6.0]
    assert made.examples("heat").targets == [1.0, 2.0]


def test_the_wild_type_is_read_from_a_fasta_file(repro: Repro) -> None:
    write_table("mine.csv", [["M1A", 1], ["K2R", 2]])
    Path("wt.fasta").write_text(f">wt\n{WILD_TYPE[:5]}\n{WILD_TYPE[5:]}\n")

    assert repro("dataset", "create", "mine.csv", "-o", "mine.pgdata", "--wild-type", "wt.fasta").code == 0
    assert Dataset.from_path("mine.pgdata").wild_type == WILD_TYPE


def test_the_stop_at_the_end_of_a_translated_wild_type_is_no_residue(repro: Repro) -> None:
    write_table("scan.csv", [["K2A", 1], ["T3A", 2]])
    Path("wt.fasta").write_text(f">wt\n{WILD_TYPE.lower()}*\n")
    done = repro("dataset", "create", "scan.csv", "--wild-type", "wt.fasta", "-o", "x.pgdata")

    assert (done.code, "warning" in done.err) == (0, False), done.err
    assert Dataset.from_path("x.pgdata").wild_type == WILD_TYPE


@pytest.mark.parametrize(("name", "pack"), [("x.pdb", bytes), ("x.cif.gz", gzip.compress)])
@pytest.mark.parametrize("suffix", ["pgdata", "zip"])
def test_a_structure_is_stored(repro: Repro, name: str, pack: Callable[[bytes], bytes], suffix: str) -> None:
    write_table("mine.csv", [["M1A", 1], ["K2R", 2]])
    Path(name).write_bytes(pack(b"HEADER\nEND\n"))
    words = ["--wild-type", WILD_TYPE, "--structure", name, "-o", f"mine.{suffix}"]

    assert repro("dataset", "create", "mine.csv", *words).code == 0
    stored = Dataset.from_path(f"mine.{suffix}").structures
    assert stored == {f"structures/{name.removesuffix('.gz')}": b"HEADER\nEND\n"}


def test_a_wild_type_that_fits_no_variant_is_refused(repro: Repro) -> None:
    write_table("mine.csv", [["M1A", "AKT", 1], ["K2R", "MRT", 2]], ("mutant", "mutated_sequence", "DMS_score"))

    done = repro("dataset", "create", "mine.csv", "-o", "mine.pgdata", "--wild-type", "GGG")

    assert done.code == 3
    assert "the wild type that was given fits none of the 2 variants" in done.err
    assert not Path("mine.pgdata").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--target", "DMS_scroe", "-o", "x.pgdata"], 3, "has no column 'DMS_scroe'"),
        (["--sequence", "seq", "-o", "x.pgdata"], 3, "has no column 'seq'"),
        (["-o", "x.pgdata"], 3, "the wild type is needed"),
        (["--wild-type", "GGGGG", "-o", "x.pgdata"], 3, "mine.csv, row 1: "),
        (["--wild-type", "M1K", "-o", "x.pgdata"], 2, "is no sequence"),
        (["--wild-type", "no.fasta", "-o", "x.pgdata"], 3, "no.fasta cannot be read"),
        (["--wild-type", "two.fasta", "-o", "x.pgdata"], 3, "two.fasta has 2 sequences"),
        (["--structure", "two.fasta", "-o", "x.pgdata"], 3, "name a file that ends in .pdb, .ent, .cif, .mmcif"),
        (["--structure", "no.pdb", "-o", "x.pgdata"], 3, "the structure no.pdb cannot be read: No such file"),
        (["--wild-type", WILD_TYPE, "-o", "x.csv"], 2, "do: -o x.pgdata"),
        (["--wild-type", WILD_TYPE, "-o", "no/x.pgdata"], 9, "no/x.pgdata cannot be written"),
        (["--wild-type", WILD_TYPE, "-o", "x.pgdata", "--name", "a/b"], 3, "cannot be a data set's name"),
        (["--wild-type", WILD_TYPE], 2, "Missing option '-o'"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_and_nothing_is_written(
    repro: Repro, words: list[str], code: int, said: str
) -> None:
    write_table("mine.csv", [["M1A", 1], ["K2R", 2]])
    Path("two.fasta").write_text(">a\nMK\n>b\nMR\n")
    before = sorted(Path().iterdir())

    done = repro("dataset", "create", "mine.csv", *words)

    assert done.code == code, done.err
    assert said in done.err
    assert sorted(Path().iterdir()) == before


# --------------------------------------------------------------------------------------------------------------- split


def test_splits_are_stored_and_told(repro: Repro) -> None:
    done = repro("dataset", "split", EXAMPLE, "modulo_5", "contiguous_3", "train_valid_test", "-o", "a4.pgdata")

    assert done.code == 0, done.err
    made = Dataset.from_path("a4.pgdata")
    assert list(made.splits) == ["random_5", "modulo_5", "contiguous_3", "train_valid_test"]
    assert "made train_valid_test (train-valid-test, seed 0): train: 374, valid: 47, test: 47" in done.err
    for split in made.splits.values():
        assert split.shared(made.sequences) == []
        assert sum(split.counts.values()) == 468


def test_equal_seeds_give_equal_files_and_another_seed_another_split(repro: Repro) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert repro("dataset", "split", NEIME, "random_4", "-o", f"{name}.pgdata", "--seed", seed).code == 0

    assert Path("a.pgdata").read_bytes() == Path("b.pgdata").read_bytes()
    assert Dataset.from_path("a.pgdata").split("random_4") != Dataset.from_path("c.pgdata").split("random_4")


def test_a_split_may_be_added_to_the_file_itself(repro: Repro) -> None:
    shutil.copy(NEIME, "mine.zip")

    done = repro("dataset", "split", "mine.zip", "-o", "mine.zip", "--name", "ours", "--json")

    told = json.loads(done.out)
    assert told["made"]["ours"]["rows"] == {"0": 185, "1": 185, "2": 184, "3": 184, "4": 184}
    assert list(Dataset.from_path("mine.zip").splits) == ["ours"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["moduol_5"], 3, "did you mean modulo_5?"),
        (["stratified"], 3, "there are: random_5"),
        (["random_0"], 3, "is no split that can be made"),
        (["random_1"], 3, "1 folds cannot be made"),
        (["random_999"], 3, "too few for 999 folds"),
        (["contiguous_60"], 3, "there are 42"),
        (["random_5"], 2, "has a split random_5 already"),
        (["modulo_5", "random_3", "--name", "x"], 2, "--name is for one split"),
        (["train_valid_test", "--fractions", "0.5,0.5"], 2, "is not three numbers that add up to 1"),
        (["train_valid_test", "--fractions", "0.5,0.4,0.2"], 2, "is not three numbers that add up to 1"),
    ],
)
def test_a_split_that_cannot_be_made_is_told_and_nothing_is_written(
    repro: Repro, words: list[str], code: int, said: str
) -> None:
    done = repro("dataset", "split", EXAMPLE, *words, "-o", "out.pgdata")

    assert done.code == code, done.err
    assert said in done.err
    assert not Path("out.pgdata").exists()


def test_rows_in_no_fold_are_counted(repro: Repro) -> None:
    assert repro("dataset", "dummy", "-o", "dummy.pgdata").code == 0

    done = repro("dataset", "split", "dummy.pgdata", "modulo_5", "-o", "out.pgdata")

    assert "in none: 30" in done.err
    told = json.loads(repro("dataset", "info", "out.pgdata", "--json").out)
    assert told["variants"] == {"single": 70, "multiple": 30}
    assert told["splits"]["modulo_5"]["left_out"] == 30


# --------------------------------------------------------------------------------------------------------------- dummy


def test_a_dummy_is_sound_and_always_the_same(repro: Repro) -> None:
    assert repro("dataset", "dummy", "-o", "a.pgdata", "--rows", "50").code == 0
    assert repro("dataset", "dummy", "-o", "b.pgdata", "--rows", "50").code == 0
    assert repro("dataset", "dummy", "-o", "c.zip", "--rows", "50").code == 0

    assert Path("a.pgdata").read_bytes() == Path("b.pgdata").read_bytes()
    assert Dataset.from_path("a.pgdata") == Dataset.from_path("c.zip")
    assert len(Dataset.from_path("a.pgdata")) == 50
    assert repro("dataset", "validate", "a.pgdata").code == 0


@pytest.mark.parametrize("words", [["--rows", "3"], ["--length", "2"], ["--rows", "99999", "--length", "5"]])
def test_a_dummy_that_cannot_be_is_refused(repro: Repro, words: list[str]) -> None:
    assert repro("dataset", "dummy", "-o", "a.pgdata", *words).code == 2
    assert not Path("a.pgdata").exists()
