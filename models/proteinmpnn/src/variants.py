"""Mutants by name or by sequence, and the places of a structure that they change."""

import dataclasses
import re

from structure import AMINO_ACIDS, UNKNOWN, StructureError

_SUBSTITUTION = re.compile(r"([A-Z])(-?\d+[a-z]?)([A-Z*-])|([A-Z])(-?\d+[A-Z])([A-Z*-])")


@dataclasses.dataclass(frozen=True)
class WildType:
    """What mutants are named after: a sequence, and where its residues are in each of the chains that have it.

    Attributes:
        letters: one a residue of the numbering.
        numbers: how names of mutants call them, in order.
        places: for each chain that is mutated, the place in the complex of each residue; None where it is not resolved.
        sequence: over all places of the complex, with the wild type's letters in.
    """

    letters: str
    numbers: tuple
    places: tuple
    sequence: str


def own_wild_type(complex_):
    """The structure's own: the one chosen chain, numbered as in the file.

    Raises:
        StructureError: several chains are chosen.
    """
    if len(complex_.chosen) > 1:
        raise StructureError(
            "mutants could be of chain %s: choose one with chains, or give the wild type" % ", ".join(complex_.chosen)
        )
    span = complex_.span(complex_.chosen[0])
    residues = complex_.chain(complex_.chosen[0]).residues
    numbers = tuple(residue.number for residue in residues)
    return WildType("".join(residue.letter for residue in residues), numbers, (tuple(span),), complex_.sequence)


def placed_wild_type(complex_, wild_type, offset=1, mismatches=0, copies="first"):
    """A wild type whose residues count from `offset`, on the chosen chains that it fits.

    It is laid on a chain by the chain's own numbers, or else wherever it fits best. Residues of the chain before or
    after the wild type stay as they are; residues that differ, up to `mismatches`, take the wild type's letter.

    Args:
        copies: "first": the chain that it fits best; "all": also the others that it fits.

    Raises:
        StructureError: it holds what is no amino acid, or fits no chain.
    """
    for position, letter in enumerate(wild_type, offset):
        if letter not in AMINO_ACIDS:
            raise StructureError("position %d of the wild type holds %r, which is no amino acid" % (position, letter))
    if not wild_type:
        raise StructureError("the wild type is empty")
    fits = {name: _best_fit(complex_.chain(name), wild_type, offset) for name in complex_.chosen}
    best = max(complex_.chosen, key=lambda name: fits[name].matches)
    if len(fits[best].wrong) > mismatches:
        raise StructureError(_unfit(best, fits[best], offset, mismatches))
    fitting = [best] if copies == "first" else [name for name in fits if _is_copy(fits[name], fits[best], mismatches)]
    letters, placed = list(complex_.sequence), []
    for name in fitting:
        start = complex_.starts[name]
        places = [None] * len(wild_type)
        for place, index in fits[name].pairs:
            places[index] = start + place
            letters[start + place] = wild_type[index]
        placed.append(tuple(places))
    numbers = tuple(str(offset + index) for index in range(len(wild_type)))
    return WildType(wild_type, numbers, tuple(placed), "".join(letters))


@dataclasses.dataclass(frozen=True)
class _Fit:
    pairs: list  # (place in the chain, index in the wild type) of each residue that is there
    wrong: list  # those of them where the letters differ

    @property
    def matches(self):
        return len(self.pairs) - len(self.wrong)


def _is_copy(fit, best, mismatches):
    """Whether a chain is one more of the same, of which less may be resolved."""
    return len(fit.wrong) <= mismatches and 2 * fit.matches >= best.matches


def _best_fit(chain, wild_type, offset):
    """By the chain's numbers where they agree, else by the shift with the fewest differences."""
    by_number = _fit_by_number(chain, wild_type, offset)
    there = [place for place, residue in enumerate(chain.residues) if residue.exists]
    # Another protein's numbers may share a few with the wild type, and the letters there by chance.
    most = min(len(there), len(wild_type))
    if by_number is not None and not by_number.wrong and 2 * by_number.matches >= most:
        return by_number
    fits = [by_number] if by_number is not None else []
    for shift in range(-there[-1], len(wild_type) - there[0]):
        fits.append(_fit(chain, wild_type, lambda place, shift=shift: place + shift))
    return max(fits, key=lambda fit: fit.matches)  # the first where several are as good


