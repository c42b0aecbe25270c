"""Runs in the model's own environment, beside torch and fair-esm: answers questions of the tests, a line of JSON each.

python probe.py FOLDER_OF_RUN_PY

A question is {"ask": FUNCTION, ...its arguments}; the answer is {"answer": ...}, or {"error": [type, message]}.
"""

import json
import sys
from pathlib import Path

HELD = {}  # engines by what they were made with: loading takes longer than computing


def engine(path, kind="fast", precision="fp32"):
    key = path, kind, precision
    if key not in HELD:
        from fast import Fast
        from reference import Reference

        HELD[key] = Fast(Path(path), "cpu", precision) if kind == "fast" else Reference(Path(path))
    return HELD[key]


# ---------------------------------------------------------------------------------------------------------- comparisons


def compare(path, sequences, layers, embeddings, logits, contacts, budget=None, rows_multiple=1):
    """The largest difference between the two engines, by the name of the result."""
    fast, reference = engine(path), engine(path, "reference")
    if budget is not None:
        fast.budget.tokens = budget
    fast.rows_multiple = rows_multiple
    asked = wanted(fast, layers, embeddings, logits, contacts)
    rows = encoded(sequences)
    worst = {}
    for one, other in zip(fast.embed(rows, asked), reference.embed(rows, asked), strict=True):
        assert list(one) == list(other), (list(one), list(other))
        for name, value in one.items():
            assert value.shape == other[name].shape, (name, value.shape, other[name].shape)
            assert str(value.dtype) == "torch.float32", value.dtype
            difference = (value - other[name]).abs().max().item()
            worst[name] = max(worst.get(name, 0.0), difference)
    return worst


def rounding(path, sequences):
    """How far the reference's own logits, in fp32, are from the same in fp64."""
    import torch
    from reference import Reference

    plain, exact = engine(path, "reference"), Reference(Path(path))
    exact.model = exact.model.double()
    rows = encoded(sequences)
    torch.set_default_dtype(torch.float64)  # fair-esm makes its rotary angles in the default type
    true = [exact._forward([row])["logits"] for row in rows]
    torch.set_default_dtype(torch.float32)
    return max(
        (plain._forward([row])["logits"] - logits).abs().max().item() for row, logits in zip(rows, true, strict=True)
    )


def deviation(path, sequences):
    """bf16 against fp32: 1 - cosine, the smallest among the means of the last layer (their own mean taken off), and of
    all logs of probabilities together."""
    import torch
    from torch.nn.functional import cosine_similarity

    rows = encoded(sequences)
    means, logs = [], []
    for precision in ("fp32", "bf16"):
        model = engine(path, "fast", precision)
        asked = wanted(model, [-1], ["mean"], False, False)
        of_all = torch.stack([result["embedding"] for result in model.embed(rows, asked)])
        means.append(of_all - of_all.mean(0))
        logs.append(torch.cat(list(model.log_probabilities(rows))).flatten())
    return [1 - cosine_similarity(*means).min().item(), 1 - cosine_similarity(*logs, dim=0).item()]


def wanted(model, layers, embeddings, logits, contacts):
    from outputs import Ask

    return Ask(tuple(layer % (model.layer_count + 1) for layer in layers), tuple(embeddings), logits, contacts)


def encoded(sequences):
    import tokens

    return [tokens.encode(sequence, "a model") for sequence in sequences]


def score(path, records, strategy, kind="fast", **options):
    """What the scorer says of each record: its result, or the message of its error."""
    from scoring import Scorer

    results = Scorer(engine(path, kind)).score(records, strategy, **options)
    return [str(one) if isinstance(one, Exception) else plain(one) for one in results]


def plain(result):
    return {name: value.tolist() if hasattr(value, "tolist") else value for name, value in result.items()}


def everywhere(path, sequence):
    """ln p of all tokens at all places, as the scorer's wt-marginals sees a sequence."""
    import tokens
    from scoring import Scorer, _Scan

    row = tokens.encode(sequence, "a model", max_residues=None)
    return dict(Scorer(engine(path))._unmasked([_Scan(row)]))[row].tolist()


# -------------------------------------------------------------------------------------------------------- what it costs


def passes(path, sequences=(), records=(), strategy=None, budget=1 << 20, fails_above=None):
    """The rows of each batch that goes through the fast engine for these, as lengths; and the budget afterwards.

    Batches of more tokens than `fails_above` run out of memory.
    """
    import fast as module
    import torch

    model = module.Fast(Path(path))
    model.budget.tokens = budget
    seen = []
    forward = module.Fast._forward

    def watched(self, stream, *rest):
        lengths = stream.lengths.tolist()
        if fails_above is not None and sum(lengths) > fails_above:
            raise torch.OutOfMemoryError("no memory")
        seen.append(lengths)
        return forward(self, stream, *rest)

    module.Fast._forward = watched
    try:
        if strategy is None:
            results = list(model.embed(encoded(sequences), wanted(model, [-1], ["mean"], False, False)))
        else:
            from scoring import Scorer

            results = list(Scorer(model).score(records, strategy))
    finally:
        module.Fast._forward = forward
    return {"batches": seen, "budget": model.budget.tokens, "results": len(results)}


