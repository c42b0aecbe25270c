"""Settings chosen by cross-validation."""

from __future__ import annotations

import numpy

from repro.guest.assays.one_hot import Design, letters_of
from repro.guest.regression.choosing import choose, groups_of
from tests.one_hot_assays import random_assay, run_of

ALPHAS = [100.0, 1.0, 0.01]


def test_errors_are_those_of_rows_that_were_not_learned_from() -> None:
    assay = random_assay(2, 2)
    design = Design.of(letters_of(assay.learned))
    run = run_of("ridge")
    groups = numpy.arange(len(assay.learned))

    choice = choose(design, assay.values, lambda part, known: run.alpha_path(part, known, ALPHAS), 4, 7, groups)

    order = numpy.random.RandomState(7).permutation(len(groups)) % 4
    expected = numpy.zeros(len(ALPHAS))
    for fold in range(4):
        known = order != fold
        learned = [sequence for sequence, kept in zip(assay.learned, known, strict=True) if kept]
        for place, alpha in enumerate(ALPHAS):
            expected[place] += squared_error(run, learned, assay, known, alpha)
    numpy.testing.assert_allclose(choice.errors, expected / len(groups), rtol=1e-8)
    assert choice.best == int(expected.argmin())


def squared_error(run, learned, assay, known, alpha):
    from repro.guest.regression.linear_model import LinearModel

    design = Design.of(letters_of(learned))
    (weights,) = run.alpha_path(design, assay.values[known], [alpha])
    model = LinearModel.of(design, weights, assay.values[known])
    held_out = [sequence for sequence, kept in zip(assay.learned, known, strict=True) if not kept]
    return ((model.predict(held_out) - assay.values[~known]) ** 2).sum()


def test_rows_of_one_sequence_stay_in_one_fold() -> None:
    sequences = ["MKV", "MRV", "MKI", "MRI", "MAV"] * 3
    design = Design.of(letters_of(sequences))
    seen = []

    def path(part: Design, known: numpy.ndarray) -> list[numpy.ndarray]:
        seen.append(known)
        return [numpy.zeros(len(part.columns))]

    choose(design, numpy.tile(numpy.arange(5.0), 3), path, 5, 0, groups_of(sequences))

    assert [len(known) for known in seen] == [12] * 5
    assert all(len(set(known)) == 4 for known in seen)


def test_of_settings_that_are_equally_good_the_first_is_chosen() -> None:
    design = Design.of(letters_of(["MKV", "MRV", "MKI", "MRI"]))
    target = numpy.arange(4.0)

    def path(part: Design, known: numpy.ndarray) -> list[numpy.ndarray]:
        return [numpy.full(len(part.columns), 1e-15 * digit) for digit in (3, 2, 1)]

    assert choose(design, target, path, 2, 0, numpy.arange(4)).best == 0
