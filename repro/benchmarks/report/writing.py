"""Write the report of a benchmark: read once, checked, then written, each file whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from repro.benchmarks.report.flags import find_flags
from repro.benchmarks.report.results import Cell, read_name, read_results
from repro.benchmarks.report.summary import Line, metrics_of, summarise
from repro.benchmarks.report.tables import cells_csv, markdown, summary_csv
from repro.data.output import complete_file, output_errors
from repro.errors import InputError

FOLDER = "report"


@dataclass(frozen=True)
class Report:
    """What a report says, and where it was written."""

    files: tuple[Path, ...]
    cells: tuple[Cell, ...]
    flags: tuple[tuple[str, ...], ...]
    """Beside the cells."""
    means: tuple[Line, ...]

    @property
    def metrics(self) -> list[str]:
        return metrics_of(self.cells)

    @property
    def failed(self) -> tuple[Cell, ...]:
        return tuple(cell for cell in self.cells if cell.failed)


def write_report(
    folder: str | Path, out: str | Path | None = None, *, title: str | None = None, datasets: Sequence[str] = ()
) -> Report:
    """Write report.html, report.md, results.csv (a line a cell) and summary.csv (a line a model and a split).

    Args:
        folder: what `repro benchmark run` wrote: `results.csv` and `cells/`.
        out: a folder, made where it is not there [default: `folder/report`]; or one file: `.html`, `.md` or `.csv`
            (the line-a-cell table).
        title: of the page [default: the benchmark's name, else the folder's].
        datasets: leave all other data sets out.

    Raises:
        InputError: no data set is called so.
        InputFileError: results or predictions are missing, or cannot be taken.
        OutputError: a file cannot be written.
        SettingsError: plotly, which the page needs, is not installed.
    """
    source = Path(folder)
    cells = _chosen(read_results(source), datasets)
    flags, means = find_flags(cells), summarise(cells)
    files = _files(source / FOLDER if out is None else Path(out))
    named = title or read_name(source)
    # All is made before anything is written: no half of a report.
    texts = [(file, _text(kind, named, source, cells, flags, means)) for kind, file in files]
    for file, text in texts:
        with output_errors(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        with complete_file(file) as opened:
            opened.write(text.encode("utf-8", "replace"))
    return Report(tuple(file for file, _ in texts), tuple(cells), tuple(flags), tuple(means))


def _chosen(cells: list[Cell], datasets: Sequence[str]) -> list[Cell]:
    there = dict.fromkeys(cell.dataset for cell in cells)
    for name in datasets:
        if name not in there:
            raise InputError(f"no data set of these results is called {name!r}", fix=f"there are: {', '.join(there)}")
    return [cell for cell in cells if not datasets or cell.dataset in datasets]


def _files(out: Path) -> list[tuple[str, Path]]:
    """What goes where."""
    kind = out.suffix.lower().removeprefix(".")
    if kind in ("html", "md", "csv") and not out.is_dir():
        return [(kind, out)]
    return [
        ("html", out / "report.html"),
        ("md", out / "report.md"),
        ("csv", out / "results.csv"),
        ("summary", out / "summary.csv"),
    ]


def _text(
    kind: str,
    title: str,
    folder: Path,
    cells: Sequence[Cell],
    flags: Sequence[tuple[str, ...]],
    means: Sequence[Line],
) -> str:
    if kind == "html":
        from repro.benchmarks.report.page import render_page

        return render_page(title, folder, cells, flags)
    if kind == "md":
        return markdown(title, cells, flags, means)
    return cells_csv(cells, flags) if kind == "csv" else summary_csv(means, metrics_of(cells))