def passes_of_batches(weights, batches, variant, most_bytes=None, each_a_call=False, **options):
    """What run.py answers to batches that come one after the other, a list a batch; and the rows that went through
    the fast engine for each, as lengths. `most_bytes`: how much it remembers; `each_a_call`: whether each batch is a
    call of its own."""
    import fast as module

    runner = started_runner(weights, variant, **options)
    for one in runner.engines:
        one._most_bytes = one._most_bytes if most_bytes is None else most_bytes
    forward, seen, answers = module.Fast._forward, [], []

    def watched(self, stream, *rest):
        seen[-1] += stream.lengths.tolist()
        return forward(self, stream, *rest)

    module.Fast._forward = watched
    try:
        for records in batches:
            seen.append([])
            runner.call = len(seen) if each_a_call else 0
            answers.append([str(one) if isinstance(one, Exception) else plain(one) for one in runner.predict(records)])
    finally:
        module.Fast._forward = forward
    return {"answers": answers, "passes": seen, "remembered": [one._bytes for one in runner.engines]}


def started_runner(weights, variant, **options):
    """The runner of run.py, its model loaded."""
    import importlib.util

    guest = Path(__file__).resolve().parents[3] / "repro" / "guest"
    if "repro_guest" not in sys.modules:
        found = importlib.util.spec_from_file_location(
            "repro_guest", guest / "__init__.py", submodule_search_locations=[str(guest)]
        )
        sys.modules["repro_guest"] = importlib.util.module_from_spec(found)
        found.loader.exec_module(sys.modules["repro_guest"])
    import argparse

    from run import Esm

    parser = argparse.ArgumentParser()
    Esm.add_arguments(parser)
    chosen = parser.parse_args([])
    vars(chosen).update(weights_dir=weights, device="cpu", variant=variant, **options)
    return Esm.started(chosen)


def attention_of_gpus(lengths, heads, head_width):
    """The largest difference between the attention that GPUs get and the plain one, with PyTorch's kernel for GPUs
    replaced by what its documentation says; and the names of the attention that is chosen for a device and a type."""
    import attention
    import torch
    import torch.nn.attention.varlen as kernels
    from packing import equal_lengths

    torch.manual_seed(0)
    groups = equal_lengths([bytes(length) for length in lengths])
    qkv = torch.randn(sum(lengths), 3 * heads * head_width)

    def written_out(q, k, v, starts_q, starts_k, longest_q, longest_k):
        assert starts_q.dtype == torch.int32
        assert longest_q == longest_k == max(lengths)
        parts = []
        for start, end in zip(starts_q.tolist(), starts_k.tolist()[1:], strict=False):
            one, other, value = (state[start:end].transpose(0, 1) for state in (q, k, v))
            weights = (one @ other.transpose(1, 2) / head_width**0.5).softmax(-1)
            parts.append((weights @ value).transpose(0, 1))
        return torch.cat(parts)

    kept, kernels.varlen_attn = kernels.varlen_attn, written_out
    try:
        found = attention.PackedOnGpu(groups, heads, "cpu")(qkv)
    finally:
        kernels.varlen_attn = kept
    chosen = [
        type(attention.packed_attention(groups, heads, device, kind)).__name__
        for device, kind in (("cpu", torch.float32), ("cpu", torch.bfloat16), ("cuda:0", torch.float32))
    ]
    return [(found - attention.Packed(groups, heads)(qkv)).abs().max().item(), chosen]


def layers_used(path, layers, embeddings, logits, contacts):
    """How often a layer's feed-forward part runs, and on how many tokens, for one sequence of 8 residues."""
    import fast as module

    model, counted = engine(path), []
    whole = module.Fast._feed_forward

    def watched(self, layer, x):
        counted.append(len(x))
        return whole(self, layer, x)

    module.Fast._feed_forward = watched
    try:
        list(model.embed(encoded(["MKTAYIAK"]), wanted(model, layers, embeddings, logits, contacts)))
    finally:
        module.Fast._feed_forward = whole
    return counted


def private_bytes(path):
    """Memory of this process alone (no mapped file) that a fast engine takes, and the size of its checkpoint."""
    import gc

    from fast import Fast

    def private():
        fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
        return int(fields["RssAnon"].split()[0]) * 1024

    gc.collect()
    before = private()
    model = Fast(Path(path))
    return [private() - before, Path(path).stat().st_size, model.layer_count]


def imported(path):
    """Which heavy packages a fast engine has imported."""
    import subprocess

    code = "import sys; sys.path.insert(0, %r); from pathlib import Path; from fast import Fast; Fast(Path(%r));"
    code += "print([name for name in ('esm', 'torch._inductor') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code % (sys.path[0], path)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def main():
    sys.path.insert(0, sys.argv[1])
    # These lie beside this file.
    from published_recipes import masked_in_window, mean_embeddings, naive, windowed
    from random_checkpoints import make

    functions = {**globals(), "make": make, "naive": naive, "windowed": windowed}
    functions.update(mean_embeddings=mean_embeddings, masked_in_window=masked_in_window)
    for line in sys.stdin:
        question = json.loads(line)
        function = functions[question.pop("ask")]
        try:
            answer = {"answer": function(**question)}
        except Exception as error:
            answer = {"error": [type(error).__name__, str(error)]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
