"""`train` of ESM against what fair-esm and scikit-learn alone say of an assay, in the local environment."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.esm.tests import container
from models.esm.tests.scoring_test import AMINO_ACIDS, STRATEGIES, TOLERANCE, WILD_TYPE, mutants_of, name_of, protein
from repro.errors import InputFileError, SettingsError, TrainingError
from repro.guest.assays import Assay, Dataset, ModelCard, make_split
from repro.guest.regression.choosing import _folds, groups_of
from repro.models.esm import ESM

checkpoints = container.checkpoints
probe = container.probe

TARGET = "DMS_score"
VARIANT = "esm2_t6_8M_UR50D"


@pytest.fixture
def weights(checkpoints, tmp_path) -> Path:
    """A folder with tiny random checkpoints under published names."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / f"{VARIANT}.pt").symlink_to(checkpoints["esm2"])
    (folder / "esm1v_t33_650M_UR90S_1.pt").symlink_to(checkpoints["esm1v"])
    return folder


def assay(sequences: list[str], names: list[str] | None = None, wild_type: str | None = WILD_TYPE, **constants: Any):
    """A data set of these variants, with random measured values."""
    chance = random.Random(1)
    table: dict[str, list[Any]] = {"sequence": sequences, TARGET: [chance.gauss(0, 1) for _ in sequences]}
    if names is not None:
        table["mutant"] = names
        constants["mutation_col"] = "mutant"
    if wild_type is not None:
        constants["sequence"] = wild_type
    return Dataset("tiny", {TARGET: Assay(TARGET, constants=constants)}, table)


def spelt(wild_type: str, mutant: list[tuple[str, int, str]], offset: int) -> str:
    letters = list(wild_type)
    for _, number, new in mutant:
        letters[number - offset] = new
    return "".join(letters)


def trained(weights: Path, dataset: Dataset, out: Path, variant: str | None = None, **arguments: Any) -> list[float]:
    """What `train` predicts, in the data set's order."""
    named = {} if variant is None else {"variant": variant}
    with ESM(weights=weights, runtime="local", **named) as model:
        result = model.train(dataset, out, **arguments)
    with result.predictions.open(newline="") as file:
        return [float(row["pred"]) for row in csv.DictReader(file)]


def card(folder: Path, text: str) -> Path:
    path = folder / "card.md"
    path.write_text(f"---\n{text}\n---\n")
    return path


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_assay_is_scored_as_by_a_loop_with_fair_esm(probe, checkpoints, weights, tmp_path, strategy):
    mutants = mutants_of(WILD_TYPE, 6, offset=24)
    expected = probe.naive(path=checkpoints["esm2"], wild_type=WILD_TYPE, mutants=mutants, strategy=strategy, offset=24)
    sequences = [spelt(WILD_TYPE, mutant, 24) for mutant in mutants]
    dataset = assay(sequences, [name_of(mutant) for mutant in mutants], offset=24)

    found = trained(weights, dataset, tmp_path / "out", hyper_params={"strategy": strategy})

    assert found == pytest.approx(expected, abs=TOLERANCE)
    assert np.std(expected) > 10 * TOLERANCE


def test_variants_without_names_are_scored_by_what_differs_from_the_wild_type(probe, checkpoints, weights, tmp_path):
    mutants = mutants_of(WILD_TYPE, 4, offset=1, seed=3)
    expected = probe.naive(
        path=checkpoints["esm2"], wild_type=WILD_TYPE, mutants=mutants, strategy="masked-marginals", offset=1
    )

    found = trained(weights, assay([spelt(WILD_TYPE, mutant, 1) for mutant in mutants]), tmp_path / "out")

    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_pseudo_ppl_reads_the_residue_that_it_masks_and_not_its_neighbour(probe, checkpoints, weights, tmp_path):
    """The published loop masks token i and reads residue i, which stands at token i + 1."""
    right = probe.naive(path=checkpoints["esm2"], wild_type=WILD_TYPE, mutants=[[]], strategy="pseudo-ppl", offset=1)[0]

    (found,) = trained(weights, assay([WILD_TYPE]), tmp_path / "out", hyper_params={"strategy": "pseudo-ppl"})

    assert found == pytest.approx(right, abs=TOLERANCE)


