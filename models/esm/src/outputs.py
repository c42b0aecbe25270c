"""What is asked of an engine, and the result of one sequence as a user gets it."""

from collections import namedtuple


class Ask(namedtuple("Ask", "layers embeddings logits contacts")):
    """What is wanted of each sequence.

    Attributes:
        layers: whose states the embeddings are: 0, what goes into the first layer, to the number of layers.
        embeddings: which of "mean", "bos" and "residue".
        logits, contacts: whether these are wanted too.
    """

    __slots__ = ()

    @property
    def state_layers(self):
        """The layers whose states are needed; none where no embedding is."""
        return self.layers if self.embeddings else ()


def cut(ask, means, bos, residues, logits=None, contacts=None):
    """One sequence's result.

    Args:
        means, bos: a (D,) tensor a layer asked for.
        residues: a (L, D) tensor a layer asked for.
        logits: (L, 33).
        contacts: (L, L).
    """
    result = {}
    if "mean" in ask.embeddings:
        result["embedding"] = _joined(means)
    if "bos" in ask.embeddings:
        result["bos_embedding"] = _joined(bos)
    if "residue" in ask.embeddings:
        result["residue_embeddings"] = _joined(residues)
    if ask.logits:
        result["logits"] = logits
    if ask.contacts:
        result["contacts"] = contacts
    return result


def _joined(of_layers):
    """One layer as it is; several along a new first axis, in the order in which they were asked for."""
    if len(of_layers) == 1:
        return of_layers[0]
    import torch

    return torch.stack(of_layers)
