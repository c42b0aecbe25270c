"""Makes the checkpoints in tests/fixtures and the values in tests/golden that the tests hold run.py against.

The checkpoints are tiny and random, and in the format of the published ones, one of each family. The values come from
the fair-esm package alone, by the recipe of its README: load_model_and_alphabet_core, the alphabet's batch converter,
`model(tokens, repr_layers=..., return_contacts=True)`, one sequence at a time. Nothing of run.py is used.

    uv pip install -r models/esm/requirements.txt
    python models/esm/scripts/make_fixtures.py
"""

import argparse
import datetime
import json
import platform
import random
from argparse import Namespace
from pathlib import Path

import esm
import numpy
import torch

TESTS = Path(__file__).parent.parent / "tests"
WIDTH, LAYERS, HEADS = 16, 2, 2
MAX_POSITIONS = 1024
OFFSET = 24  # of the names of mutants
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
FIELDS = {
    "embedding": "mean",
    "bos_embedding": "bos",
    "residue_embeddings": "residue",
    "logits": "logits",
    "contacts": "contacts",
}
ESM2, ESM1B, ESM1V = "esm2_t6_8M_UR50D", "esm1b_t33_650M_UR50S", "esm1v_t33_650M_UR90S_1"


def sequences():
    """Lengths from 1 to the longest, the letters of the alphabet that are no amino acids, and masks."""
    chance = random.Random(20)
    plain = ["".join(chance.choices(AMINO_ACIDS, k=length)) for length in (1, 2, 9, 33, 70)]
    return [*plain, "MKXBUZO.-WV", "MK<mask>LV<mask><mask>A"]


def longest():
    return "".join(random.Random(21).choices(AMINO_ACIDS, k=1022))


