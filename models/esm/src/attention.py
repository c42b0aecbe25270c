"""Attention among the residues of each sequence of a packed batch, its rotary positions, and contacts from its maps.

A packed batch is one stream of tokens, (T, ...), the sequences one behind the other and no padding between them.
"""

import torch
from torch.nn.functional import scaled_dot_product_attention


def rotary_table(inverse_frequencies, places):
    """(places, head / 2) complex numbers that turn a pair to its place. In fp32 whatever the model computes in: in bf16
    the angle at place 1,023 would be wrong by half a radian."""
    angles = torch.outer(torch.arange(places, device=inverse_frequencies.device).float(), inverse_frequencies)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(states, turns):
    """Turn each pair of `states`, (T, heads x head), by its token's `turns`, (T, 1, head / 2), in place."""
    count, _, pairs = turns.shape
    exact = states if states.dtype == torch.float32 else states.float()
    torch.view_as_complex(exact.view(count, -1, pairs, 2)).mul_(turns)
    if exact is not states:
        states.copy_(exact)


class Packed:
    """Attention by runs of sequences of one length, through PyTorch's scaled dot product.

    Args:
        groups: (first token, how many, length) of each run.
        heads: how many.
    """

    def __init__(self, groups, heads):
        self.groups = groups
        self.heads = heads

    def __call__(self, qkv):
        """(T, 3 x D) to (T, D)."""
        out = self._blank(qkv)
        for q, k, v, mine in self._runs(qkv, out):
            mine.copy_(scaled_dot_product_attention(q, k, v).transpose(1, 2))
        return out

    def of_one_token(self, queries, kv):
        """One query a sequence, (n, D), against all its keys and values, (T, 2 x D); gives (n, D)."""
        out = torch.empty_like(queries)
        number = 0
        for start, count, length in self.groups:
            k, v = self._heads(kv, start, count, length, 2)
            q = queries[number : number + count].view(count, 1, self.heads, -1).transpose(1, 2)
            found = scaled_dot_product_attention(q, k, v).transpose(1, 2)
            out[number : number + count] = found.reshape(count, -1)
            number += count
        return out

    def with_maps(self, qkv, see):
        """As the call, and `see(number, map)` gets each sequence's map, (heads, length, length)."""
        out = self._blank(qkv)
        numbers = iter(range(len(qkv)))
        for q, k, v, mine in self._runs(qkv, out):
            for one in range(len(q)):  # one at a time: a map has length^2 numbers a head
                weights = (q[one] * q.shape[-1] ** -0.5 @ k[one].transpose(1, 2)).float().softmax(-1)
                see(next(numbers), weights)
                mine[one].copy_((weights.to(v.dtype) @ v[one]).transpose(0, 1))
        return out

    def _blank(self, qkv):
        """(T, D) for the answer; zero at the padding behind the last sequence, which no run covers."""
        out = qkv.new_empty(len(qkv), qkv.shape[1] // 3)
        start, count, length = self.groups[-1]
        out[start + count * length :] = 0
        return out

    def _runs(self, qkv, out):
        """For each run its queries, keys and values, (n, heads, length, head), and its part of `out`."""
        for start, count, length in self.groups:
            mine = out[start : start + count * length].view(count, length, self.heads, -1)
            yield (*self._heads(qkv, start, count, length, 3), mine)

    def _heads(self, states, start, count, length, parts):
        mine = states[start : start + count * length]
        return mine.view(count, length, parts, self.heads, -1).permute(2, 0, 3, 1, 4)


class PackedOnGpu(Packed):
    """The same in one kernel for all lengths (flash attention, in half precision alone)."""

    def __init__(self, groups, heads, device):
        super().__init__(groups, heads)
        lengths = [length for _, count, length in groups for _ in range(count)]
        self.longest = max(lengths)
        starts = torch.tensor([0, *lengths], device=device).cumsum(0)
        self.starts = starts.to(torch.int32)

    def __call__(self, qkv):
        from torch.nn.attention.varlen import varlen_attn

        q, k, v = qkv.view(len(qkv), 3, self.heads, -1).unbind(1)
        return varlen_attn(q, k, v, self.starts, self.starts, self.longest, self.longest).reshape(len(qkv), -1)


def packed_attention(groups, heads, device, dtype):
    """The attention for a batch: in one kernel where there is one."""
    if device.startswith("cuda") and dtype == torch.bfloat16 and _has_varlen():
        return PackedOnGpu(groups, heads, device)
    return Packed(groups, heads)


def _has_varlen():
    try:
        import torch.nn.attention.varlen  # noqa: F401
    except ImportError:  # PyTorch before 2.10
        return False
    return True


class Contacts:
    """Contacts as fair-esm has them: a logistic regression over all maps, each made symmetric and corrected for its
    average product. A layer's part is added as it comes, so that no more than one map a sequence is held.

    Args:
        regression: `.weight` (layers x heads, 1), `.bias` (1,).
        heads: how many a layer.
    """

    def __init__(self, regression, heads):
        self.weight = regression.weight.view(-1, heads)
        self.bias = regression.bias
        self.sums = {}

    def add(self, layer, number, maps):
        """Take the map, (heads, length, length), of sequence `number` in layer `layer`."""
        inner = maps[:, 1:-1, 1:-1]  # the ends are no residues
        both = inner + inner.transpose(1, 2)
        across = both.sum(1)
        product = across[:, :, None] * across[:, None, :] / across.sum(1)[:, None, None]
        part = torch.einsum("h,hij->ij", self.weight[layer], both - product)
        self.sums[number] = part if number not in self.sums else self.sums[number].add_(part)

    def probabilities(self, number):
        """(L, L) of one sequence, when all layers were added."""
        return torch.sigmoid(self.sums[number] + self.bias)
