"""What may lead to wrong figures although a data set can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.guest.assays import Dataset

SOUND = "mutant,mutated_sequence,DMS_score\nK2R,MRV,1.5\nV3A,MKA,-0.25\nK2R:V3A,MRA,3\nWT,MKV,0\n"


def found(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "x.csv"
    path.write_text(text)
    problems: list[str] = Dataset.from_csv(path, wild_type="MKV").problems()
    return problems


def test_a_sound_data_set_has_no_problems(tmp_path: Path) -> None:
    assert found(tmp_path, SOUND) == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("V3A,MKA", "V3G,MKA", "the names of variants do not fit the sequences and the wild type: row 2"),
        ("V3A,MKA", "L3A,MKA", "do not fit the sequences and the wild type: row 2"),
        ("V3A,MKA", "V33A,MKA", "do not fit the sequences and the wild type: row 2"),
        ("V3A,MKA", "three,MKA", "do not fit the sequences and the wild type: row 2"),
        ("V3A,MKA", "K2R,MRV", "sequences stand in several rows: row 2"),
        ("V3A,MKA", "V3X,MKX", "other letters than those of the twenty amino acids: row 2"),
        ("V3A,MKA", "V3a,MKa", "other letters than those of the twenty amino acids: row 2"),
        ("1.5\nV3A,MKA,-0.25", "3\nV3A,MKA,", None),
    ],
)
def test_what_is_wrong_is_said_with_its_row(tmp_path: Path, before: str, after: str, said: str | None) -> None:
    assert before in SOUND
    problems = found(tmp_path, SOUND.replace(before, after))

    if said is None:
        assert problems == []
    else:
        assert len(problems) == 1
        assert problems[0].endswith(said)


def test_a_target_of_one_value_teaches_nothing(tmp_path: Path) -> None:
    header, *rows = SOUND.splitlines()
    same = [row.rsplit(",", 1)[0] + ",1" for row in rows]
    none = [row.rsplit(",", 1)[0] + "," for row in rows]

    assert found(tmp_path, "\n".join([header, *same])) == [
        "the target DMS_score has one value alone: nothing can be learned from it"
    ]
    assert found(tmp_path, "\n".join([header, *none])) == [
        "the target DMS_score has no value: nothing can be learned from it"
    ]


def test_many_rows_are_counted(tmp_path: Path) -> None:
    problems = found(tmp_path, SOUND + "K2R,MRV,1\n" * 10)

    assert problems == ["sequences stand in several rows: rows 5, 6, 7 and 7 more"]


def test_a_stored_split_with_a_sequence_in_two_parts_is_named(tmp_path: Path) -> None:
    lines = [*SOUND.splitlines(), "K2R,MRV,2"]
    labels = ["fold_random_2", "0", "1", "0", "1", "1"]
    problems = found(tmp_path, "\n".join(f"{line},{label}" for line, label in zip(lines, labels, strict=True)))

    assert problems == [
        "sequences stand in several rows: row 5",
        "the split random_2 has sequences in two of its parts: row 5",
    ]


def test_substitutions_that_change_the_length_are_told_where_no_wild_type_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mutant,mutated_sequence,DMS_score\nK2R,MRV,1.5\nV3A,MKAA,2\nK2A,MAV,0\n")

    problems = Dataset.from_csv(path).problems()

    assert "the names are of substitutions, and sequences are not of one length (3): row 2" in problems
