"""The fast engine: our own forward pass over a checkpoint's weights, without padding and without what nobody asked for.

The arithmetic is that of fair-esm's ESM2 and ProteinBertModel (ESM-1b and ESM-1v); in fp32 the results differ in the
last digits. Sequences stand one behind the other in one stream of tokens, so that norms and matrix products meet
residues alone; attention goes by runs of sequences of one length.
"""

import tokens
import torch
import weights
from attention import Contacts, packed_attention, rotary_table, rotate
from outputs import cut
from packing import Budget
from stream import Stream
from torch.nn.functional import gelu, layer_norm

# What a token takes at most on its way: states, norm, queries to values, attention, and the wide middle, in fp32.
_STATES_A_TOKEN = 16
_FP32_BYTES = 4
# In bf16 a CPU's products go through oneDNN, which builds a program for each new number of rows.
_ROWS_MULTIPLE_BF16 = 64


class Fast:
    """A model, ready to compute.

    Args:
        path: the checkpoint.
        device: "cpu" or "cuda:0".
        precision: "fp32"; "tf32": fp32 with matrix products rounded (GPU); "bf16": matrices, products and attention in
            bf16, while the residual stream, norms, positions and embeddings stay in fp32.

    Raises:
        CheckpointError: the file cannot be used.
    """

    def __init__(self, path, device="cpu", precision="fp32"):
        self.name = path.stem
        self.device = device
        self.dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        self.weights = weights.load(path, device, half=precision == "bf16")
        self.layer_count = len(self.weights.layers)
        self.max_residues = self.weights.max_residues
        self.has_contacts = self.weights.contact is not None
        width = self.weights.width
        self.budget = Budget.from_free_memory(device, width, _STATES_A_TOKEN * _FP32_BYTES * width)
        self.rows_multiple = _ROWS_MULTIPLE_BF16 if precision == "bf16" and device == "cpu" else 1
        self._tables = self._rotary_tables()

    # ---------------------------------------------------------------------------------------------- what is asked of it

    def embed(self, rows, ask):
        """Yield one result a row (tokens as bytes), in order; rows that are equal are computed once."""
        results, seen = {}, {}
        for number, row in enumerate(rows):
            seen.setdefault(row, []).append(number)
        nxt = 0
        for batch in self.budget.batches(seen, len, lambda some: self._embedded(some, ask)):
            for row, result in batch:
                results.update(dict.fromkeys(seen[row], result))
            while nxt in results:
                yield results.pop(nxt)
                nxt += 1

    def log_probabilities_at(self, masked):
        """Yield the (33,) natural logs of the probabilities of all tokens at one place of each row.

        `masked` are (row, place) pairs, in any number.
        """
        for batch in self.budget.batches(masked, lambda pair: len(pair[0]), self._at_places):
            yield from batch

    def log_probabilities(self, rows):
        """Yield the (length, 33) natural logs of the probabilities of all tokens at all places of each row."""
        for batch in self.budget.batches(rows, len, self._everywhere):
            yield from batch

    # -------------------------------------------------------------------------------------------------- one batch of it

    @torch.inference_mode()
    def _embedded(self, rows, ask):
        """(row, result) pairs."""
        ordered = sorted(rows, key=len)
        stream = self._stream(ordered)
        contacts = Contacts(self.weights.contact, self.weights.heads) if ask.contacts else None
        only_bos = set(ask.embeddings) == {"bos"} and not (ask.logits or ask.contacts)
        states = self._forward(stream, self._needed(ask), contacts, stream.starts if only_bos else None)
        of_layers = [states[layer] for layer in ask.state_layers]
        means = [stream.means(state).cpu() for state in of_layers] if "mean" in ask.embeddings else []
        whole = [state.cpu() for state in of_layers] if "residue" in ask.embeddings else []
        first = [(state if only_bos else state[stream.starts]).cpu() for state in of_layers]
        logits = self._logits(states[self.layer_count]).cpu() if ask.logits else None
        results = []
        for number, (row, residues) in enumerate(zip(ordered, stream.residues)):
            result = cut(
                ask,
                [state[number] for state in means],
                [state[number] for state in first],
                [state[residues] for state in whole],
                logits[residues] if ask.logits else None,
                contacts.probabilities(number).cpu() if ask.contacts else None,
            )
            results.append((row, result))
        return results

    @torch.inference_mode()
    def _at_places(self, masked):
        order = sorted(range(len(masked)), key=lambda number: len(masked[number][0]))
        stream = self._stream([masked[number][0] for number in order])
        places = torch.tensor([masked[number][1] for number in order], device=self.device)
        states = self._forward(stream, {self.layer_count}, None, stream.starts + places)
        found = self._logits(states[self.layer_count]).log_softmax(-1).cpu()
        back = torch.empty_like(found)
        back[order] = found
        return back

    @torch.inference_mode()
    def _everywhere(self, rows):
        stream = self._stream(rows)
        states = self._forward(stream, {self.layer_count})
        found = self._logits(states[self.layer_count]).log_softmax(-1).cpu()
        return [found[residues.start - 1 : residues.stop + 1] for residues in stream.residues]

    # ------------------------------------------------------------------------------------------------------ the compute

    def _stream(self, rows):
        return Stream(rows, self.device, self.rows_multiple)

    def _needed(self, ask):
        return {*ask.state_layers, *([self.layer_count] if ask.logits else [])}

    def _forward(self, stream, wanted, contacts=None, only=None):
        """States by layer, fp32: (T, D), or (n, D) at the tokens `only`, one a sequence (without contacts).

        No layer above the last one that is wanted is computed, and that one at the tokens `only` alone.
        """
        model = self.weights
        x = stream.embedded(model)
        attend = packed_attention(stream.groups, model.heads, self.device, self.dtype)
        top = max(wanted, default=0)
        states = {0: _kept(x, only)} if 0 in wanted else {}
        for number, layer in enumerate(model.layers, 1):
            if number > top and contacts is None:
                break
            if number == top and only is not None:
                x, only = self._layer_at(layer, x, stream, attend, only), None
            else:
                found = self._attended(layer, x, stream, attend, contacts, number)
                if number == self.layer_count and number > top:  # its maps alone were wanted
                    break
                self._residual(x, found, layer.out)
                self._feed_forward(layer, x)
            if number == self.layer_count:
                x = self._norm(x, model.norm_after)
            if number in wanted:
                states[number] = x if number == top and contacts is None else _kept(x, only)
        return states

    def _attended(self, layer, x, stream, attend, contacts, number):
        """(T, D): the attention's answer; its maps are added to `contacts` where these are wanted."""
        qkv = self._product(self._inner_norm(x, layer.attention_norm), layer.qkv)
        self._rotate(qkv[:, : 2 * self.weights.width], layer, stream.places)
        if contacts is None:
            return attend(qkv)
        return attend.with_maps(qkv, lambda one, maps: contacts.add(number - 1, one, maps))

    def _layer_at(self, layer, x, stream, attend, only):
        """What the layer makes of the tokens `only`, (n, D)."""
        width = self.weights.width
        normed = self._inner_norm(x, layer.attention_norm)
        kv = torch.addmm(layer.qkv.bias[width:], normed, layer.qkv.weight[:, width:])
        queries = torch.addmm(layer.qkv.bias[:width], normed[only], layer.qkv.weight[:, :width])
        self._rotate(kv[:, :width], layer, stream.places)
        self._rotate(queries, layer, stream.places[only])
        x = x[only]
        self._residual(x, attend.of_one_token(queries, kv), layer.out)
        self._feed_forward(layer, x)
        return x

    def _feed_forward(self, layer, x):
        wide = self._product(self._inner_norm(x, layer.forward_norm), layer.up)
        torch.ops.aten.gelu_(wide)
        self._residual(x, wide, layer.down)

    def _rotate(self, states, layer, places):
        if layer.inverse_frequencies is not None:
            rotate(states, self._tables[id(layer)][places][:, None])

    def _product(self, x, linear):
        return torch.addmm(linear.bias, x, linear.weight)

    def _residual(self, x, found, linear):
        """Add a projection to the residual stream, in place."""
        if self.dtype == torch.float32:
            x.add_(linear.bias).addmm_(found, linear.weight)
        else:
            x.add_(self._product(found, linear))

    def _norm(self, x, norm):
        return layer_norm(x, (self.weights.width,), norm.weight, norm.bias)

    def _inner_norm(self, x, norm):
        return self._norm(x, norm).to(self.dtype)

    def _logits(self, x):
        """(n, D) to (n, 33), in fp32."""
        model = self.weights
        hidden = gelu(self._product(x.to(self.dtype), model.head_dense).float())
        return torch.addmm(model.head_bias, self._norm(hidden, model.head_norm), model.embedding.t())

    def _rotary_tables(self):
        """A layer's table by the layer's identity; equal ones, as they all are, stand once."""
        tables, of_layer = {}, {}
        for layer in self.weights.layers:
            if layer.inverse_frequencies is not None:
                key = tuple(layer.inverse_frequencies.tolist())
                if key not in tables:
                    tables[key] = rotary_table(layer.inverse_frequencies, tokens.MAX_RESIDUES + tokens.ENDS)
                of_layer[id(layer)] = tables[key]
        return of_layer


def _kept(x, only):
    """A copy that stays as it is while `x` goes on."""
    return x.clone() if only is None else x[only]
