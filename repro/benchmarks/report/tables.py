"""The same tables as CSV, for programs, and as Markdown, for people."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Iterable, Sequence

from repro.benchmarks.report.results import Cell, Score
from repro.benchmarks.report.summary import Line, metrics_of

_MARKDOWN = re.compile(r"([\\`*_\[\]|~])")
_LONGEST_ERROR = 300
_NOTHING = "\N{EN DASH}"

MEANS_NOTE = (
    "A plain mean over the assays that have a score. Where models were not scored on the same assays, their means"
    " cannot be held against each other."
)


def cells_csv(cells: Sequence[Cell], flags: Sequence[Sequence[str]]) -> str:
    """A line a cell: `<metric>` and `<metric>_standard_error` for each metric, flags, status, error."""
    metrics = metrics_of(cells)
    named = [column for metric in metrics for column in (metric, f"{metric}_standard_error")]
    rows = [
        [
            *(cell.dataset, cell.target, cell.model, cell.split),
            *(text for metric in metrics for text in _exact(cell.scores.get(metric))),
            *("" if number is None else str(number) for number in (cell.n, cell.seconds)),
            "; ".join(own),
            *(cell.status, _told_error(cell), cell.key),
        ]
        for cell, own in zip(cells, flags, strict=True)
    ]
    header = ["dataset", "target", "model", "split", *named, "n", "seconds", "flags", "status", "error", "cell"]
    return _csv([header, *rows])


def summary_csv(lines: Sequence[Line], metrics: Sequence[str]) -> str:
    """A line a model and a split: the mean of each metric, and of how many assays (`<metric>_assays`) it is."""
    named = [column for metric in metrics for column in (metric, f"{metric}_assays")]
    rows = [
        [
            *(line.model, line.split),
            *(
                text
                for metric in metrics
                for text in (str(line.means.get(metric, "")), str(line.scored.get(metric, 0)))
            ),
            str(line.assays),
        ]
        for line in lines
    ]
    return _csv([["model", "split", *named, "assays"], *rows])


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _exact(score: Score | None) -> tuple[str, str]:
    if score is None:
        return "", ""
    return str(score.value), "" if score.standard_error is None else str(score.standard_error)


def _told_error(cell: Cell) -> str:
    return "; ".join(filter(None, [cell.error, *(f"{metric}: {why}" for metric, why in cell.undefined.items())]))


def markdown(title: str, cells: Sequence[Cell], flags: Sequence[Sequence[str]], lines: Sequence[Line]) -> str:
    """Means, all cells, and what failed, as a document."""
    metrics = metrics_of(cells)
    parts = [
        f"# {plain(title)}",
        "## Means over data sets",
        _table(["model", "split", *metrics], [_means_row(line, metrics) for line in lines], left=2),
        MEANS_NOTE,
        "## Results",
        _table(
            ["data set", "target", "model", "split", *metrics, "rows", "seconds", "flags"],
            [_cell_row(cell, own, metrics) for cell, own in zip(cells, flags, strict=True)],
            left=4,
        ),
        "\N{PLUS-MINUS SIGN} is the standard error.",
    ]
    failed = [cell for cell in cells if cell.failed]
    if failed:
        parts += ["## Failed", "\n".join(f"- {plain(cell.name)}: {plain(_shortened(_why(cell)))}" for cell in failed)]
    return "\n\n".join(parts) + "\n"


def _means_row(line: Line, metrics: Sequence[str]) -> list[str]:
    told = []
    for metric in metrics:
        scored = line.scored.get(metric, 0)
        of = "" if scored == line.assays else f" ({scored} of {line.assays} assays)"
        told.append(f"{line.means[metric]:.3f}{of}" if scored else _NOTHING)
    return [line.model, line.split, *told]


def _cell_row(cell: Cell, flags: Sequence[str], metrics: Sequence[str]) -> list[str]:
    told = [_rounded(cell.scores.get(metric)) for metric in metrics]
    n = _NOTHING if cell.n is None else f"{cell.n:,}"
    seconds = _NOTHING if cell.seconds is None else f"{cell.seconds:.1f}"
    notes = [*flags, cell.status or "failed"] if cell.failed else flags
    return [cell.dataset, cell.target, cell.model, cell.split, *told, n, seconds, "; ".join(notes)]


def _rounded(score: Score | None) -> str:
    if score is None:
        return _NOTHING
    error = "" if score.standard_error is None else f" \N{PLUS-MINUS SIGN} {score.standard_error:.3f}"
    return f"{score.value:.3f}{error}"


def _why(cell: Cell) -> str:
    return _told_error(cell) or f"no score (status: {cell.status or 'none'})"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int) -> str:
    """The first columns, and the last one if it is called flags, hold words; the others numbers."""
    rules = ["---" if number < left or name == "flags" else "---:" for number, name in enumerate(header)]
    lines = [header, *rows]
    shown = [[plain(text) for text in line] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [shown[0], rules, *shown[1:]])


def plain(text: str) -> str:
    """Text that stays text in Markdown, on one line, whatever it holds.

    >>> plain("A|B_<img>")
    'A\\\\|B\\\\_&lt;img&gt;'
    """
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(text.split()), quote=False))
