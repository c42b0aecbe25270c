"""Splits: the folds of ProteinGym, worked out by hand, seeded, disjoint, and covering what they say they cover."""

from __future__ import annotations

import itertools

import pytest

from repro.guest.assays import Assay, Dataset, DatasetError, Split, make_split
from repro.guest.assays.mutants import apply_mutant

WILD_TYPE = "MKVLAARTHGWYSQ"


def of_mutants(*mutants: str, wild_type: str | None = WILD_TYPE, named: bool = True) -> Dataset:
    table = {
        "sequence": [apply_mutant(WILD_TYPE, mutant) for mutant in mutants],
        "score": [float(number) for number in range(len(mutants))],
    }
    constants = {} if wild_type is None else {"sequence": wild_type}
    if named:
        table["mutant"] = list(mutants)
        constants["mutation_col"] = "mutant"
    return Dataset("x", {"score": Assay("score", constants=constants)}, table)


# Positions 2, 3, 5, 8, 9, 11, 14: seven of them, not in order, some twice, with gaps.
SINGLES = ("A5G", "K2R", "V3A", "K2A", "T8S", "Q14A", "H9A", "W11A", "A5S")

RANDOM_0 = ["2", "0", "0", "0", "2", "2", "1", "1", "1"]


def test_modulo_folds_take_turns_over_the_mutated_positions_in_order() -> None:
    # sorted positions 2 3 5 8 9 11 14 get the folds 0 1 2 0 1 2 0: their rank counts, not the number itself
    split = make_split("modulo", of_mutants(*SINGLES), folds=3)

    assert split.labels == ["2", "0", "1", "0", "0", "0", "1", "2", "2"]
    assert (split.name, split.folds, split.seed) == ("modulo_3", 3, None)


def test_contiguous_folds_are_runs_of_mutated_positions_the_first_longer_by_one() -> None:
    # seven positions in three runs: 2 3 5 | 8 9 | 11 14
    split = make_split("contiguous", of_mutants(*SINGLES), folds=3)

    assert split.labels == ["0", "0", "0", "0", "1", "2", "1", "2", "0"]
    assert split.name == "contiguous_3"


@pytest.mark.parametrize("kind", ["modulo", "contiguous"])
def test_folds_by_position_hold_single_mutants_alone(kind: str) -> None:
    split = make_split(kind, of_mutants("K2R", "V3A", "K2R:V3A", "", "WT"), folds=2)

    assert split.labels == ["0", "1", "", "", ""]
    assert split.left_out == 3
    assert split.parts(0) == ([1], [], [0])


@pytest.mark.parametrize("kind", ["modulo", "contiguous"])
def test_folds_by_position_need_no_names_where_there_is_a_wild_type(kind: str) -> None:
    named = make_split(kind, of_mutants(*SINGLES), folds=3)

    assert make_split(kind, of_mutants(*SINGLES, named=False), folds=3) == named


@pytest.mark.parametrize("kind", ["modulo", "contiguous"])
def test_folds_by_position_are_the_same_wherever_positions_count_from(kind: str) -> None:
    dataset = of_mutants(*SINGLES)
    moved = [name[0] + str(int(name[1:-1]) + 23) + name[-1] for name in SINGLES]
    shifted = Dataset("x", dataset.assays, {**dataset.table, "mutant": moved})

    assert make_split(kind, shifted, folds=3) == make_split(kind, dataset, folds=3)


def test_folds_by_position_say_what_they_lack() -> None:
    with pytest.raises(DatasetError, match="neither names of variants nor a wild type"):
        make_split("modulo", of_mutants(*SINGLES, wild_type=None, named=False))
    with pytest.raises(DatasetError, match=r"5 folds by position .* there are 2"):
        make_split("contiguous", of_mutants("K2R", "V3A"))
    with pytest.raises(DatasetError, match="differ in length"):
        make_split("modulo", of_mutants(*SINGLES, wild_type="MKV", named=False))


