"""One way to run ESM-2 on one workload, in a process of its own: prints seconds, peak memory and where the results lie.

python esm_ways.py WAY WORKLOAD CHECKPOINT SEQUENCES.json RESULTS.npy

Runs in an environment with torch, fair-esm, and what the way needs. Loading and a first small run are not timed.
"""

import json
import resource
import sys
import time
from argparse import Namespace
from pathlib import Path

import numpy as np
import torch

SOURCE = Path(__file__).parents[2] / "models" / "esm" / "src"
PAD, MASK = 1, 32
TOKENS = {letter: number for number, letter in enumerate("LAGVSERTIDPKQNFYMHWC", 4)}
EXTRACT_TOKENS = 4096  # the default of fair-esm's extract.py
SORTED_TOKENS = 1024  # what suits a CPU best


def rows_of(sequences):
    return [[0, *map(TOKENS.__getitem__, sequence), 2] for sequence in sequences]


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def by_length(rows, budget):
    """Lists of row numbers: sorted by length, within a budget of tokens, padding included."""
    batch = []
    for number in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and len(rows[number]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(number)
    yield batch


def in_order(rows, size):
    for start in range(0, len(rows), size):
        yield list(range(start, min(start + size, len(rows))))


def means(rows, batches, states_of):
    """The mean over the residues of each row, as (n, D)."""
    found = {}
    for batch in batches:
        states = states_of(padded([rows[i] for i in batch]))
        for i, state in zip(batch, states, strict=True):
            found[i] = state[1 : len(rows[i]) - 1].mean(0).clone()
    return torch.stack([found[i] for i in range(len(rows))])


def masked_one_by_one(rows, logits_of):
    """(L, 33): ln p at each position of one protein, masked, a forward pass each."""
    (row,) = rows
    found = []
    for place in range(1, len(row) - 1):
        tokens = torch.tensor([row])
        tokens[0, place] = MASK
        found.append(torch.log_softmax(logits_of(tokens)[0, place], -1))
    return torch.stack(found)


# ---------------------------------------------------------------------------------------------------------------- ways


def load_fair_esm(path):
    import esm

    with torch.serialization.safe_globals([Namespace]):
        data = torch.load(path, weights_only=True)
    model, _ = esm.pretrained.load_model_and_alphabet_core("esm2", data)
    return model.eval()


def fair_esm(path, batches):
    """scripts/extract.py and examples/variant-prediction/predict.py: the LM head is computed, memory is what it is."""
    model = load_fair_esm(path)
    last = model.num_layers

    def embed(rows):
        return means(rows, batches(rows), lambda tokens: model(tokens, repr_layers=[last])["representations"][last])

    return {"E": embed, "M": lambda rows: masked_one_by_one(rows, lambda tokens: model(tokens)["logits"])}


def load_transformers(path):
    """The same weights as a model of Hugging Face's."""
    from transformers import EsmConfig, EsmForMaskedLM

    ours = load_fair_esm(path)
    config = EsmConfig(
        vocab_size=33,
        mask_token_id=MASK,
        pad_token_id=PAD,
        position_embedding_type="rotary",
        hidden_size=ours.embed_dim,
        num_hidden_layers=ours.num_layers,
        token_dropout=True,
        num_attention_heads=ours.attention_heads,
        intermediate_size=4 * ours.embed_dim,
        emb_layer_norm_before=False,
        layer_norm_eps=1e-5,
        max_position_embeddings=1026,
        attn_implementation="sdpa",
    )
    model = EsmForMaskedLM(config).eval()
    missing, unexpected = model.load_state_dict(renamed(ours.state_dict()), strict=False)
    assert not unexpected, unexpected
    assert all("contact_head" in name or "inv_freq" in name or "position_ids" in name for name in missing), missing
    return model


def renamed(state):
    pairs = (
        ("self_attn.q_proj", "attention.self.query"),
        ("self_attn.k_proj", "attention.self.key"),
        ("self_attn.v_proj", "attention.self.value"),
        ("self_attn.out_proj", "attention.output.dense"),
        ("self_attn.rot_emb", "attention.self.rotary_embeddings"),
        ("self_attn_layer_norm", "attention.LayerNorm"),
        ("final_layer_norm", "LayerNorm"),
        ("fc1", "intermediate.dense"),
        ("fc2", "output.dense"),
        ("emb_layer_norm_after", "esm.encoder.emb_layer_norm_after"),
        ("embed_tokens", "esm.embeddings.word_embeddings"),
        ("lm_head.weight", "lm_head.decoder.weight"),
    )
    out = {}
    for name, value in state.items():
        if "contact_head" not in name:
            for old, new in pairs:
                name = name.replace(old, new)
            out["esm.encoder.layer." + name[7:] if name.startswith("layers.") else name] = value
    return out


def transformers(path, batches):
    model = load_transformers(path)

    def embed(rows):
        return means(rows, batches(rows), lambda t: model.esm(t, attention_mask=(t != PAD).long()).last_hidden_state)

    return {"E": embed, "M": lambda rows: masked_one_by_one(rows, lambda t: model(t, torch.ones_like(t)).logits)}


def hold_tables(rotary):
    """Give a module of rotary positions its tables for all lengths: it makes them anew for each, and the tracer takes
    those of its example for constants."""
    tables = rotary._update_cos_sin_tables(torch.zeros(1, 1, 1024, 1), seq_dimension=-2)
    rotary._update_cos_sin_tables = lambda *_, **__: tables


def openvino(path, precision):
    import openvino as ov

    model = load_transformers(path)
    for module in model.modules():
        if type(module).__name__ == "RotaryEmbedding":
            hold_tables(module)
    example = padded([[0, 5, 6, 7, 2], [0, 5, 2]])

    def compiled(part):
        converted = ov.convert_model(part, example_input=(example, (example != PAD).long()))
        for port in converted.inputs:
            port.get_node().set_partial_shape(ov.PartialShape([-1, -1]))
        converted.validate_nodes_and_infer_types()
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
        ready = ov.Core().compile_model(converted, "CPU", settings)
        return lambda t: torch.from_numpy(ready((t, (t != PAD).long()))[0].copy())

    states, logits = compiled(model.esm), compiled(model)
    return {
        "E": lambda rows: means(rows, by_length(rows, SORTED_TOKENS), states),
        "M": lambda rows: masked_one_by_one(rows, logits),
    }


def ours(path, precision):
    sys.path.insert(0, str(SOURCE))
    import allocator

    allocator.keep_freed_memory()
    from fast import Fast
    from outputs import Ask

    engine = Fast(Path(path), "cpu", precision)
    asked = Ask((engine.layer_count,), ("mean",), False, False)

    def masked(rows):
        (row,) = rows
        pairs = ((row[:place] + bytes([MASK]) + row[place + 1 :], place) for place in range(1, len(row) - 1))
        return torch.stack(list(engine.log_probabilities_at(pairs)))

    return {
        "E": lambda rows: torch.stack([r["embedding"] for r in engine.embed([bytes(row) for row in rows], asked)]),
        "M": lambda rows: masked([bytes(row) for row in rows]),
    }


def matrix_products(path):
    """GFLOP/s of products of 1,024 tokens with the widest matrix of the model: what all ways are bound by."""
    width = load_fair_esm(path).embed_dim
    x, w = torch.randn(1024, width), torch.randn(width, 4 * width)
    out = torch.empty(1024, 4 * width)
    best = min(timed(lambda: [torch.mm(x, w, out=out) for _ in range(20)])[0] for _ in range(10))
    return 20 * 2 * 1024 * width * 4 * width / best / 1e9


WAYS = {
    "fair-esm, its recipe": lambda path: fair_esm(path, lambda rows: by_length(rows, EXTRACT_TOKENS)),
    "fair-esm, one at a time": lambda path: fair_esm(path, lambda rows: in_order(rows, 1)),
    "transformers, 8 in order": lambda path: transformers(path, lambda rows: in_order(rows, 8)),
    "transformers, sorted": lambda path: transformers(path, lambda rows: by_length(rows, SORTED_TOKENS)),
    "OpenVINO fp32": lambda path: openvino(path, "f32"),
    "OpenVINO bf16": lambda path: openvino(path, "bf16"),
    "fast fp32": lambda path: ours(path, "fp32"),
    "fast bf16": lambda path: ours(path, "bf16"),
}


def timed(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def main():
    way, workload, path, sequences, out = sys.argv[1:]
    with torch.inference_mode():
        if way == "matrix products":
            print(json.dumps({"gflops": matrix_products(path)}))
            return
        run = WAYS[way](path)[workload]
        run(rows_of(["MKTAYIAKQR"]))
        before = time.process_time()
        seconds, results = timed(lambda: run(rows_of(json.loads(Path(sequences).read_text()))))
    cpu_seconds = time.process_time() - before
    np.save(out, results.float().numpy())
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu_seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main()
