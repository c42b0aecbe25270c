"""Which chains and residues of a structure are meant, and the order in which the model sees them."""

import dataclasses
import re

from structure import UNKNOWN, StructureError

_RANGE = re.compile(r"(?:(?P<chain>[^:\s]+):)?(?P<first>-?\d+[A-Za-z]?)(?:-(?P<last>-?\d+[A-Za-z]?))?")
LETTERS = "ACDEFGHIKLMNPQRSTVWY" + UNKNOWN  # in the order of the model's outputs


@dataclasses.dataclass(frozen=True)
class Complex:
    """All chains in the order of the published code: those that are designed or scored first, each sort by name."""

    chains: tuple
    chosen: tuple

    @property
    def residues(self):
        return [residue for chain in self.chains for residue in chain.residues]

    @property
    def sequence(self):
        return "".join(chain.sequence for chain in self.chains)

    @property
    def starts(self):
        """Where each chain begins, by name."""
        starts, at = {}, 0
        for chain in self.chains:
            starts[chain.name] = at
            at += len(chain.residues)
        return starts

    def span(self, name):
        """The places of a chain."""
        start = self.starts[name]
        return range(start, start + len(self.chain(name).residues))

    def chain(self, name):
        return next(chain for chain in self.chains if chain.name == name)

    def is_chosen(self):
        """For each place whether its chain is a chosen one."""
        return [chain.name in self.chosen for chain in self.chains for _ in chain.residues]

    def joined(self, sequence):
        """The chosen chains of a sequence over all places, with `/` between chains, as the published code writes it."""
        return "/".join("".join(sequence[place] for place in self.span(name)) for name in self.chosen)

    def split(self, joined):
        """The other way round: letters over all places, where the others have their own.

        Raises:
            StructureError: another number of chains, another length, or a letter that is no amino acid.
        """
        parts = joined.split("/")
        if len(parts) != len(self.chosen):
            raise StructureError(
                "the sequence has %d chains (between `/`) and %d are chosen: %s"
                % (len(parts), len(self.chosen), ", ".join(self.chosen))
            )
        letters = list(self.sequence)
        for name, part in zip(self.chosen, parts):
            places = self.span(name)
            if len(part) != len(places):
                raise StructureError(
                    "the sequence has %d residues for chain %s, which has %d places (gaps in its numbers count)"
                    % (len(part), name, len(places))
                )
            for position, (place, letter) in enumerate(zip(places, part), 1):
                if letter not in LETTERS:
                    raise StructureError(
                        "position %d of the sequence holds %r, which is no amino acid" % (position, letter)
                    )
                letters[place] = letter
        return "".join(letters)


def choose(chains, wanted):
    """The complex with these chains chosen; without a choice all of them.

    Args:
        wanted: names, or text with names between commas, or None.

    Raises:
        StructureError: there is no such chain, or it is named twice.
    """
    names = _names(wanted) or list(chains)
    for name in names:
        if name not in chains:
            raise StructureError("the structure has no chain %r: it has %s" % (name, ", ".join(chains)))
        if names.count(name) > 1:
            raise StructureError("chain %r is named twice" % name)
    chosen = sorted(names)
    others = [name for name in chains if name not in names]
    return Complex(tuple(chains[name] for name in chosen + others), tuple(chosen))


def _names(wanted):
    if wanted is None:
        return []
    names = wanted.split(",") if isinstance(wanted, str) else list(wanted)
    return [name.strip() for name in names]


def fixed_places(complex_, fixed):
    """The places that ranges such as `A:10-25`, `A:7` or `10-25` (where one chain is chosen) name.

    Raises:
        StructureError: what is no range, or names a residue that is not there.
    """
    places = set()
    ranges = fixed.split(",") if isinstance(fixed, str) else fixed or []
    for text in ranges:
        match = _RANGE.fullmatch(text.strip())
        if match is None:
            raise StructureError("%r names no fixed residues: write A:10-25, or A:10" % text)
        chain = _chain_of(complex_, match.group("chain"), text)
        start = complex_.starts[chain.name]
        first = _place(chain, match.group("first"), text)
        last = _place(chain, match.group("last") or match.group("first"), text)
        if last < first:
            raise StructureError("the fixed residues %r end before they begin" % text)
        places.update(range(start + first, start + last + 1))
    return places


def _chain_of(complex_, name, text):
    if name is None and len(complex_.chosen) > 1:
        raise StructureError("the fixed residues %r could be of %s: write A:10-25" % (text, ", ".join(complex_.chosen)))
    name = name or complex_.chosen[0]
    if name not in complex_.chosen:
        raise StructureError("the fixed residues %r: %r is none of the chosen chains" % (text, name))
    return complex_.chain(name)


def _place(chain, number, text):
    place = chain.place(number)
    if place is None:
        numbers = [residue.number for residue in chain.residues if residue.exists]
        raise StructureError(
            "the fixed residues %r: chain %s has no residue %s (it has %s to %s)"
            % (text, chain.name, number, numbers[0], numbers[-1])
        )
    return place
