"""A trained model: kept, read again, refused where it is none."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from repro.guest.regression.linear_model import LinearModel


def model() -> LinearModel:
    table = numpy.zeros((3, 256))
    table[1, ord("R")] = -0.5
    table[2, ord("-")] = 2.0
    return LinearModel(1.0, table, b"-")


def test_what_was_saved_predicts_the_same_and_is_no_pickle(tmp_path: Path) -> None:
    model().save(str(tmp_path), {"model": "pls"})

    again = LinearModel.load(str(tmp_path))

    assert again.predict(["MKV", "MRV", "MR-"]).tolist() == [1.0, 0.5, 2.5]
    assert again.why_not("MR-") is None
    with numpy.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["intercept", "letters", "weights"]


def test_equal_models_are_kept_in_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        model().save(str(tmp_path / name), {})

    assert (tmp_path / "a" / "model.npz").read_bytes() == (tmp_path / "b" / "model.npz").read_bytes()


def test_a_sequence_that_it_does_not_take_is_told_with_the_reason() -> None:
    assert model().why_not("MK") == "the sequence has 2 residues; the model was trained on 3"
    assert model().why_not("MKv") == "position 3 holds 'v', which is no amino acid and was not trained on"


def test_a_folder_with_a_model_a_fold_names_them(tmp_path: Path) -> None:
    for fold in ("fold_0", "fold_1"):
        (tmp_path / fold).mkdir()
        model().save(str(tmp_path / fold), {})

    with pytest.raises(ValueError, match="has a model a fold: name one of fold_0, fold_1"):
        LinearModel.load(str(tmp_path))


def test_a_folder_without_one_and_a_file_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"there is no model\.npz in"):
        LinearModel.load(str(tmp_path))
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 cut")
    with pytest.raises(ValueError, match="is no trained model"):
        LinearModel.load(str(tmp_path))


def test_a_pickle_in_its_place_is_not_run(tmp_path: Path) -> None:
    numpy.savez(tmp_path / "model.npz", intercept=1.0, letters=numpy.array([{}], dtype=object), weights=numpy.eye(1))

    with pytest.raises(ValueError, match="is no trained model"):
        LinearModel.load(str(tmp_path))
