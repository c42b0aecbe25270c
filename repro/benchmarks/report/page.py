"""The page: one file that holds all that it shows, and fetches nothing.

What it shows comes from files of others, so two things keep a name from becoming a script: the data stand as JSON in
which `<` is escaped, and a policy in the page allows those scripts alone whose hashes it names, and no connection.
"""

from __future__ import annotations

import html
import json
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from string import Template
from typing import Any

from repro._version import __version__
from repro.benchmarks.report.plots import Plots, collect_plots
from repro.benchmarks.report.provenance import read_provenance
from repro.benchmarks.report.results import Cell
from repro.benchmarks.report.summary import metrics_of, summarise
from repro.benchmarks.report.variants import PROPERTY_ORDER
from repro.errors import SettingsError

_HERE = Path(__file__).parent
_SCRIPTS = ("table", "picker", "scatter", "map")


def render_page(title: str, folder: Path, cells: Sequence[Cell], flags: Sequence[Sequence[str]]) -> str:
    """The page as text.

    Raises:
        InputFileError: a file of a cell is there and cannot be taken.
        SettingsError: plotly is not installed.
    """
    scripts = [_plotly(), *(_inside(name, "script") for name in _SCRIPTS)]
    template = Template((_HERE / "page.html").read_text(encoding="utf-8"))
    return template.substitute(
        title=html.escape(title),
        source=html.escape(folder.resolve().name),
        version=html.escape(__version__),
        policy=html.escape(_policy(scripts)),
        style=_inside("style", "style"),
        data=_as_json(_data(folder, cells, flags, collect_plots(folder, cells))),
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
    )


def _data(folder: Path, cells: Sequence[Cell], flags: Sequence[Sequence[str]], plots: Plots) -> dict[str, Any]:
    from repro.benchmarks.metrics import METRICS

    metrics = metrics_of(cells)
    return {
        "metrics": metrics,
        "lowerIsBetter": [name for name in metrics if name in METRICS and not METRICS[name].higher_is_better],
        "aminoAcids": PROPERTY_ORDER,
        "means": [vars(line) for line in summarise(cells)],
        "assays": plots.assays,
        "leftOut": plots.left_out,
        "cells": [
            _cell_data(folder, cell, own, plot) for cell, own, plot in zip(cells, flags, plots.cells, strict=True)
        ],
    }


def _cell_data(folder: Path, cell: Cell, flags: Sequence[str], plot: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "dataset": cell.dataset,
        "target": cell.target,
        "model": cell.model,
        "split": cell.split,
        "status": cell.status,
        "failed": cell.failed,
        "error": cell.error,
        "undefined": cell.undefined,
        "scores": {metric: [score.value, score.standard_error] for metric, score in cell.scores.items()},
        "n": cell.n,
        "seconds": cell.seconds,
        "flags": list(flags),
        "provenance": read_provenance(folder / "cells" / cell.key / "cell.json") if cell.key else [],
        "plot": plot,
    }


def _as_json(data: dict[str, Any]) -> str:
    """JSON that stays text wherever it stands in a page: no tag, no comment and no end of a script is in it."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _plotly() -> str:
    """Plotly's JavaScript, as its Python package carries it."""
    try:
        from plotly.offline import get_plotlyjs  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        raise SettingsError("the page of a report needs plotly", fix='pip install "repro-models[benchmark]"') from None
    source: str = get_plotlyjs()
    return source.replace("</script", "<\\/script")


def _inside(name: str, tag: str) -> str:
    """The content of the one element that stands in a file beside this one."""
    text = (_HERE / f"{name}.html").read_text(encoding="utf-8").strip()
    return text.removeprefix(f"<{tag}>").removesuffix(f"</{tag}>")


def _policy(scripts: Sequence[str]) -> str:
    """Nothing is fetched, and no other script than these runs. Plotly sets styles, and draws pictures as it goes."""
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    return f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
