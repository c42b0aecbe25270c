"""The alphabet of ESM-1b, ESM-1v and ESM-2, and sequences as rows of token numbers."""

import re

TOKENS = ("<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>")
AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
IDS = {name: number for number, name in enumerate(TOKENS)}
BOS, PAD, EOS, MASK = (IDS[name] for name in ("<cls>", "<pad>", "<eos>", "<mask>"))
ENDS = 2  # BOS before the residues, EOS after them
MAX_RESIDUES = 1022  # ESM-1b has no more positions; ESM-2 was trained on no more
LETTERS = {name: number for name, number in IDS.items() if len(name) == 1 or name == "<mask>"}

_LETTER = re.compile(r"<mask>|.", re.DOTALL)
_UNKNOWN = 255
_NUMBERS = bytes(LETTERS.get(chr(code), _UNKNOWN) for code in range(256))


def encode(sequence, model, max_residues=MAX_RESIDUES):
    """A sequence with its ends as bytes, a token a byte: small, hashable, and quickly made a tensor.

    Args:
        sequence: letters of the alphabet, and `<mask>`.
        model: its name, for what the errors say.
        max_residues: how many it takes; None: any number.

    Raises:
        ValueError: it is empty, too long, or holds what is no letter of the alphabet.
    """
    row = _numbers(sequence)
    if not row:
        raise ValueError("the sequence is empty")
    if max_residues is not None and len(row) > max_residues:
        message = "the sequence has %d residues and %s takes at most %d"
        raise ValueError(message % (len(row), model, max_residues))
    if _UNKNOWN in row:
        position = row.index(_UNKNOWN)
        letter = _LETTER.findall(sequence)[position]
        raise ValueError("position %d holds %r: %s" % (position + 1, letter, _reason(letter)))
    return bytes([BOS]) + row + bytes([EOS])


def _numbers(sequence):
    """The token of each letter; 255 where there is none."""
    # "?" is one byte in place of a character that has none here, and no letter of the alphabet.
    parts = (part.encode("latin-1", "replace").translate(_NUMBERS) for part in sequence.split("<mask>"))
    return bytes([MASK]).join(parts)


def _reason(letter):
    if letter.upper() in LETTERS:
        return "ESM has no token for lower-case letters; give upper-case ones"
    return "ESM has no token for it; it takes %s" % " ".join(LETTERS)
