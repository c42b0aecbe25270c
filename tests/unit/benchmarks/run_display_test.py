"""What a person sees of a benchmark that runs."""

from __future__ import annotations

import io

import pytest
from rich.console import Console as RichConsole

from repro.benchmarks.cache import DONE, FAILED, Record
from repro.benchmarks.calls import ModelCall
from repro.benchmarks.cells import Cell
from repro.benchmarks.inputs import Source
from repro.benchmarks.resources import Needs
from repro.cli.benchmark.run_display import Lines, LiveTable
from repro.cli.console import Console


def cell(number: int) -> Cell:
    call = ModelCall("m", {}, "README.md", {})
    return Cell(f"data{number}", "score", "m", "random_5", Source("x.csv"), call, Needs(), {"number": number})


def record(of: Cell, status: str = DONE, error: str = "") -> Record:
    scores = {"spearman": {"value": 0.5, "standard_error": None, "n": 9, "note": ""}} if status == DONE else {}
    return Record(of.key, status, of.identity, seconds=1.5, rows=9, scores=scores, error=error)


def shown(table: LiveTable) -> str:
    out = io.StringIO()
    RichConsole(file=out, width=160).print(table.shown())
    return out.getvalue()


def test_table_goes_on_as_the_cells_do() -> None:
    cells = [cell(number) for number in range(4)]
    table = LiveTable()
    table.plan(cells, cells[1:])
    assert "3 waiting, 1 cached" in shown(table)
    table.begin(cells[1])
    table.said(cells[1], "fold 2 (3 of 5)")
    table.begin(cells[2])
    table.end(cells[2], record(cells[2], FAILED, "no luck\nfor a reason"))
    now = shown(table)
    assert "fold 2 (3 of 5)" in now
    assert "no luck" in now
    assert "for a reason" not in now
    assert "1 failed, 1 running, 1 waiting, 1 cached" in now
    table.end(cells[1], record(cells[1]))
    assert "spearman 0.500" in shown(table)


def test_table_that_has_no_room_shows_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "160")
    cells = [cell(number) for number in range(30)]
    table = LiveTable()
    table.plan(cells, cells)
    table.begin(cells[29])
    now = shown(table)
    assert "data29" in now
    assert now.count("random_5") == 4
    assert "1 running, 29 waiting" in now


def test_name_with_brackets_is_shown_as_it_is() -> None:
    one = cell(1)
    table = LiveTable()
    table.plan([one], [one])
    table.begin(one)
    table.said(one, "[red]not a style[/red]")
    assert "[red]not a style[/red]" in shown(table)


def test_lines_tell_each_cell_that_ends(capsys: pytest.CaptureFixture[str]) -> None:
    cells = [cell(0), cell(1), cell(1)]
    lines = Lines(Console())
    lines.plan(cells, cells[:1])
    lines.begin(cells[0])
    lines.end(cells[0], record(cells[0], FAILED, "no luck\nfor a reason"))
    assert capsys.readouterr().err.splitlines() == [
        "3 cells, 1 to compute, 1 done earlier",
        "[1/1] data0 score m random_5: failed, no luck, 1.5 s",
    ]