def test_pseudo_ppl_scores_sequences_of_any_length_without_a_wild_type(probe, checkpoints, weights, tmp_path):
    sequences = [protein(12, 1), protein(20, 2)]
    expected = [
        probe.naive(path=checkpoints["esm2"], wild_type=one, mutants=[[]], strategy="pseudo-ppl", offset=1)[0]
        for one in sequences
    ]

    dataset = assay(sequences, wild_type=None)
    found = trained(weights, dataset, tmp_path / "out", hyper_params={"strategy": "pseudo-ppl"})

    assert found == pytest.approx(expected, abs=TOLERANCE)


def test_a_long_protein_is_scored_through_the_window_round_each_mutation(probe, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    path = folder / "esm1b_t33_650M_UR50S.pt"
    probe.make(path=path, family="esm1b", layers=2, width=16, heads=2, seed=2, positions=64)
    sequence = protein(200)
    places, window = (5, 100, 198), 64
    names = [f"{sequence[place]}{place + 1}{'W' if sequence[place] != 'W' else 'A'}" for place in places]
    expected = []
    for place, name in zip(places, names, strict=True):
        token = place + 1
        start = min(max(token - window // 2, 0), len(sequence) + 2 - window)
        found = probe.masked_in_window(path=path, sequence=sequence, token=token, start=start, window=window)
        expected.append(found[name[-1]] - found[name[0]])

    dataset = assay(
        [sequence[:p] + n[-1] + sequence[p + 1 :] for p, n in zip(places, names, strict=True)], names, sequence
    )
    scored = trained(folder, dataset, tmp_path / "out", variant="esm1b_t33_650M_UR50S")

    assert scored == pytest.approx(expected, abs=TOLERANCE)


def test_an_ensemble_scores_with_the_mean_of_its_members(probe, tmp_path):
    folder = tmp_path / "weights"
    folder.mkdir()
    paths = [folder / f"esm1v_t33_650M_UR90S_{number}.pt" for number in range(1, 6)]
    for seed, path in enumerate(paths):
        probe.make(path=path, family="esm1v", layers=2, width=16, heads=2, seed=seed, contacts=False)
    mutants = mutants_of(WILD_TYPE, 3, offset=1)
    asked = {"wild_type": WILD_TYPE, "mutants": mutants, "strategy": "wt-marginals", "offset": 1}
    expected = np.mean([probe.naive(path=path, **asked) for path in paths], axis=0)

    dataset = assay([spelt(WILD_TYPE, mutant, 1) for mutant in mutants])
    found = trained(
        folder, dataset, tmp_path / "out", variant="esm1v_t33_650M_UR90S", hyper_params={"strategy": "wt-marginals"}
    )

    assert found == pytest.approx(expected.tolist(), abs=TOLERANCE)


def test_a_card_of_proteingyms_benchmark_names_variant_strategy_and_offset_in_its_own_words(
    probe, checkpoints, weights, tmp_path
):
    mutants = mutants_of(WILD_TYPE, 3, offset=24)
    expected = probe.naive(
        path=checkpoints["esm1v"], wild_type=WILD_TYPE, mutants=mutants, strategy="wt-marginals", offset=24
    )
    path = card(
        tmp_path,
        "name: esm\nhyper_parameters:\n  location: esm1v_t33_650M_UR90S_1\n  scoring_strategy: wt-marginals\n"
        "  nogpu: false\n  offset_idx: 24",
    )
    dataset = assay([spelt(WILD_TYPE, mutant, 24) for mutant in mutants], [name_of(mutant) for mutant in mutants])

    found = trained(weights, dataset, tmp_path / "out", card=path)

    assert found == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("sequences", "wild_type", "message"),
    [
        ([WILD_TYPE[:-1] + "*"], WILD_TYPE, "row 1 .* position 31 holds '\\*'"),
        ([WILD_TYPE, WILD_TYPE[:-1]], WILD_TYPE, "row 2 .*30 residues and the wild type 31"),
        ([WILD_TYPE], None, "has no wild type"),
    ],
)
def test_variants_that_cannot_be_scored_are_named_with_their_rows(weights, tmp_path, sequences, wild_type, message):
    with pytest.raises((InputFileError, TrainingError), match=message):
        trained(weights, assay(sequences, wild_type=wild_type), tmp_path / "out")

    assert not list((tmp_path / "out").glob("*.csv"))


# ----------------------------------------------------------------------------------------------- ridge on embeddings


@pytest.fixture
def measured() -> Dataset:
    """80 variants, some of them twice, with folds of their own."""
    chance = random.Random(4)
    sequences = [spelt(WILD_TYPE, mutant, 1) for mutant in mutants_of(WILD_TYPE, 76, offset=1, seed=9)]
    sequences += sequences[:4]
    dataset = assay(sequences)
    values = [sum(AMINO_ACIDS.index(letter) for letter in one) / 10 + chance.gauss(0, 0.1) for one in sequences]
    dataset = Dataset("tiny", dataset.assays, {**dataset.table, TARGET: values})
    return dataset.with_split(make_split("random", dataset, folds=4, seed=0, name="random_4"))


def expected_of(dataset: Dataset, embeddings: np.ndarray[Any, Any], alpha: Any) -> list[float]:
    """What scikit-learn predicts of each row, by its fold."""
    target = np.array(dataset.table[TARGET])
    fold = np.array([int(label) for label in dataset.splits["random_4"].labels])
    found = np.empty(len(target))
    for number in range(4):
        test = fold == number
        model = make_pipeline(StandardScaler(), Ridge(alpha(embeddings[~test], target[~test], np.flatnonzero(~test))))
        found[test] = model.fit(embeddings[~test], target[~test]).predict(embeddings[test])
    return found.tolist()


def test_ridge_on_embeddings_predicts_what_scikit_learn_does_on_those_of_fair_esm(
    probe, checkpoints, weights, tmp_path, measured
):
    embeddings = np.array(probe.mean_embeddings(path=checkpoints["esm2"], sequences=measured.table["sequence"]))
    expected = expected_of(measured, embeddings, lambda *_: 2.5)

    found = trained(weights, measured, tmp_path / "out", hyper_params={"strategy": "embeddings", "alpha": 2.5})

    assert found == pytest.approx(expected, abs=1e-3 * np.std(expected))


def test_the_penalty_is_chosen_by_the_least_error_on_rows_that_are_learned_from(
    probe, checkpoints, weights, tmp_path, measured
):
    embeddings = np.array(probe.mean_embeddings(path=checkpoints["esm2"], sequences=measured.table["sequence"]))
    alphas = [10.0 ** (exponent / 2) for exponent in range(-4, 13)]

    def best(rows, values, numbers):
        folds = _folds(groups_of([measured.table["sequence"][number] for number in numbers]), 5, 0)
        errors = []
        for alpha in alphas:
            predicted = np.empty(len(values))
            for fold in set(folds):
                model = make_pipeline(StandardScaler(), Ridge(alpha)).fit(rows[folds != fold], values[folds != fold])
                predicted[folds == fold] = model.predict(rows[folds == fold])
            errors.append(mean_squared_error(values, predicted))
        return alphas[int(np.argmin(errors))]

    expected = expected_of(measured, embeddings, best)

    found = trained(weights, measured, tmp_path / "out", hyper_params={"strategy": "embeddings"})

    assert found == pytest.approx(expected, abs=1e-3 * np.std(expected))
    about = json.loads((tmp_path / "out" / "fold_0" / "ridge.json").read_text())
    assert about["alpha"] in about["cross_validation"]["mean_squared_error"].values() or about["alpha"] in alphas
    with np.load(tmp_path / "out" / "fold_0" / "ridge.npz", allow_pickle=False) as kept:
        test = [number for number, label in enumerate(measured.splits["random_4"].labels) if label == "0"]
        again = kept["intercept"] + embeddings[test] @ kept["weights"]
    assert again == pytest.approx([found[number] for number in test], abs=1e-3)


def test_embeddings_of_an_ensemble_are_refused_before_its_weights_are_loaded(tmp_path, measured):
    folder = tmp_path / "weights"
    folder.mkdir()
    for number in range(1, 6):
        (folder / f"esm1v_t33_650M_UR90S_{number}.pt").write_bytes(b"nothing that can be loaded")

    with pytest.raises(SettingsError, match="esm1v_t33_650M_UR90S is an ensemble"):
        trained(
            folder, measured, tmp_path / "out", variant="esm1v_t33_650M_UR90S", hyper_params={"strategy": "embeddings"}
        )


def test_the_readme_is_a_model_card():
    found = ModelCard.from_path(Path(__file__).parents[1] / "README.md")

    assert (found.name, found.hyper_params) == ("esm", {"strategy": "masked-marginals"})
