"""Effects of mutations, from the probabilities that the model gives to amino acids (Meier et al. 2021).

- masked-marginals: ln p(mutant) - ln p(wild type) at each mutated position, that position masked; summed over them
- wt-marginals: the same from one pass over the wild type, nothing masked
- pseudo-ppl: the sum over all residues of the mutated sequence of ln p(residue), that residue masked

Probabilities are among all 33 tokens, as in fair-esm and ProteinGym. A protein that is longer than the model's window
is seen through windows (windows.py).
"""

import re
from collections import Counter

import tokens
import torch
import windows

MARGINALS = ("masked-marginals", "wt-marginals")

_NAME = re.compile(r"([A-Z])(-?[0-9]{1,9})([A-Z])")
_AMINO_ACIDS = [tokens.IDS[letter] for letter in tokens.AMINO_ACIDS]


class Scorer:
    """Scores of mutants, and log-odds of all substitutions.

    Args:
        engine: `Fast` or `Reference`.
    """

    def __init__(self, engine):
        self.engine = engine
        self.window = engine.max_residues + tokens.ENDS

    def score(self, records, strategy, offset=1, wild_type=None):
        """Yield a result a record, in order, or an exception in its place.

        A record has `sequence`, the wild type (or else `wild_type` is it), and may have `mutant`: a name (`A42G`,
        `A42G:L56M`), a mutated sequence, or a list of these. The result then has `mutant` and `score`, or `scores` for
        a list; without `mutant` it has `log_odds`, (L, 20), or for pseudo-ppl the `score` of the sequence itself.

        Each position of a wild type is computed once, however many of the records need it.
        """
        read = [self._read(record, strategy, offset, wild_type) for record in records]
        good = [one for one in read if not isinstance(one, Exception)]
        if strategy == "pseudo-ppl":
            scores = self._pseudo_log_likelihoods([row for one in good for row in one.rows()])
            results = (one.from_likelihoods(scores) for one in good)
        else:
            found = self._masked(good) if strategy == "masked-marginals" else self._unmasked(good)
            results = _one_by_one(good, found)
        for one in read:
            yield one if isinstance(one, Exception) else next(results)

    def _read(self, record, strategy, offset, wild_type):
        try:
            sequence = record.get("sequence") or wild_type or ""
            row = tokens.encode(sequence, self.engine.name, max_residues=None)
            given = record.get("mutant")
            if given is None:
                return _Scan(row)
            names = given if isinstance(given, list) else [given]
            same_length = strategy in MARGINALS
            mutants = [_mutated(row, name, offset, self.engine.name, same_length) for name in names]
        except ValueError as error:
            return error
        return _Mutants(row, mutants, given)

    # ---------------------------------------------------------------------------------------------------- probabilities

    def _masked(self, asked):
        """Yield (row, {place: (33,)}) a wild type, in order: each place that is needed, masked, once."""
        needed = {}
        for one in asked:
            needed.setdefault(one.row, set()).update(one.places())
        values = self._masked_one_by_one((row, place) for row, places in needed.items() for place in sorted(places))
        for row, places in needed.items():
            yield row, {place: next(values) for place in sorted(places)}

    def _masked_one_by_one(self, pairs):
        """Yield the (33,) of each (row, place), seen through the window that suits it best."""
        return self.engine.log_probabilities_at(self._mask(row, place) for row, place in pairs)

    def _mask(self, row, place):
        """The window round a place with the place masked, and where in it that is."""
        start, end = windows.optimal_window(place, len(row), self.window)
        return row[start:place] + bytes([tokens.MASK]) + row[place + 1 : end], place - start

    def _unmasked(self, asked):
        """Yield (row, (length, 33)) a wild type, in order: one pass a window."""
        rows = list(dict.fromkeys(one.row for one in asked))
        starts = [windows.overlapping_windows(len(row), self.window) for row in rows]
        cuts = (row[start : start + self.window] for row, mine in zip(rows, starts) for start in mine)
        parts = self.engine.log_probabilities(cuts)
        for row, mine in zip(rows, starts):
            yield row, self._joined(len(row), mine, parts)

    def _joined(self, length, starts, parts):
        """The weighted mean of windows, the next ones of `parts`."""
        if len(starts) == 1:
            return next(parts)
        weights = torch.tensor(windows.window_weights(self.window))[:, None]
        total, weight = torch.zeros(length, len(tokens.TOKENS)), torch.zeros(length, 1)
        for start in starts:
            total[start : start + self.window] += next(parts) * weights
            weight[start : start + self.window] += weights
        return total / weight

    def _pseudo_log_likelihoods(self, rows):
        """{row: sum over the residues of ln p(residue), that residue masked}."""
        sums = dict.fromkeys(rows, 0.0)
        found = self._masked_one_by_one((row, place) for row in sums for place in _residues(row))
        for row in sums:
            sums[row] = sum(next(found)[row[place]].item() for place in _residues(row))
        return sums


