"""Sequences as one stream of tokens, one behind the other and no padding between them."""

import tokens
import torch
from packing import equal_lengths
from torch.nn.functional import layer_norm

_TRAINED_MASK_SHARE = 0.15 * 0.8  # residues that were masked in training: states are scaled as if they were here


class Stream:
    """Rows as one stream of T tokens.

    Args:
        rows: tokens as bytes. Rows of one length should stand together.
        device: where the tensors are.
        multiple: T is rounded up to a multiple of it, with padding at the end that belongs to no row.

    Attributes:
        groups: (first token, how many, length) of each run of rows of one length.
        places: (T,) each token's place in its own row.
        starts: (n,) where each row begins.
        residues: where each row's residues stand, a slice a row.
    """

    def __init__(self, rows, device, multiple=1):
        self.groups = equal_lengths(rows)
        lengths = torch.tensor([len(row) for row in rows])
        ends = lengths.cumsum(0)
        starts = ends - lengths
        self.residues = [slice(start + 1, end - 1) for start, end in zip(starts.tolist(), ends.tolist())]
        total = int(ends[-1])
        padding = -total % multiple
        numbers = bytearray(b"".join(rows)) + bytes([tokens.PAD]) * padding
        self.tokens = torch.frombuffer(numbers, dtype=torch.uint8).to(device, torch.long)
        self.starts = starts.to(device)
        self.lengths = lengths.to(device)
        self.row = torch.repeat_interleave(torch.arange(len(rows)), lengths)
        self.row = torch.cat([self.row, torch.zeros(padding, dtype=torch.long)]).to(device)
        self.places = torch.arange(total + padding, device=device) - self.starts[self.row]
        self.places[total:] = 0

    def embedded(self, weights):
        """What goes into the first layer: (T, D)."""
        x = weights.embedding[self.tokens]
        if weights.token_dropout:
            masked = self.tokens == tokens.MASK
            x[masked] = 0
            counts = torch.zeros(len(self.starts), device=x.device).index_add_(0, self.row, masked.float())
            scale = (1 - _TRAINED_MASK_SHARE) / (1 - counts / self.lengths)
            x *= scale[self.row][:, None]
        if weights.positions is not None:
            x += weights.positions[self.places + tokens.PAD + 1]
        norm = weights.norm_before
        return x if norm is None else layer_norm(x, (weights.width,), norm.weight, norm.bias)

    def means(self, states):
        """(T, D) to (n, D): the mean over each row's residues."""
        runs = []
        for start, count, length in self.groups:
            run = states[start : start + count * length].view(count, length, -1)
            runs.append(run[:, 1:-1].mean(1))
        return torch.cat(runs)
