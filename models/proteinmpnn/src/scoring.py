"""What the model thinks of sequences on a backbone."""

import torch
from backbones import decoding_order, generator, numbers, ranks

TOGETHER = 64  # sequences whose probabilities are in memory together


class Scorer:
    """Likelihoods on one backbone.

    Probabilities depend on the order in which residues are decoded: logarithms are averaged over `orders` of them,
    those of the seeds `seed`, `seed + 1`, ... All sequences are seen in the same orders.
    """

    def __init__(self, network, backbone, seed=0, orders=1):
        self._network = network
        self._backbone = backbone
        self._seeds = range(seed, seed + orders)

    def residues(self, sequences):
        """ln p of the residue at each place, given the backbone and what is decoded before: (n, L) float64."""
        found = [self._residues(sequences[at : at + TOGETHER]) for at in range(0, len(sequences), TOGETHER)]
        return torch.cat(found)

    def _residues(self, sequences):
        letters = torch.stack([numbers(sequence) for sequence in sequences]).to(self._network.device)
        total = 0
        for seed in self._seeds:
            rank = ranks(decoding_order(self._backbone.is_free, generator(seed))).to(letters.device)
            log_p = self._network.log_probabilities(self._backbone.encoded, letters, rank.expand(len(letters), -1))
            total = total + log_p.gather(2, letters[..., None])[..., 0].double()
        return (total / len(self._seeds)).cpu()

    def unconditional(self):
        """ln p of all letters at each place, given the backbone alone: (L, 21) float64."""
        length = len(self._backbone.mask)
        nothing = torch.zeros(1, length, dtype=torch.long, device=self._network.device)
        return self._network.log_probabilities(self._backbone.encoded, nothing, nothing)[0].double().cpu()

    def conditional(self, sequence, places):
        """ln p of all letters at some places, each given the backbone and all other residues: (n, 21) float64."""
        found = [self._conditional(sequence, places[at : at + TOGETHER]) for at in range(0, len(places), TOGETHER)]
        return torch.cat(found) if found else torch.zeros(0, 21, dtype=torch.float64)

    def _conditional(self, sequence, places):
        letters = numbers(sequence).to(self._network.device).expand(len(places), -1)
        each = torch.arange(len(places), device=letters.device)
        at = torch.tensor(places, device=letters.device)
        total = 0
        for seed in self._seeds:
            rank = torch.stack([self._rank_with_last(place, seed) for place in places]).to(letters.device)
            log_p = self._network.log_probabilities(self._backbone.encoded, letters, rank)
            total = total + log_p[each, at].double()
        return (total / len(self._seeds)).cpu()

    def _rank_with_last(self, place, seed):
        return ranks(decoding_order([other == place for other in range(len(self._backbone.mask))], generator(seed)))

    def mutants(self, strategy, wild_type, changes):
        """ln p of mutants less that of the wild type, summed over residues: (n,) float64.

        Args:
            strategy: "likelihood": of all scored residues, mutant and wild type decoded in the same orders;
                "conditional", "unconditional": of the changed residues alone, as the methods of these names have it.
            wild_type: letters over all places.
            changes: `{place: letter}` of each mutant.
        """
        if strategy == "likelihood":
            return self._likelihood_ratios(wild_type, changes)
        places = sorted({place for change in changes for place in change})
        if strategy == "conditional":
            table = dict(zip(places, self.conditional(wild_type, places)))
        else:
            table = dict(enumerate(self.unconditional()))
        return torch.tensor([_log_odds(table, wild_type, change) for change in changes], dtype=torch.float64)

    def _likelihood_ratios(self, wild_type, changes):
        scored = torch.tensor(self._backbone.is_scored(wild_type))
        sequences = [_changed(wild_type, change) for change in changes]
        distinct = sorted(set(sequences) - {wild_type})
        of_wild_type = self.residues([wild_type])[0]
        scores = {wild_type: 0.0}
        for at in range(0, len(distinct), TOGETHER):
            some = distinct[at : at + TOGETHER]
            ratios = (self.residues(some) - of_wild_type)[:, scored].sum(1)
            scores.update(zip(some, ratios.tolist()))
        return torch.tensor([scores[sequence] for sequence in sequences], dtype=torch.float64)


def _changed(sequence, change):
    letters = list(sequence)
    for place, letter in change.items():
        letters[place] = letter
    return "".join(letters)


def _log_odds(table, wild_type, change):
    total = 0.0
    for place, letter in change.items():
        mutant, before = numbers(letter + wild_type[place])
        total += float(table[place][mutant] - table[place][before])
    return total