def randomised(model):
    """Every weight away from where it starts: a norm of ones and zeros would hide that it is left out."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return model


def esm2_checkpoint():
    """{"cfg": {"model": Namespace}, "model": weights} with the names that the published ESM-2 files have."""
    cfg = Namespace(encoder_layers=LAYERS, encoder_embed_dim=WIDTH, encoder_attention_heads=HEADS, token_dropout=True)
    model = randomised(esm.ESM2(LAYERS, WIDTH, HEADS, "ESM-1b", token_dropout=True))
    return {"cfg": {"model": cfg}, "model": published_names(model)}, model


def esm1_checkpoint(norm_before):
    """{"args": Namespace, "model": weights} with the names that the published ESM-1b and ESM-1v files have."""
    args = {
        "arch": "roberta_large",
        "encoder_layers": LAYERS,
        "encoder_embed_dim": WIDTH,
        "encoder_ffn_embed_dim": 4 * WIDTH,
        "encoder_attention_heads": HEADS,
        "max_positions": MAX_POSITIONS,
        "token_dropout": True,
    }
    plain = {name.replace("encoder_", ""): value for name, value in args.items()}
    alphabet = esm.Alphabet.from_architecture("roberta_large")
    model = randomised(esm.ProteinBertModel(Namespace(**plain, emb_layer_norm_before=norm_before), alphabet))
    return {"args": Namespace(**args), "model": published_names(model)}, model


def published_names(model):
    weights = {name: value for name, value in model.state_dict().items() if not name.startswith("contact_head")}
    heads = {name for name in weights if name.startswith("lm_head")}
    return {("encoder." if name in heads else "encoder.sentence_encoder.") + name: weights[name] for name in weights}


def regression(model):
    weights = {f"contact_head.{name}": value for name, value in model.contact_head.state_dict().items()}
    return {"model": weights}


def reference(name, data, regression_data):
    """What fair-esm computes with a checkpoint, by the number of the sequence."""
    model, alphabet = esm.pretrained.load_model_and_alphabet_core(name, data, regression_data)
    model.eval()
    convert = alphabet.get_batch_converter()
    layers = range(model.num_layers + 1)
    values = {}
    for number, sequence in enumerate([*sequences(), longest()]):
        _, _, tokens = convert([("", sequence)])
        with torch.no_grad():
            out = model(tokens, repr_layers=layers, return_contacts=regression_data is not None)
        states = torch.stack([out["representations"][layer][0] for layer in layers])
        values[f"{number}/mean"] = states[:, 1:-1].mean(1).numpy()
        values[f"{number}/bos"] = states[:, 0].numpy()
        if number == len(sequences()):
            continue  # of the longest these are large
        values[f"{number}/residue"] = states[:, 1:-1].numpy()
        values[f"{number}/logits"] = out["logits"][0, 1:-1].numpy()
        if regression_data is not None:
            values[f"{number}/contacts"] = out["contacts"][0].numpy()
    return values


def write_rows(golden, names):
    """The records, and the expected answers of each checkpoint: references to the arrays in its .npz file."""
    records = [{"id": f"{len(sequence)} letters", "sequence": sequence} for sequence in [*sequences(), longest()]]
    write_jsonl(golden / "proteins.jsonl", records[:-1])
    write_jsonl(golden / "proteins_and_longest.jsonl", records)
    for name in names:
        keys = numpy.load(golden / f"{name}.npz").files
        rows = [
            {
                field: {"$npz": f"{name}.npz", "key": f"{number}/{key}"}
                for field, key in FIELDS.items()
                if f"{number}/{key}" in keys
            }
            for number in range(len(records))
        ]
        write_jsonl(golden / f"{name}.jsonl", rows[:-1])
        means = ("embedding", "bos_embedding")
        write_jsonl(golden / f"{name}_means.jsonl", [{field: row[field] for field in means} for row in rows])


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def variants():
    """A wild type, and mutants of it: one substitution at the first, the last and an inner residue, several, none, and
    a mutated sequence. Names count from OFFSET."""
    chance = random.Random(22)
    wild_type = "".join(chance.choices(AMINO_ACIDS, k=24))
    substitutions = [[0], [23], [11], [3, 4], [0, 12, 23]]
    mutants = []
    for places in substitutions:
        changes = [(wild_type[place], place + OFFSET, chance.choice(AMINO_ACIDS)) for place in places]
        mutants.append((":".join(f"{old}{number}{new}" for old, number, new in changes), changes))
    letters = list(wild_type)
    letters[7] = "W"
    mutants.append(("".join(letters), [(wild_type[7], 7 + OFFSET, "W")]))
    mutants.append((wild_type, []))
    return wild_type, mutants


def scores(name, data):
    """Scores of the mutants by the recipes of fair-esm's examples/variant-prediction/predict.py, a forward pass a
    masked position; and the log-odds of all substitutions, from its masked marginals.

    That script's pseudo-ppl reads, at each masked token, the letter that stands one further; here it is the one that is
    masked.
    """
    model, alphabet = esm.pretrained.load_model_and_alphabet_core(name, data, None)
    model.eval()
    convert = alphabet.get_batch_converter()

    def log_probabilities(sequence, masked=None):
        _, _, tokens = convert([("", sequence)])
        if masked is not None:
            tokens[0, masked] = alphabet.mask_idx
        with torch.no_grad():
            return torch.log_softmax(model(tokens)["logits"], dim=-1)[0]

    wild_type, mutants = variants()
    places = range(1, len(wild_type) + 1)
    plain = log_probabilities(wild_type)
    masked = {place: log_probabilities(wild_type, place)[place] for place in places}

    def marginal(found, changes):
        pairs = [
            (found[1 + number - OFFSET], alphabet.get_idx(new), alphabet.get_idx(old)) for old, number, new in changes
        ]
        return sum(((values[new] - values[old]).item() for values, new, old in pairs), start=0.0)

    def pseudo(changes):
        letters = list(wild_type)
        for _, number, new in changes:
            letters[number - OFFSET] = new
        sequence = "".join(letters)
        each = ((place, alphabet.get_idx(letter)) for place, letter in enumerate(sequence, 1))
        return sum(log_probabilities(sequence, place)[place, token].item() for place, token in each)

    columns = [alphabet.get_idx(letter) for letter in AMINO_ACIDS]
    own = [alphabet.get_idx(letter) for letter in wild_type]
    matrix = [masked[place][columns] - masked[place][own[place - 1]] for place in places]
    each = {
        "masked-marginals": [marginal(masked, changes) for _, changes in mutants],
        "wt-marginals": [marginal(plain, changes) for _, changes in mutants],
        "pseudo-ppl": [pseudo(changes) for _, changes in mutants],
    }
    return each, torch.stack(matrix).numpy()


def write_scores(fixtures, golden):
    """The mutants, and what fair-esm says of them: a file a checkpoint and strategy. ESM-1b differs from ESM-1v, as far
    as scores go, in nothing that the first strategy would not show."""
    wild_type, mutants = variants()
    records = [{"sequence": wild_type, "mutant": mutant} for mutant, _ in mutants]
    write_jsonl(golden / "variants.jsonl", records)
    write_jsonl(golden / "wild_type.jsonl", [{"sequence": wild_type}])
    for name in (ESM2, ESM1B, ESM1V):
        each, matrix = scores(name, load(fixtures / f"{name}.pt"))
        for strategy, found in list(each.items())[: 1 if name == ESM1B else None]:
            rows = [{"mutant": mutant, "score": score} for (mutant, _), score in zip(mutants, found, strict=True)]
            write_jsonl(golden / f"{name}_{strategy}.jsonl", rows)
        numpy.save(golden / f"{name}_log_odds.npy", matrix)


def load(path):
    with torch.serialization.safe_globals([Namespace]):
        return torch.load(path, map_location="cpu", weights_only=True)


def make(fixtures, golden):
    torch.manual_seed(20)
    checkpoints = {ESM2: esm2_checkpoint(), ESM1B: esm1_checkpoint(False), ESM1V: esm1_checkpoint(True)}
    for name, (data, model) in checkpoints.items():
        # The oldest of the published files were written before PyTorch's format became a zip archive.
        torch.save(data, fixtures / f"{name}.pt", _use_new_zipfile_serialization=name != ESM1B)
        if name != ESM1V:  # it was published without
            torch.save(regression(model), fixtures / f"{name}-contact-regression.pt")
    lacking, _ = esm2_checkpoint()
    lacking["cfg"]["model"].encoder_layers = LAYERS + 1
    torch.save(lacking, fixtures / "esm2_lacks_a_layer.pt")
    for name in checkpoints:
        beside = fixtures / f"{name}-contact-regression.pt"
        values = reference(name, load(fixtures / f"{name}.pt"), load(beside) if beside.exists() else None)
        numpy.savez_compressed(golden / f"{name}.npz", **values)
    write_rows(golden, checkpoints)
    write_scores(fixtures, golden)
    (golden / "tokens.json").write_text(json.dumps(esm.Alphabet.from_architecture("ESM-1b").all_toks) + "\n")
    made = {
        "command": "python models/esm/scripts/make_fixtures.py",
        "date": datetime.date.today().isoformat(),
        "device": "cpu, float32",
        "versions": {
            "fair-esm": esm.version.version,
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "python": platform.python_version(),
        },
    }
    for folder in (fixtures, golden):
        (folder / "made.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=TESTS, help="where fixtures and golden are written")
    folder = parser.parse_args().folder
    for name in ("fixtures", "golden"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    make(folder / "fixtures", folder / "golden")
