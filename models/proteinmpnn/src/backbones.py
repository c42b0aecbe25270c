"""Structures as tensors, each encoded once, and the orders in which their residues are decoded."""

import dataclasses
import hashlib
from collections import OrderedDict

import torch
from selection import LETTERS, choose
from structure import ATOMS, UNKNOWN, StructureError, read_structure

NUMBER = {letter: number for number, letter in enumerate(LETTERS)}
KEPT = 8  # encoded structures that are kept for records to come
KEPT_RESIDUES = 10000
CHAIN_STEP = 100  # between the positions of two chains, as in the published code


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A complex that a network has encoded.

    `mask` says for each place whether the model sees its backbone, `is_free` whether it is also in a chosen chain.
    """

    complex: object
    encoded: object
    mask: tuple
    is_free: tuple

    def is_scored(self, sequence):
        """For each place whether the likelihood of its residue counts: there are atoms and a letter for it."""
        return [free and letter != UNKNOWN for free, letter in zip(self.is_free, sequence)]


class Backbones:
    """Reads structures and encodes them; keeps the last ones."""

    def __init__(self, network):
        self._network = network
        self._kept = OrderedDict()

    def get(self, text, chains=None):
        """The backbone of a structure with these chains chosen. Raises StructureError."""
        wanted = chains if chains is None or isinstance(chains, str) else ",".join(chains)
        key = hashlib.sha256(text.encode()).digest(), wanted
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        backbone = self._encode(choose(read_structure(text), chains))
        self._kept[key] = backbone
        while len(self._kept) > 1 and (len(self._kept) > KEPT or self._residues() > KEPT_RESIDUES):
            self._kept.popitem(last=False)
        return backbone

    def _residues(self):
        return sum(len(backbone.mask) for backbone in self._kept.values())

    def _encode(self, complex_):
        residues = complex_.residues
        needed = ("CA",) if self._network.ca_only else ATOMS
        mask = tuple(all(name in residue.atoms for name in needed) for residue in residues)
        is_free = tuple(seen and chosen for seen, chosen in zip(mask, complex_.is_chosen()))
        if not any(is_free):
            raise StructureError(
                "no residue of chain %s has all of the atoms %s" % (", ".join(complex_.chosen), ", ".join(needed))
            )
        if self._network.ca_only and len(residues) < 3:
            raise StructureError("models of CA atoms need three residues; the structure has %d" % len(residues))
        number = [place for place, chain in enumerate(complex_.chains) for _ in chain.residues]
        device = self._network.device
        chain = torch.tensor(number, device=device)
        nothing = (0.0, 0.0, 0.0)
        atoms = torch.tensor([[residue.atoms.get(name, nothing) for name in ATOMS] for residue in residues])
        index = torch.arange(len(residues), device=device) + CHAIN_STEP * chain
        encoded = self._network.encode(
            atoms.float().to(device), torch.tensor(mask, dtype=torch.float32, device=device), index, chain
        )
        return Backbone(complex_, encoded, mask, is_free)


def numbers(sequence):
    """Letters as a tensor."""
    return torch.tensor([NUMBER[letter] for letter in sequence])


def generator(seed):
    return torch.Generator().manual_seed(seed)


def decoding_order(is_late, source):
    """Places in the order of decoding: first those that are not late, and both kinds shuffled.

    On the CPU for all devices, so that a seed means one order; the published code's with `torch.manual_seed(seed)`.
    """
    noise = torch.randn(1, len(is_late), generator=source)[0].abs()
    return torch.argsort((torch.tensor(is_late, dtype=torch.float32) + 0.0001) * noise)


def ranks(order):
    """When each place is decoded: the inverse of an order."""
    return torch.argsort(order, dim=-1)
