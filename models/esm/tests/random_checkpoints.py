"""Checkpoints of random weights in the published formats, good ones and wrong ones. Used by probe.py, beside torch."""

from argparse import Namespace
from pathlib import Path


def make(path, family, layers, width, heads, seed, positions=1024, contacts=True, token_dropout=True, change=None):
    """A checkpoint of random weights, made by fair-esm, in the published format of its family. All of its norms are
    random too: ones and zeros would hide that one is left out."""
    import esm
    import torch

    torch.manual_seed(seed)
    sizes = {"layers": layers, "embed_dim": width, "attention_heads": heads, "token_dropout": token_dropout}
    described = {"encoder_" + name: value for name, value in sizes.items() if name != "token_dropout"}
    described["token_dropout"] = token_dropout
    if family == "esm2":
        model = esm.ESM2(layers, width, heads, "ESM-1b", token_dropout=token_dropout)
    else:
        alphabet = esm.Alphabet.from_architecture("roberta_large")
        more = {"max_positions": positions, "emb_layer_norm_before": family == "esm1v", "ffn_embed_dim": 4 * width}
        model = esm.ProteinBertModel(Namespace(arch="roberta_large", **sizes, **more), alphabet)
        described.update(arch="roberta_large", max_positions=positions, encoder_ffn_embed_dim=4 * width)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    weights = {published(name): value for name, value in model.state_dict().items() if "contact_head" not in name}
    if change is not None:
        changed(described, weights, **change)
    described = Namespace(**described)
    torch.save(
        {"cfg": {"model": described}, "model": weights} if family == "esm2" else {"args": described, "model": weights},
        path,
    )
    if contacts:
        head = {"contact_head." + name: value for name, value in model.contact_head.state_dict().items()}
        torch.save({"model": head}, Path(path).with_name(Path(path).stem + "-contact-regression.pt"))


def published(name):
    return ("encoder." if name.startswith("lm_head") else "encoder.sentence_encoder.") + name


def changed(described, weights, drop=None, cut=None, add=None, say=None):
    """Make a checkpoint that is not what it says."""
    import torch

    if drop is not None:
        del weights[published(drop)]
    if cut is not None:
        weights[published(cut)] = weights[published(cut)][:-1].clone()
    if add is not None:
        weights[published(add)] = torch.zeros(1)
    described.update(say or {})
