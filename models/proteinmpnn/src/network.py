"""ProteinMPNN: an encoder of backbones and a decoder of sequences, over the published weights.

The same function as the published code computes, arranged so that many sequences share one backbone: what depends on
the backbone alone is computed once, and the parts of a matrix product whose inputs repeat are taken out of the loop
over pairs. In fp32 the two differ in the last digits (the tests hold them within 2e-5).
"""

import dataclasses

import features
import torch
from torch.nn import functional

WIDTH = 128
LAYERS = 3
SCALE = 30.0  # messages of the neighbours are added up and divided by this, however many there are
# Floats of one intermediate of the decoder: what fits into caches of a CPU, and what keeps a GPU busy.
PAIR_FLOATS = {"cpu": 1 << 21, "cuda": 1 << 28}


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A backbone as the decoder needs it. L residues, K neighbours.

    `edge` and `unseen`, one (L, K, 128) a layer: what a pair adds where the neighbour's letter is known, and where not.
    """

    nodes: object  # (L, 128)
    places: object  # (L, K)
    mask: object  # (L,) 1 where the backbone is complete
    edge: tuple
    unseen: tuple


class Network:
    """The weights of one variant, on a device."""

    def __init__(self, path, device):
        checkpoint = torch.load(path, map_location=device, weights_only=True)
        self.weights = {name: value.float() for name, value in checkpoint["model_state_dict"].items()}
        self.most_neighbours = int(checkpoint["num_edges"])
        self.ca_only = "features.node_embedding.weight" in self.weights
        self.device = torch.device(device)
        for layer in range(LAYERS):
            self._take_apart("decoder_layers.%d.W1" % layer)

    def _take_apart(self, name):
        """The first matrix acts on [residue, pair, neighbour's letter, neighbour]: four matrices."""
        own, pair, letter, other = self.weights[name + ".weight"].split(WIDTH, dim=1)
        letters = self.weights["W_s.weight"] @ letter.T  # of 21 letters, so a table
        self.weights.update(
            {name + ".own": own, name + ".pair": pair, name + ".letters": letters, name + ".other": other}
        )

    # -------------------------------------------------------------------------------------------------------- encoder

    @torch.inference_mode()
    def encode(self, coordinates, mask, index, chain):
        """A backbone: coordinates (L, 4, 3) with zeros for missing atoms, mask, positions, numbers of chains (L,)."""
        weights = self.weights
        pairs, places = features.edges(weights, coordinates, mask, index, chain, self.most_neighbours, self.ca_only)
        pairs = functional.linear(pairs, weights["W_e.weight"], weights["W_e.bias"])
        nodes = torch.zeros(len(mask), WIDTH, device=self.device)
        seen = (mask[:, None] * mask[places])[..., None]
        for layer in range(LAYERS):
            nodes, pairs = self._encoder_layer("encoder_layers.%d." % layer, nodes, pairs, places, mask, seen)
        edge, unseen = [], []
        for layer in range(LAYERS):
            name = "decoder_layers.%d.W1" % layer
            edge.append(pairs @ weights[name + ".pair"].T)
            unseen.append(edge[-1] + (nodes @ weights[name + ".other"].T)[places])
        return Encoded(nodes, places, mask, tuple(edge), tuple(unseen))

    def _encoder_layer(self, name, nodes, pairs, places, mask, seen):
        message = self._messages(name, ("W1", "W2", "W3"), nodes, pairs, places)
        nodes = self._norm(name + "norm1", nodes + (seen * message).sum(1) / SCALE)
        nodes = self._norm(name + "norm2", nodes + self._feed_forward(name, nodes)) * mask[:, None]
        message = self._messages(name, ("W11", "W12", "W13"), nodes, pairs, places)
        return nodes, self._norm(name + "norm3", pairs + message)

    def _messages(self, name, matrices, nodes, pairs, places):
        own = nodes[:, None].expand(-1, places.shape[1], -1)
        states = torch.cat([own, pairs, nodes[places]], -1)
        first, second, third = (name + matrix for matrix in matrices)
        states = functional.gelu(self._linear(first, states))
        return self._linear(third, functional.gelu(self._linear(second, states)))

    # -------------------------------------------------------------------------------------------------------- decoder

    @torch.inference_mode()
    def log_probabilities(self, encoded, letters, ranks):
        """ln p of all 21 letters at each residue, given those that come before it in its sequence's order.

        Args:
            letters: (B, L) numbers of letters.
            ranks: (B, L) when each residue is decoded.

        Returns:
            (B, L, 21) float32.
        """
        length, count = encoded.places.shape
        together = max(1, PAIR_FLOATS[self.device.type] // (length * count * WIDTH))
        parts = [
            self._decode(encoded, letters[start : start + together], ranks[start : start + together])
            for start in range(0, len(letters), together)
        ]
        return torch.cat(parts)

    def _decode(self, encoded, letters, ranks):
        batch, places = len(letters), encoded.places
        earlier = (ranks[:, places] < ranks[:, :, None])[..., None]  # (B, L, K, 1)
        nodes = encoded.nodes.expand(batch, -1, -1)
        for layer in range(LAYERS):
            name = "decoder_layers.%d." % layer
            known = self._table(name)[letters] + nodes @ self.weights[name + "W1.other"].T  # (B, L, 128)
            pairs = torch.where(earlier, known[:, places] + encoded.edge[layer], encoded.unseen[layer])
            nodes = self._decoder_layer(name, nodes, pairs) * encoded.mask[:, None]
        return self._linear("W_out", nodes).log_softmax(-1)

    def _table(self, name):
        return self.weights[name + "W1.letters"]

    def _decoder_layer(self, name, nodes, pairs):
        """nodes (..., 128) and what their K pairs add to the first product, (..., K, 128) -> nodes."""
        own = functional.linear(nodes, self.weights[name + "W1.own"], self.weights[name + "W1.bias"])
        states = functional.gelu(pairs + own[..., None, :])
        states = functional.gelu(self._linear(name + "W2", states))
        # The last matrix after the sum over neighbours: it is linear.
        count = pairs.shape[-2]
        message = states.sum(-2) @ self.weights[name + "W3.weight"].T + count * self.weights[name + "W3.bias"]
        nodes = self._norm(name + "norm1", nodes + message / SCALE)
        return self._norm(name + "norm2", nodes + self._feed_forward(name, nodes))

    @torch.inference_mode()
    def sample(self, encoded, letters, order, is_free, draw):
        """Decode residue after residue.

        Args:
            letters: (L,) what the residues that are not free have.
            order: (B, L) places in the order of decoding, for each sample its own.
            is_free: (L,) which residues are drawn.
            draw: called once a step with logits (B, 21); gives letters (B,).

        Returns:
            (B, L) letters.
        """
        batch, length = order.shape
        each = torch.arange(batch, device=self.device)
        result = letters.expand(batch, -1).clone()
        decoded = torch.zeros(batch, length, dtype=torch.bool, device=self.device)
        # For each layer what it takes from a residue once that is decoded.
        known = [torch.zeros(batch, length, WIDTH, device=self.device) for _ in range(LAYERS)]
        for step in range(length):
            place = order[:, step]
            around = encoded.places[place]  # (B, K)
            earlier = decoded.gather(1, around)[..., None]
            nodes, entering = encoded.nodes[place], []
            for layer in range(LAYERS):
                name = "decoder_layers.%d." % layer
                entering.append(nodes)
                heard = known[layer][each[:, None], around] + encoded.edge[layer][place]
                pairs = torch.where(earlier, heard, encoded.unseen[layer][place])
                nodes = self._decoder_layer(name, nodes, pairs) * encoded.mask[place][:, None]
            chosen = draw(self._linear("W_out", nodes))
            result[each, place] = torch.where(is_free[place], chosen, result[each, place])
            for layer, nodes in enumerate(entering):
                name = "decoder_layers.%d." % layer
                news = self._table(name)[result[each, place]] + nodes @ self.weights[name + "W1.other"].T
                known[layer][each, place] = news
            decoded[each, place] = True
        return result

    # ---------------------------------------------------------------------------------------------------------- parts

    def _linear(self, name, values):
        return functional.linear(values, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _norm(self, name, values):
        return functional.layer_norm(values, (WIDTH,), self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _feed_forward(self, name, nodes):
        return self._linear(name + "dense.W_out", functional.gelu(self._linear(name + "dense.W_in", nodes)))