def test_a_name_that_is_none_is_named_with_its_row() -> None:
    dataset = of_mutants("K2R", "V3A")
    wrong = Dataset("x", dataset.assays, {**dataset.table, "mutant": ["K2R", "p.Val3Ala"]})

    with pytest.raises(DatasetError, match=r"x, row 2: 'p.Val3Ala' is no substitution"):
        make_split("modulo", wrong, folds=2)


def test_random_folds_are_equal_in_size_and_the_same_for_a_seed() -> None:
    mutants = [f"{WILD_TYPE[at]}{at + 1}{residue}" for at in range(14) for residue in "CDEF"]
    dataset = of_mutants(*mutants)
    split = make_split("random", dataset, folds=5, seed=7)

    assert sorted(split.counts.values()) == [11, 11, 11, 11, 12]
    assert make_split("random", dataset, folds=5, seed=7) == split
    assert make_split("random", dataset, folds=5, seed=8) != split
    assert split.labels != sorted(split.labels)
    assert (split.name, split.seed) == ("random_5", 7)


def test_random_folds_of_a_seed_are_these_on_every_python() -> None:
    assert make_split("random", of_mutants(*SINGLES), folds=3, seed=0).labels == RANDOM_0


def test_random_folds_have_equally_many_variants_of_each_depth() -> None:
    singles = [f"{WILD_TYPE[at]}{at + 1}C" for at in range(10)]
    doubles = [f"{one}:{other}" for one, other in itertools.pairwise(singles)] + ["M1C:V3C"]
    split = make_split("random", of_mutants(*singles, *doubles))

    for rows in (range(10), range(10, 20)):
        labels = [split.labels[row] for row in rows]
        assert sorted(labels) == sorted("0123401234")


def test_rows_of_one_sequence_are_in_one_fold() -> None:
    split = make_split("random", of_mutants(*SINGLES, *SINGLES, *SINGLES), folds=4)

    assert split.labels[:9] == split.labels[9:18] == split.labels[18:]


def test_too_few_sequences_for_the_folds_are_named() -> None:
    with pytest.raises(DatasetError, match="2 sequences, too few for 5 folds"):
        make_split("random", of_mutants("K2R", "V3A", "K2R"))


def test_train_valid_test_has_the_fractions_asked_for() -> None:
    mutants = [f"{WILD_TYPE[at]}{at + 1}{residue}" for at in range(10) for residue in "FI"]
    split = make_split("train-valid-test", of_mutants(*mutants), seed=1, fractions=(0.6, 0.2, 0.2))
    train, valid, test = split.parts()

    assert (len(train), len(valid), len(test)) == (12, 4, 4)
    assert sorted(train + valid + test) == list(range(20))
    assert split.name == "train_valid_test"


def test_the_smallest_data_set_has_something_to_test_on() -> None:
    assert make_split("train-valid-test", of_mutants("K2R", "V3A")).counts == {"train": 1, "valid": 0, "test": 1}
    with pytest.raises(DatasetError, match="no row in train"):
        make_split("train-valid-test", of_mutants("K2R"))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_that_are_none_are_refused(fractions: tuple[float, ...]) -> None:
    with pytest.raises(DatasetError, match="add up to 1"):
        make_split("train-valid-test", of_mutants(*SINGLES), fractions=fractions)


@pytest.mark.parametrize("kind", ["random", "modulo", "contiguous"])
def test_every_row_is_held_out_once_and_never_learned_in_its_own_fold(kind: str) -> None:
    split = make_split(kind, of_mutants(*SINGLES), folds=3)
    held_out: list[int] = []
    for fold in range(3):
        train, valid, test = split.parts(fold)
        assert valid == []
        assert not set(train) & set(test)
        assert sorted(train + test) == list(range(len(SINGLES)))
        held_out += test

    assert sorted(held_out) == list(range(len(SINGLES)))


