"""Scores by the published recipes, written out with fair-esm alone. Used by probe.py, beside torch."""

import math
from pathlib import Path


def naive(path, wild_type, mutants, strategy, offset):
    """The published recipe, a forward pass of fair-esm a masked position; `mutants` are lists of (old, number, new).
    Its pseudo-ppl reads the residue that it masks."""
    import checkpoint
    import torch

    model, alphabet, _ = checkpoint.load(Path(path))
    convert = alphabet.get_batch_converter()

    def log_probabilities(sequence, masked=None):
        _, _, tokens = convert([("", sequence)])
        if masked is not None:
            tokens[0, masked] = alphabet.mask_idx
        with torch.no_grad():
            return torch.log_softmax(model(tokens)["logits"], -1)[0]

    scores = []
    for mutant in mutants:
        letters, total = list(wild_type), 0.0
        for old, number, new in mutant:
            place = 1 + number - offset
            assert letters[place - 1] == old
            letters[place - 1] = new
            found = log_probabilities(wild_type, place if strategy == "masked-marginals" else None)[place]
            total += (found[alphabet.get_idx(new)] - found[alphabet.get_idx(old)]).item()
        if strategy == "pseudo-ppl":
            mutated = "".join(letters)
            total = sum(
                log_probabilities(mutated, place)[place, alphabet.get_idx(letter)].item()
                for place, letter in enumerate(mutated, 1)
            )
        scores.append(total)
    return scores


def windowed(path, sequence, window):
    """ln p of all tokens at all places by ProteinGym's overlapping windows, written out as its script does it."""
    import checkpoint
    import torch

    model, alphabet, _ = checkpoint.load(Path(path))
    _, _, tokens = alphabet.get_batch_converter()([("", sequence)])
    length = tokens.shape[1]
    weights = torch.ones(window)
    for i in range(1, window // 4 + 1):
        weights[i] = 1 / (1 + math.exp(-(i - window // 8) / (window / 64)))
    for i in range(window - 2 - window // 4, window - 1):
        weights[i] = 1 / (1 + math.exp((i - (window - 2) + window // 8) / (window / 64)))
    total, share = torch.zeros(length, len(alphabet)), torch.zeros(length, 1)

    def add(first):
        with torch.no_grad():
            found = torch.log_softmax(model(tokens[:, first : first + window])["logits"], -1)[0]
        total[first : first + window] += found * weights[:, None]
        share[first : first + window] += weights[:, None]

    left, right, step = 0, length - window, window // 2 - 1
    while True:
        add(left)
        add(right)
        if left + window - 1 > right:
            break
        left, right = left + step, right - step
    if left + window - right < step:
        add(length // 2 - window // 2)
    return (total / share).tolist()


def mean_embeddings(path, sequences):
    """The mean over the residues of the last layer, a sequence at a time, by fair-esm: (sequences, D)."""
    import checkpoint
    import torch

    model, alphabet, _ = checkpoint.load(Path(path))
    convert = alphabet.get_batch_converter()
    found = []
    for sequence in sequences:
        _, _, tokens = convert([("", sequence)])
        with torch.no_grad():
            states = model(tokens, repr_layers=[model.num_layers])["representations"][model.num_layers]
        found.append(states[0, 1 : len(sequence) + 1].mean(0).tolist())
    return found


def masked_in_window(path, sequence, token, start, window):
    """ln p of each amino acid at a masked token (BOS is token 0) that is seen through a window, by fair-esm."""
    import checkpoint
    import torch

    model, alphabet, _ = checkpoint.load(Path(path))
    _, _, tokens = alphabet.get_batch_converter()([("", sequence)])
    tokens[0, token] = alphabet.mask_idx
    with torch.no_grad():
        found = torch.log_softmax(model(tokens[:, start : start + window])["logits"], -1)[0, token - start]
    return {letter: found[alphabet.get_idx(letter)].item() for letter in "ACDEFGHIKLMNPQRSTVWY"}
