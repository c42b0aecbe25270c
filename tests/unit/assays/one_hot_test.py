"""The encoding: what it takes, and products with it against the dense matrix."""

from __future__ import annotations

import numpy
import pytest

from repro.guest.assays import DatasetError
from repro.guest.assays.one_hot import Columns, Design, letters_of
from tests.one_hot_assays import AMINO_ACIDS, dense, random_assay


def columns_of_dense(columns: Columns) -> list[int]:
    """Where each column stands in the dense matrix."""
    return [
        20 * position + AMINO_ACIDS.index(chr(letter))
        for position, letter in zip(columns.position, columns.letter, strict=True)
    ]


@pytest.mark.parametrize("substitutions", [1, 2, None])
@pytest.mark.parametrize("scaled", [True, False])
def test_products_are_those_of_the_centred_and_scaled_dense_matrix(substitutions: int | None, scaled: bool) -> None:
    assay = random_assay(3, substitutions)
    chance = numpy.random.default_rng(0)
    design = Design.of(letters_of(assay.learned), scaled)
    matrix = dense(assay.learned)[:, columns_of_dense(design.columns)]
    matrix = (matrix - matrix.mean(0)) / (matrix.std(0, ddof=1) if scaled else 1.0)

    right, left = chance.normal(size=matrix.shape[1]), chance.normal(size=len(matrix))

    numpy.testing.assert_allclose(design.times(right), matrix @ right, atol=1e-10)
    numpy.testing.assert_allclose(design.transposed_times(left), matrix.T @ left, atol=1e-10)


def test_columns_are_letters_at_positions_where_rows_differ_and_no_others() -> None:
    columns = Columns.of(letters_of(["MKV", "MRV", "M-V", "M*V"]))

    assert columns.position.tolist() == [1, 1, 1, 1]
    assert bytes(columns.letter.tolist()) == b"*-KR"


def test_some_rows_alone_have_means_and_deviations_of_their_own() -> None:
    sequences = ["MKV", "MRV", "MRI", "MKI", "MRV"]
    chosen = numpy.array([True, False, True, True, False])
    vector = numpy.arange(4.0)

    part = Design.of(letters_of(sequences), scaled=True).take(chosen)

    alone = Design.of(letters_of(["MKV", "MRI", "MKI"]), scaled=True)
    numpy.testing.assert_allclose(part.times(vector), alone.times(vector))


def test_sequences_of_unequal_length_are_an_error_that_names_the_rows() -> None:
    sequences = ["MKV", "MKVA", "MRV", "M", "MKI"]

    with pytest.raises(DatasetError, match="of 5 rows 3 have 3 residues, but row 2 has 4, row 4 has 1\n"):
        letters_of(sequences)
    with pytest.raises(DatasetError, match="row 21 has 4, row 41 has 1"):
        letters_of(sequences, rows=[10, 20, 30, 40, 50])


def test_of_many_rows_of_another_length_the_first_are_named_and_the_others_counted() -> None:
    with pytest.raises(DatasetError, match="row 13 has 2, row 14 has 2, and 3 rows more"):
        letters_of(["MKV"] * 9 + ["MK"] * 8)


def test_a_letter_that_is_none_names_its_row() -> None:
    with pytest.raises(DatasetError, match="row 2 holds what is no letter"):
        letters_of(["MKV", "MKé"])
