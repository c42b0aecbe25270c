"""What a checkpoint holds, arranged for the fast engine: checked against what it describes, and never held twice.

The matrices of a checkpoint that is mapped stay where they are, in the file. Only query, key and value projections are
copied, as they become one matrix; those pages of the file are not read again.
"""

import re
from dataclasses import dataclass, field

import checkpoint
import tokens

_PREFIXES = re.compile(r"^(encoder\.)?(sentence_encoder\.)?")
_NO_MODEL = "%s does not hold the model that it describes: %s"


@dataclass
class Norm:
    weight: object
    bias: object


@dataclass
class Linear:
    """`weight` is (in, out): a view of what the file has, as the product needs it."""

    weight: object
    bias: object


@dataclass
class Layer:
    attention_norm: Norm
    qkv: Linear
    out: Linear
    forward_norm: Norm
    up: Linear
    down: Linear
    inverse_frequencies: object = None
    """(head / 2,) of the rotary positions; None for learned ones."""


@dataclass
class Weights:
    """A model of the family. D: width, H: heads, all tensors on one device."""

    width: int
    heads: int
    token_dropout: bool
    embedding: object
    """(33, D), of the input and of the language-model head alike."""
    positions: object
    """(positions, D) where they are learned (ESM-1b, ESM-1v), else None."""
    norm_before: Norm
    norm_after: Norm
    head_dense: Linear
    head_norm: Norm
    head_bias: object
    contact: Linear
    """(layers x H, 1); None where the checkpoint came without it."""
    layers: list = field(default_factory=list)

    @property
    def max_residues(self):
        places = tokens.MAX_RESIDUES if self.positions is None else len(self.positions) - tokens.PAD - 1 - tokens.ENDS
        return min(tokens.MAX_RESIDUES, places)


def load(path, device="cpu", half=False):
    """The weights of a checkpoint, matrices in bf16 where `half`; norms and embeddings stay fp32.

    Raises:
        checkpoint.CheckpointError: the file is cut, no ESM checkpoint, or not the model that it describes.
    """
    data = checkpoint.read(path)
    source = _Source(path, data, device, half)
    return source.weights()


