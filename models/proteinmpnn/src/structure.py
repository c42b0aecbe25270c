"""The backbone of the proteins in a PDB or mmCIF text, as ProteinMPNN sees it.

What is left out, filled in or taken for something else is decided here, and follows the published code but where the
comments say otherwise.
"""

import dataclasses

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
UNKNOWN = "X"
ATOMS = ("N", "CA", "C", "O")
BLANK_CHAIN = "_"  # what a chain without a name is called
# Numbers that a chain leaves out are filled with residues that have no atoms, as in the published code. The model tells
# positions apart up to 32 residues, and sees 48 neighbours: a longer gap is the same to it as one of 100.
LONGEST_GAP = 100
MOST_RESIDUES = 10000


class StructureError(ValueError):
    """The text holds no structure that the model could see, or none such as was asked for."""


@dataclasses.dataclass(frozen=True)
class Residue:
    """One place of a chain. `number` is as in the file, with its insertion code: `52`, `52A`; empty where nothing is.

    `letter` is one of the 20 amino acids or X; `atoms` are the coordinates by name, of those of ATOMS that there are.
    """

    number: str
    letter: str
    atoms: dict

    @property
    def exists(self):
        return bool(self.number)


GAP = Residue("", UNKNOWN, {})


@dataclasses.dataclass(frozen=True)
class Chain:
    """A protein chain: its places in order, gaps among them."""

    name: str
    residues: tuple

    @property
    def sequence(self):
        return "".join(residue.letter for residue in self.residues)

    def place(self, number):
        """The place of a residue by its number in the file, from 0; None where there is none."""
        for place, residue in enumerate(self.residues):
            if residue.exists and residue.number == number:
                return place
        return None


def read_structure(text):
    """The protein chains of the first model, by name in the order of the names.

    Raises:
        StructureError: the text is neither PDB nor mmCIF, or has no protein chain, or too large ones.
    """
    if not text.strip():
        raise StructureError("the structure is empty: give the text of a PDB or mmCIF file")
    parsed = _parse(text)
    if len(parsed) == 0 or not any(len(chain) for chain in parsed[0]):
        raise StructureError("the structure holds no atom: is it the text of a PDB or mmCIF file?")
    chains = {}
    for chain in parsed[0]:
        residues = _residues(chain)
        if residues:
            name = chain.name.strip() or BLANK_CHAIN
            chains[name] = Chain(name, tuple(_with_gaps(residues)))
    if not chains:
        raise StructureError("the structure holds no protein chain (%s)" % _described(parsed[0]))
    total = sum(len(chain.residues) for chain in chains.values())
    if total > MOST_RESIDUES:
        raise StructureError("the structure has %d residues, more than %d: leave chains out" % (total, MOST_RESIDUES))
    return {name: chains[name] for name in sorted(chains)}


def _parse(text):
    import gemmi

    try:
        if _is_mmcif(text):
            document = gemmi.cif.read_string(text)
            parsed = gemmi.make_structure_from_block(document[0])
        else:
            parsed = gemmi.read_pdb_string(text)
    except (RuntimeError, ValueError, IndexError) as error:
        raise StructureError("the structure cannot be read: %s" % _one_line(error)) from None
    parsed.merge_chain_parts()
    parsed.setup_entities()  # tells residues of a chain from what is bound to it
    return parsed


def _is_mmcif(text):
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            return line.lower().startswith("data_")
    return False


def _one_line(error):
    return " ".join(str(error).split())[:300]


def _described(model):
    names = sorted({residue.name for chain in model for residue in chain})
    return "it holds %s" % ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")


def _residues(chain):
    """The residues of a chain that are amino acids, by number and insertion code; of alternatives the first."""
    found = {}
    for residue in chain:
        letter = _letter(residue)
        key = (residue.seqid.num, residue.seqid.icode.strip())
        if letter is not None and key not in found:
            found[key] = Residue("%d%s" % key, letter, _atoms(residue))
    return [(number, found[number, code]) for number, code in sorted(found)]


def _letter(residue):
    """One letter for a residue of a protein, None for anything else.

    As in the published code selenomethionine is methionine. Beyond it, a modified residue of the chain (phosphoserine)
    is the amino acid that it was made from; the published code sees a gap there.
    """
    import gemmi

    known = gemmi.find_tabulated_residue(residue.name)
    is_bound = residue.het_flag == "H" and residue.entity_type != gemmi.EntityType.Polymer
    if known.is_nucleic_acid() or known.is_water() or (is_bound and residue.name != "MSE"):
        return None
    if not known.is_amino_acid():
        return UNKNOWN if all(name in residue for name in ("N", "CA", "C")) else None
    letter = known.one_letter_code.upper()
    return letter if letter in AMINO_ACIDS else UNKNOWN


def _atoms(residue):
    import math

    found = {}
    for atom in residue:
        position = atom.pos.tolist()
        if atom.name in ATOMS and atom.name not in found and all(map(math.isfinite, position)):
            found[atom.name] = tuple(position)
    return found


def _with_gaps(residues):
    before = None
    for number, residue in residues:
        if before is not None:
            for _ in range(min(number - before - 1, LONGEST_GAP)):
                yield GAP
        yield residue
        before = number
