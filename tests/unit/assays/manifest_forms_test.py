"""Manifests whose values are of another kind than they should be: an error that names the place, never a crash."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro.guest.assays import Dataset, DatasetError
from tests.unit.assays.archives import MANIFEST, TABLE, tiny, zipped

LOCK = """\
version = "1.0.0"
name = "x"
[[assay_targets]]
name = "score"
[[assays]]
name = "a"
path = "assays/a.csv"
targets = [{name = "score"}]
"""


def refused(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        Dataset.from_path(path)
    return caught.value.message


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("splits = 3\n" + MANIFEST, "`splits` is 3, and has to be a table"),
        (MANIFEST + "[splits]\na = 3\n", "[splits.a] is no table"),
        (MANIFEST + "[splits.a]\n", "the split a has no `kind`"),
        (MANIFEST + "[splits.a]\nkind = 3\n", "`kind` is 3, and has to be text"),
        (MANIFEST + '[splits.a]\nkind = "random"\ncolumn = 3\n', "`column` is 3, and has to be text"),
        (MANIFEST + '[splits.a]\nkind = "random"\nfolds = "x"\n', "`folds` is 'x', and has to be a whole number"),
        (
            MANIFEST + '[splits.a]\nkind = "random"\nfolds = 999999999\ncolumn = "ph"\n',
            "has 999999999 folds, for 3 rows",
        ),
        (MANIFEST + '[splits.a]\nkind = "random"\ncolumn = "score"\n', "takes the column 'score' for a split"),
        (
            MANIFEST + '[splits.a]\nkind = "random"\ncolumn = "ph"\n[splits.b]\nkind = "random"\ncolumn = "ph"\n',
            "[splits.b]: the column 'ph' is that of another split too",
        ),
        (MANIFEST.replace('split_feature = ""', 'split_feature = "score"'), "takes the column 'score' for a split"),
        (MANIFEST.replace('split_feature = ""', 'split_feature = "mutant"'), "takes the column 'mutant' for a split"),
        ('sequences_meta = "x"\n' + MANIFEST, "`sequences_meta` is 'x', and has to be a table"),
        (MANIFEST.replace('"MKV"', '"<b>"'), "the wild type of score is no sequence: '<b>'"),
    ],
)
def test_a_manifest_with_values_of_another_kind_says_which(tmp_path: Path, manifest: str, said: str) -> None:
    assert said in refused(tiny(tmp_path / "x.zip", manifest))


@pytest.mark.parametrize(
    ("beside", "said"),
    [
        ("splits = 3", "repro.toml in {}: `splits` is 3, and has to be a table"),
        ("[splits]\na = 3", "repro.toml in {}, [splits.a] is no table"),
        ("assays = [1]", "repro.toml in {}: `assays` is [1], and has to be a table"),
        ("[assays]\nscore = 1", "repro.toml in {}, [assays]: `score` is 1, and has to be a table"),
        ("extra = 4", "repro.toml in {}: `extra` is 4, and has to be a table"),
        ('[splits.a]\nkind = "random"\nfolds = 2\ncolumn = "sequence"', "takes the column 'sequence' for a split"),
    ],
)
def test_what_stands_beside_a_manifest_is_looked_at_as_well(tmp_path: Path, beside: str, said: str) -> None:
    members: dict[str, str | bytes] = {"manifest.lock": LOCK, "assays/a.csv": TABLE, "repro.toml": beside}
    path = zipped(tmp_path / "x.pgdata", members)

    assert said.format(path) in refused(path)


def test_a_kind_of_sequences_that_is_no_text_is_refused(tmp_path: Path) -> None:
    lock = LOCK + '[[sequences]]\npath = "s.fasta"\ntype = ["wild_type"]\n'
    members: dict[str, str | bytes] = {"manifest.lock": lock, "assays/a.csv": TABLE, "s.fasta": ">a\nMKV\n"}

    assert "`type` is ['wild_type'], and has to be text" in refused(zipped(tmp_path / "x.pgdata", members))


def test_dates_in_a_manifest_are_text(tmp_path: Path) -> None:
    dataset = Dataset.from_path(tiny(tmp_path / "x.zip", "made = 2020-01-02\n" + MANIFEST + "day = 2021-03-04\n"))
    dataset.save(tmp_path / "again.pgdata")

    assert (dataset.extra["made"], dataset.assay().constants["day"]) == ("2020-01-02", "2021-03-04")
    assert json.dumps(dataset.extra)
    assert Dataset.from_path(tmp_path / "again.pgdata") == dataset


def test_a_digit_that_is_no_ascii_is_no_fold(tmp_path: Path) -> None:
    manifest = MANIFEST.replace('split_feature = ""', 'split_feature = "ph"').replace('["ph"]', "[]")

    assert "'²' is neither train, valid nor test" in refused(
        tiny(tmp_path / "x.zip", manifest, TABLE.replace("7", "²").replace("8", "²"))
    )


def test_advice_for_another_encoding_is_no_command_where_a_member_is_meant(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        Dataset.from_path(zipped(tmp_path / "x.zip", {"manifest.toml": MANIFEST, "assays.csv": b"sequence\n\xff\xff"}))
    assert caught.value.fix == "save it as CSV in UTF-8"