class _Source:
    """A checkpoint's tensors by their names, taken with the shape that they must have."""

    def __init__(self, path, data, device, half):
        self.path = path
        self.is_esm2 = "cfg" in data
        self.settings = data["cfg"].get("model") if self.is_esm2 else data["args"]
        self.state = {_PREFIXES.sub("", name): value for name, value in data["model"].items()}
        self.device = device
        self.half = half
        self.taken = set()

    def weights(self):
        width, heads, count = self._shape()
        self.width = width
        self.head_width = width // heads
        if not self.is_esm2:
            # As fair-esm does it: with token dropout this row is never read, but it is a column of the logits.
            self.tensor("embed_tokens.weight", len(tokens.TOKENS), width)[tokens.MASK].zero_()
        self.tensor("embed_tokens.weight", len(tokens.TOKENS), width)
        weights = Weights(
            width=width,
            heads=heads,
            token_dropout=bool(self._setting("token_dropout", False)),
            # The two are one parameter in fair-esm, which loads the head's last.
            embedding=self.plain("lm_head.weight", len(tokens.TOKENS), width),
            positions=None if self.is_esm2 else self.plain("embed_positions.weight", None, width),
            norm_before=self.norm("emb_layer_norm_before") if self._has_norm_before() else None,
            norm_after=self.norm("emb_layer_norm_after"),
            head_dense=self.linear("lm_head.dense", width, width),
            head_norm=self.norm("lm_head.layer_norm"),
            head_bias=self.plain("lm_head.bias", len(tokens.TOKENS)),
            contact=self.contact(count * heads),
            layers=[self.layer("layers.%d." % number) for number in range(count)],
        )
        left = sorted(set(self.state) - self.taken)
        if left:
            self._refuse("it also holds %s" % ", ".join(left[:3]))
        return weights

    def layer(self, at):
        width = self.width
        up_width = self.tensor(at + "fc1.weight", None, width).shape[0]
        return Layer(
            attention_norm=self.norm(at + "self_attn_layer_norm"),
            qkv=self.fused(at + "self_attn."),
            out=self.linear(at + "self_attn.out_proj", width, width),
            forward_norm=self.norm(at + "final_layer_norm"),
            up=self.linear(at + "fc1", up_width, width),
            down=self.linear(at + "fc2", width, up_width),
            inverse_frequencies=self.rotary(at + "self_attn.rot_emb.inv_freq") if self.is_esm2 else None,
        )

    def fused(self, at):
        """One projection to queries, keys and values. For rotary positions the two halves of each head of queries and
        keys are interleaved, so that the pair that is turned together stands together, as a complex number."""
        import torch

        q, k, v = (self._matrix(at + name + "_proj", self.width, self.width) for name in "qkv")
        if self.is_esm2:
            halves = torch.arange(self.width).view(-1, 2, self.head_width // 2)
            order = halves.transpose(1, 2).reshape(-1)
            q, k = ((weight[order], bias[order]) for weight, bias in (q, k))
        weight, bias = (torch.cat(parts) for parts in zip(q, k, v))
        return self._linear(weight, bias)

    def contact(self, maps):
        name = "contact_head.regression"
        beside = self.path.with_name(self.path.stem + checkpoint.REGRESSION + ".pt")
        if name + ".weight" not in self.state and beside.is_file():
            self.state.update(checkpoint.read_regression(beside))
        if name + ".weight" not in self.state:
            return None
        weight, bias = self._matrix(name, 1, maps)
        return Linear(weight.float().t().to(self.device), bias.float().to(self.device))

    def rotary(self, name):
        if name in self.state:
            return self.plain(name, self.head_width // 2)
        import torch

        exponents = torch.arange(0, self.head_width, 2).float() / self.head_width
        return (1.0 / 10000**exponents).to(self.device)

    def norm(self, name):
        return Norm(self.plain(name + ".weight", self.width), self.plain(name + ".bias", self.width))

    def linear(self, name, rows, columns):
        return self._linear(*self._matrix(name, rows, columns))

    def plain(self, name, *shape):
        """A tensor in fp32."""
        return self.tensor(name, *shape).float().to(self.device)

    def tensor(self, name, *shape):
        """A tensor as it lies in the file. None in `shape`: any length."""
        value = self.state.get(name)
        if value is None or not hasattr(value, "shape"):
            self._refuse("it has no %s" % name)
        wanted = tuple(there if asked is None else asked for asked, there in zip(shape, value.shape))
        if len(shape) != value.dim() or tuple(value.shape) != wanted:
            said = " x ".join("any" if asked is None else str(asked) for asked in shape)
            self._refuse("%s is %s, not %s" % (name, " x ".join(map(str, value.shape)) or "a number", said))
        self.taken.add(name)
        return value

    def _matrix(self, name, rows, columns):
        return self.tensor(name + ".weight", rows, columns), self.tensor(name + ".bias", rows)

    def _linear(self, weight, bias):
        import torch

        kind = torch.bfloat16 if self.half else torch.float32
        return Linear(weight.to(self.device, kind).t(), bias.to(self.device, kind))

    def _shape(self):
        """Width, heads and layers."""
        width = self.tensor("embed_tokens.weight", None, None).shape[1]
        heads, described = self._whole("attention_heads"), self._whole("layers")
        found = {int(name.split(".")[1]) for name in self.state if re.match(r"layers\.\d+\.", name)}
        if described != len(found) or (found and max(found) + 1 != described):
            self._refuse("it describes %s layers and holds %d" % (described, len(found)))
        if width % heads or (self.is_esm2 and width // heads % 2):
            self._refuse("%s numbers cannot be divided among %s heads" % (width, heads))
        return width, heads, described

    def _whole(self, name):
        value = self._setting(name)
        if not isinstance(value, int) or value < 1:
            self._refuse("it says %r for its %s" % (value, name))
        return value

    def _setting(self, name, *default):
        for key in ("encoder_" + name, name):
            if hasattr(self.settings, key):
                return getattr(self.settings, key)
        if default:
            return default[0]
        return self._refuse("it does not say its %s" % name)

    def _has_norm_before(self):
        return not self.is_esm2 and "emb_layer_norm_before.weight" in self.state

    def _refuse(self, reason):
        raise checkpoint.CheckpointError(_NO_MODEL % (self.path, reason))