def test_the_fold_before_is_chosen_by_where_that_is_asked_for() -> None:
    split = Split("x", "modulo", 3, None, ["0", "1", "2", "0"])

    assert split.parts(1, valid=True) == ([2], [0, 3], [1])
    assert split.parts(0, valid=True) == ([1], [2], [0, 3])


@pytest.mark.parametrize(("fold", "said"), [(None, "say which is held out"), (3, "no 3"), (-1, "no -1")])
def test_a_fold_that_is_not_there_is_named(fold: int | None, said: str) -> None:
    with pytest.raises(DatasetError, match=said):
        Split("x", "modulo", 3, None, ["0", "1", "2"]).parts(fold)


def test_a_split_without_folds_has_no_fold() -> None:
    with pytest.raises(DatasetError, match="has no folds"):
        Split("x", "train-valid-test", None, None, ["train", "test"]).parts(0)


@pytest.mark.parametrize(
    ("labels", "folds", "said"),
    [
        (["0", "1", "x"], 2, "'x' in row 3"),
        (["0", "1", "2"], 2, "'2' in row 3"),
        (["0", "0"], 2, "no row in 1"),
        (["train", "validation", "test"], None, "'validation' in row 2"),
        (["train", "train"], None, "no row in test"),
        (["test"], None, "no row in train"),
        ([], 2, "no row in 0, 1"),
    ],
)
def test_labels_that_make_no_split_are_refused(labels: list[str], folds: int | None, said: str) -> None:
    kind = "train-valid-test" if folds is None else "random"
    with pytest.raises(DatasetError, match=said):
        Split("x", kind, folds, None, labels)


def test_kinds_and_numbers_of_folds_that_are_none_are_refused() -> None:
    dataset = of_mutants(*SINGLES)
    with pytest.raises(DatasetError, match="'position' is no kind of split; there are"):
        make_split("position", dataset)
    with pytest.raises(DatasetError, match="1 folds"):
        make_split("random", dataset, folds=1)
    with pytest.raises(DatasetError, match="of the kind 'x'"):
        Split("x", "x", 2, None, ["0", "1"])


def test_a_split_with_a_sequence_in_two_parts_is_not_taken() -> None:
    dataset = of_mutants("K2R", "V3A", "K2R")
    split = Split("by_hand", "random", 2, None, ["0", "0", "1"])

    assert split.shared(dataset.sequences) == [2]
    with pytest.raises(DatasetError, match="lies in another part too, the first is row 3"):
        dataset.with_split(split)


def test_a_split_of_another_number_of_rows_is_not_taken() -> None:
    with pytest.raises(DatasetError, match="of 2 rows, x has 9"):
        of_mutants(*SINGLES).with_split(Split("y", "random", 2, None, ["0", "1"]))


def test_a_data_set_with_a_split_is_another_one() -> None:
    dataset = of_mutants(*SINGLES)
    split = dataset.with_split("modulo")

    assert dataset.splits == {}
    assert list(split.splits) == ["modulo_5"]
    assert split.digest != dataset.digest
    with pytest.raises(DatasetError, match="no split 'random_5'; stored are: modulo_5"):
        split.split("random_5")


def test_parts_are_examples_without_rows_that_were_not_measured() -> None:
    dataset = of_mutants("K2R", "V3A", "A5G", "A6G")
    table = {**dataset.table, "score": [1.0, float("nan"), 3.0, 4.0]}
    split = Split("x", "train-valid-test", None, None, ["train", "train", "valid", "test"])
    train, valid, test = Dataset("x", dataset.assays, table, {"x": split}).parts("x")

    assert (train.mutants, train.targets, train.rows, train.dropped) == (["K2R"], [1.0], [0], 1)
    assert (valid.mutants, test.mutants) == (["A5G"], ["A6G"])
    assert train.wild_type == WILD_TYPE
