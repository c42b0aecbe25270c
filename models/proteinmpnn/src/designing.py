"""Sequences for a backbone, drawn residue after residue."""

import torch
from backbones import NUMBER, decoding_order, generator, numbers, ranks
from selection import LETTERS
from structure import UNKNOWN

# Samples are drawn this many at a time, whether all are wanted or not: so that each is what it is by its seed alone,
# and does not change in the last digit of a probability, and so in a residue, with the number of its neighbours.
TOGETHER = 8


class Designer:
    """Draws sequences for one backbone.

    Args:
        fixed: places that keep their residues; so do those of chains that are not chosen.
        omit: letters that are never drawn. X is never drawn.
    """

    def __init__(self, network, backbone, temperature, fixed=(), omit=""):
        self._network = network
        self._backbone = backbone
        self._temperature = temperature
        self.is_free = [free and place not in fixed for place, free in enumerate(backbone.is_free)]
        self._omitted = torch.tensor([letter == UNKNOWN or letter in omit for letter in LETTERS])

    def draw(self, seed, samples):
        """Sequences over all places, and the mean of ln p of their drawn residues, at temperature 1, in their orders.

        Sample k is that of the seed `seed + k`, however many are drawn.
        """
        sequences, likelihoods = [], []
        for first in range(0, samples, TOGETHER):
            some, likely = self._draw([seed + first + number for number in range(TOGETHER)])
            sequences += some
            likelihoods += likely
        return sequences[:samples], likelihoods[:samples]

    def _draw(self, seeds):
        device = self._network.device
        sources = [generator(seed) for seed in seeds]
        orders = torch.stack([decoding_order(self.is_free, source) for source in sources])
        uniform = torch.stack(
            [torch.rand(len(self.is_free), generator=source, dtype=torch.float64) for source in sources]
        )
        native = numbers(self._backbone.complex.sequence).to(device)
        free = torch.tensor(self.is_free, device=device)
        drawn = self._network.sample(self._backbone.encoded, native, orders.to(device), free, self._drawing(uniform))
        log_p = self._network.log_probabilities(self._backbone.encoded, drawn, ranks(orders).to(device))
        likely = log_p.gather(2, drawn[..., None])[..., 0][:, free].double().mean(1)
        return ["".join(LETTERS[number] for number in row) for row in drawn.tolist()], likely.tolist()

    def _drawing(self, uniform):
        """By inversion: the first letter at which the cumulated probability passes the step's random number."""
        step = iter(uniform.T)

        def draw(logits):
            scaled = (logits.double().cpu() / self._temperature).masked_fill(self._omitted, float("-inf"))
            cumulated = scaled.softmax(-1).cumsum(-1)
            # Against rounding at the end of the sum, which then passes every number below 1.
            letters = torch.searchsorted(cumulated / cumulated[:, -1:], next(step)[:, None], right=True)[:, 0]
            return letters.to(logits.device)

        return draw

    def recovery(self, sequence):
        """The share of drawn residues that are those of the structure; None where that has no letter at any of them."""
        native = self._backbone.complex.sequence
        known = [
            place
            for place, free in enumerate(self.is_free)
            if free and native[place] in NUMBER and native[place] != UNKNOWN
        ]
        if not known:
            return None
        return sum(sequence[place] == native[place] for place in known) / len(known)
