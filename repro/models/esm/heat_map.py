"""Heat maps of log-odds: a picture for print (PNG), and a page that tells each value (HTML)."""

from __future__ import annotations

import html
import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from repro.errors import OutputError, SettingsError
from repro.models.esm.variants import AMINO_ACIDS, residues

if TYPE_CHECKING:
    from repro.models.esm.log_odds import LogOdds

_RESIDUES_A_ROW = 60
_TICK_EVERY = 10
_PAGE = Path(__file__).with_name("heat_map.html")


def write_png(scan: LogOdds, path: Path) -> Path:
    """Rows of residues from left to right and amino acids from top to bottom; a dot marks the wild type."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SettingsError("a PNG needs matplotlib", fix='pip install "repro-models[plot]"') from None
    length = len(residues(scan.sequence))
    rows = -(-length // _RESIDUES_A_ROW)
    width = min(length, _RESIDUES_A_ROW)
    figure = Figure(figsize=(2.5 + max(width, _TICK_EVERY) * 0.16, 3.2 * rows + 0.6), layout="constrained")
    bound = _bound(scan)
    for number, axes in enumerate(figure.subplots(rows, squeeze=False)[:, 0]):
        image = _draw(axes, scan, number * _RESIDUES_A_ROW, bound)
        axes.set_xlim(-0.5, max(width, 1) - 0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(scan.title or "log-odds of substitutions")
    figure.colorbar(image, ax=figure.axes, label="ln p(amino acid) - ln p(wild type)", shrink=0.6)
    try:
        figure.savefig(path, format="png", dpi=150)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", fix="name another file") from None
    return path


def _draw(axes: Any, scan: LogOdds, start: int, bound: float) -> Any:
    """One row of residues."""
    part = scan.values[start : start + _RESIDUES_A_ROW]
    image = axes.imshow(part.T, cmap="RdBu", vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    own = residues(scan.sequence)[start : start + _RESIDUES_A_ROW]
    known = [(column, AMINO_ACIDS.index(letter)) for column, letter in enumerate(own) if letter in AMINO_ACIDS]
    axes.plot([column for column, _ in known], [row for _, row in known], "k.", markersize=3)
    axes.set_yticks(range(len(AMINO_ACIDS)), list(AMINO_ACIDS), fontsize=6)
    ticks = [column for column in range(len(own)) if (start + column + scan.offset) % _TICK_EVERY == 0]
    axes.set_xticks(ticks, [f"{own[column]}{start + column + scan.offset}" for column in ticks], fontsize=7)
    return image


def _bound(scan: LogOdds) -> float:
    """The value at which the colours end, the same on both sides: white is as likely as the wild type."""
    return max(float(abs(scan.values).max(initial=0.0)), 1e-6)


def write_html(scan: LogOdds, path: Path) -> Path:
    data = {
        "sequence": ["#" if len(letter) > 1 else letter for letter in residues(scan.sequence)],
        "offset": scan.offset,
        "aminoAcids": AMINO_ACIDS,
        "bound": _bound(scan),
        "values": [[round(float(value), 4) for value in row] for row in scan.values],
    }
    title = html.escape(scan.title or "log-odds of substitutions")
    # A script element ends at the first "</", whatever it stands in.
    text = Template(_PAGE.read_text(encoding="utf-8")).substitute(
        title=title, data=json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    )
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}", fix="name another file") from None
    return path