def _one_by_one(asked, found):
    """Yield the result of each that is asked for. `found` has what each wild type needs, in the order in which they
    first come; it is held until the last one that has that wild type, as all of a batch's may be much."""
    left, held = Counter(one.row for one in asked), {}
    for one in asked:
        if one.row not in held:
            row, values = next(found)
            held[row] = values
        yield one.from_log_probabilities(held[one.row])
        left[one.row] -= 1
        if not left[one.row]:
            del held[one.row]


def _residues(row):
    """The places of the residues: without BOS and EOS."""
    return range(1, len(row) - 1)


class _Mutants:
    """The mutants of one record, as substitutions of a wild type."""

    def __init__(self, row, mutants, given):
        self.row = row
        self.mutants = mutants
        self.given = given

    def rows(self):
        return [mutant.row for mutant in self.mutants]

    def places(self):
        return {place for mutant in self.mutants for place in mutant.places}

    def from_log_probabilities(self, found):
        return self._result([self._marginal(mutant, found) for mutant in self.mutants])

    def from_likelihoods(self, sums):
        return self._result([sums[mutant.row] for mutant in self.mutants])

    def _marginal(self, mutant, found):
        changes = ((place, mutant.row[place], self.row[place]) for place in mutant.places)
        return sum((found[place][new] - found[place][old]).item() for place, new, old in changes)

    def _result(self, scores):
        if isinstance(self.given, list):
            return {"scores": torch.tensor(scores, dtype=torch.float64)}
        return {"mutant": self.given, "score": float(scores[0])}


class _Scan:
    """All substitutions of one sequence."""

    def __init__(self, row):
        self.row = row

    def rows(self):
        return [self.row]

    def places(self):
        return _residues(self.row)

    def from_log_probabilities(self, found):
        values = torch.stack([found[place] for place in self.places()])
        own = torch.tensor(list(self.row[1:-1]))[:, None]
        return {"log_odds": values[:, _AMINO_ACIDS] - values.gather(1, own)}

    def from_likelihoods(self, sums):
        return {"score": sums[self.row]}


class _Mutated:
    def __init__(self, row, places):
        self.row = row
        self.places = places


def _mutated(row, mutant, offset, model, same_length):
    """One mutant of `row`, given by its name or as a sequence. Raises ValueError."""
    if any(letter.isdigit() for letter in mutant):
        return _substituted(row, mutant, offset)
    mine = tokens.encode(mutant, model, max_residues=None)
    if len(mine) != len(row):
        if same_length:
            message = "the mutated sequence has %d residues and the wild type %d: only pseudo-ppl scores these"
            raise ValueError(message % (len(mine) - tokens.ENDS, len(row) - tokens.ENDS))
        return _Mutated(mine, [])
    return _Mutated(mine, [place for place in range(len(row)) if row[place] != mine[place]])


def _substituted(row, mutant, offset):
    changed, places = bytearray(row), []
    for part in mutant.split(":"):
        match = _NAME.fullmatch(part)
        if match is None or not {match[1], match[3]} <= tokens.LETTERS.keys():
            raise ValueError("%r is no substitution such as A42G" % part)
        place = int(match[2]) - offset + 1  # BOS stands at 0
        if not 1 <= place <= len(row) - tokens.ENDS:
            message = "%s is out of range: positions go from %d to %d"
            raise ValueError(message % (part, offset, offset + len(row) - tokens.ENDS - 1))
        if row[place] != tokens.IDS[match[1]]:
            raise ValueError("%s: the wild type has %s there" % (part, tokens.TOKENS[row[place]]))
        if place in places:
            raise ValueError("%s names one position twice" % mutant)
        changed[place] = tokens.IDS[match[3]]
        places.append(place)
    return _Mutated(bytes(changed), places)
