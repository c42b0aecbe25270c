"""Mutants by their names, held against the wild type before anything starts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from repro.errors import RecordError

Strategy = Literal["masked-marginals", "wt-marginals", "pseudo-ppl"]
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
"""The columns of a log-odds matrix."""

MAX_RESIDUES = 1022
"""How many go through the model at once. A longer protein is scored through windows, and cannot be embedded."""

_RESIDUES = frozenset(AMINO_ACIDS + "XBUZO")
_LETTERS = _RESIDUES | frozenset(".-")
# Nine digits: no protein is longer, and Python refuses to read a number of thousands.
_SUBSTITUTION = re.compile(r"([A-Z])(-?[0-9]{1,9})([A-Z])")
_MASK = "<mask>"
_LETTER = re.compile(f"{_MASK}|.", re.DOTALL)
_ALL_KNOWN = re.compile(f"(?:{_MASK}|[{AMINO_ACIDS}XBUZO.-])+")
_HOW = "give names such as A42G or A42G:L56M, or mutated sequences"


@dataclass(frozen=True)
class Substitution:
    """One residue in another's place."""

    old: str
    position: int
    """As the name counts: the first residue is number `offset`."""
    new: str

    def __str__(self) -> str:
        return f"{self.old}{self.position}{self.new}"


def read_mutant(mutant: str, wild_type: str, *, offset: int = 1, same_length: bool = True) -> tuple[Substitution, ...]:
    """The substitutions that make a mutant of the wild type; none where it is the wild type, or of another length.

    Args:
        mutant: a name (`A42G`, `A42G:L56M`), or the mutated sequence.
        wild_type: the sequence that is mutated.
        offset: the number of its first residue in names.
        same_length: whether a mutated sequence must be as long as the wild type.

    Raises:
        ValueError: it is no mutant of this wild type; says why.

    >>> [str(one) for one in read_mutant("K2R:A4G", "MKTA")]
    ['K2R', 'A4G']
    >>> [str(one) for one in read_mutant("MRTA", "MKTA", offset=24)]
    ['K25R']
    """
    if any(letter.isdigit() for letter in mutant):
        return _named(mutant, wild_type, offset)
    _check_letters("the mutated sequence", mutant)
    old_letters, new_letters = residues(wild_type), residues(mutant)
    if len(new_letters) != len(old_letters):
        if same_length:
            lengths = f"the mutated sequence has {len(new_letters)} residues and the wild type {len(old_letters)}"
            raise ValueError(f"{lengths}: only pseudo-ppl scores insertions and deletions")
        return ()
    pairs = enumerate(zip(old_letters, new_letters, strict=True), offset)
    return tuple(Substitution(old, position, new) for position, (old, new) in pairs if old != new)


def check_mutants(
    mutants: Iterable[str], wild_types: Sequence[str] | str, *, offset: int, strategy: str, first: int = 0
) -> None:
    """Raise RecordError for the first mutant that is none of its wild type; `first` is the index of the first one.

    `wild_types`: one for all, or one a mutant.
    """
    same_length = strategy != "pseudo-ppl"
    for index, mutant in enumerate(mutants):
        wild_type = wild_types if isinstance(wild_types, str) else wild_types[index]
        try:
            if not isinstance(mutant, str):
                raise ValueError(f"a mutant is text, not {mutant!r}")  # noqa: TRY004  # becomes the row's error
            read_mutant(mutant, wild_type, offset=offset, same_length=same_length)
        except ValueError as error:
            row = first + index
            raise RecordError(f"record {row}: {error}", index=row, key="mutant", fix=_HOW) from None


def check_wild_type(sequence: str) -> None:
    """Raise RecordError where a wild type has no residues, or letters that are none."""
    try:
        _check_letters("the wild type", sequence)
    except ValueError as error:
        raise RecordError(str(error), index=0, key="sequence", fix="give it in one-letter code, upper case") from None


def check_sequence(sequence: str, index: int, most_residues: int | None) -> None:
    """Raise RecordError for record `index` where its sequence is empty, longer than that, or no protein."""
    fix = "give it in one-letter code, upper case"
    try:
        _check_letters("the sequence", sequence)
        count = len(residues(sequence))
        if most_residues is not None and count > most_residues:
            fix = "cut it into parts of that length; scores of mutants (task='score') see a longer one through windows"
            raise ValueError(f"the sequence has {count:,} residues, and at most {most_residues:,} can be embedded")
    except ValueError as error:
        raise RecordError(f"record {index}: {error}", index=index, key="sequence", fix=fix) from None


def residues(sequence: str) -> Sequence[str]:
    """A sequence by its residues: `<mask>` is one of them.

    >>> len(residues("MK<mask>A"))
    4
    """
    return _LETTER.findall(sequence) if _MASK in sequence else sequence


def _check_letters(what: str, sequence: str) -> None:
    if not sequence:
        raise ValueError(f"{what} is empty")
    if _ALL_KNOWN.fullmatch(sequence):
        return
    for position, letter in enumerate(residues(sequence), 1):
        if letter not in _LETTERS and letter != _MASK:
            raise ValueError(f"{what} holds {letter!r} at position {position}, which is no amino acid")


def _named(mutant: str, wild_type: str, offset: int) -> tuple[Substitution, ...]:
    found: list[Substitution] = []
    letters = residues(wild_type)
    last = offset + len(letters) - 1
    for part in mutant.split(":"):
        match = _SUBSTITUTION.fullmatch(part)
        if match is None or not {match[1], match[3]} <= _RESIDUES:
            raise ValueError(f"{part!r} is no substitution of amino acids such as A42G")
        one = Substitution(match[1], int(match[2]), match[3])
        if not offset <= one.position <= last:
            raise ValueError(f"{part} is out of range: positions go from {offset} to {last} (offset {offset})")
        there = letters[one.position - offset]
        if there != one.old:
            raise ValueError(f"{part}: the wild type has {there} at position {one.position} (offset {offset})")
        if any(one.position == other.position for other in found):
            raise ValueError(f"{mutant} names position {one.position} twice")
        found.append(one)
    return tuple(found)