def _fit_by_number(chain, wild_type, offset):
    def index(place):
        number = chain.residues[place].number
        return int(number) - offset if number.lstrip("-").isdigit() else -1

    fit = _fit(chain, wild_type, index)
    return fit if fit.pairs else None


def _fit(chain, wild_type, index_of):
    pairs, wrong = [], []
    for place, residue in enumerate(chain.residues):
        index = index_of(place) if residue.exists else -1
        if 0 <= index < len(wild_type):
            pairs.append((place, index))
            if residue.letter not in (wild_type[index], UNKNOWN):
                wrong.append((residue, index))
    return _Fit(pairs, wrong)


def _unfit(name, fit, offset, mismatches):
    shown = ", ".join(
        "%d is %s there (residue %s)" % (offset + index, residue.letter, residue.number)
        for residue, index in fit.wrong[:5]
    )
    more = ", ..." if len(fit.wrong) > 5 else ""
    return (
        "the wild type does not fit the structure: of %d residues of chain %s %d differ: %s%s; %d may (mismatches)"
        % (len(fit.pairs), name, len(fit.wrong), shown, more, mismatches)
    )


def changes(wild_type, mutant, unresolved="error", mask=None):
    """What a mutant changes, as `{place: letter}` over all copies. A mutated sequence is taken as well as a name.

    Args:
        unresolved: "error", or "zero": a substitution at a residue that the structure lacks changes nothing.
        mask: for each place whether the model sees its backbone.

    Raises:
        StructureError: it is none of this wild type.
    """
    found = {}
    for index, letter in _substitutions(wild_type, mutant):
        places = [places[index] for places in wild_type.places]
        seen = [place for place in places if place is not None and (mask is None or mask[place])]
        if not seen and unresolved == "error":
            residue = "%s%s" % (wild_type.letters[index], wild_type.numbers[index])
            is_name = len(mutant) < 60 and not mutant.isalpha()
            raise StructureError(
                "%s: residue %s has no complete backbone in the structure (unresolved=zero: it then changes nothing)"
                % (mutant if is_name else residue + letter, residue)
            )
        found.update(dict.fromkeys(seen, letter))
    return found


def _substitutions(wild_type, mutant):
    """Index and new letter of each substitution."""
    text = mutant.strip()
    if text.lower() in ("", "wt", "_wt"):
        return []
    if text.isalpha():
        return _differences(wild_type, text)
    return [_named(wild_type, part.strip(), text) for part in text.split(":")]


def _differences(wild_type, sequence):
    if len(sequence) != len(wild_type.letters):
        raise StructureError(
            "the mutated sequence has %d residues and the wild type %d: insertions and deletions have no place in the "
            "backbone" % (len(sequence), len(wild_type.letters))
        )
    pairs = []
    for index, (before, after) in enumerate(zip(wild_type.letters, sequence)):
        if before != after:
            _check_letter(after, "position %d of the mutated sequence" % (index + 1))
            pairs.append((index, after))
    return pairs


def _named(wild_type, part, mutant):
    match = _SUBSTITUTION.fullmatch(part)
    if match is None:
        raise StructureError("%r is no substitution such as A42G (several: A42G:L56M)" % part)
    before, number, after = [group for group in match.groups() if group is not None]
    _check_letter(after, part)
    number = number.upper()
    if number not in wild_type.numbers:
        known = [number for number in wild_type.numbers if number]
        raise StructureError(
            "%s: there is no residue %s; residues go from %s to %s" % (mutant, number, known[0], known[-1])
        )
    index = wild_type.numbers.index(number)
    if wild_type.letters[index] != before:
        raise StructureError("%s: residue %s is %s, not %s" % (mutant, number, wild_type.letters[index], before))
    return index, after


def _check_letter(letter, where):
    if letter not in AMINO_ACIDS:
        raise StructureError("%s: %r is no amino acid" % (where, letter))
