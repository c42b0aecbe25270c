"""What a report writes: tables and a page from the same results, whole or not at all."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from repro.benchmarks.report import write_report
from repro.benchmarks.report.summary import summarise
from repro.errors import InputError, InputFileError, OutputError, SettingsError
from tests.benchmark_folder import HOSTILE, BenchmarkFolder, read_csv, scan, small_benchmark
from tests.unit.cli.conftest import Ran, Repro, _a_place_of_its_own, repro

__all__ = ["Ran", "_a_place_of_its_own", "repro"]
GAP = "good on random folds, near zero on modulo folds"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_benchmark(tmp_path / "results", doubles=0)


class Parsed(HTMLParser):
    """The elements of a page, and what the scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data


# --------------------------------------------------------------------------------------------------------- tables


def test_report_has_a_line_a_cell_and_a_line_a_model_and_split(folder: Path) -> None:
    report = write_report(folder)

    assert [file.relative_to(folder).as_posix() for file in report.files] == [
        "report/report.html", "report/report.md", "report/results.csv", "report/summary.csv",
    ]  # fmt: skip
    cells = list(read_csv(folder / "report" / "results.csv"))
    assert len(cells) == 7
    assert float(cells[0]["spearman"]) == report.cells[0].scores["spearman"].value
    assert cells[0]["spearman_standard_error"] == "0.02"
    assert cells[0]["flags"] == GAP
    [failed] = [cell for cell in cells if cell["status"] == "failed"]
    assert "no room" in failed["error"]
    assert failed["spearman"] == ""
    lines = {(line["model"], line["split"]): line for line in read_csv(folder / "report" / "summary.csv")}
    assert lines["ridge", "random_5"]["spearman_assays"] == "2"
    assert lines["ridge", "random_5"]["assays"] == "3"


def test_mean_is_over_the_assays_that_have_a_score_and_says_how_many(folder: Path) -> None:
    report = write_report(folder)

    [line] = [line for line in summarise(report.cells) if (line.model, line.split) == ("ridge", "random_5")]
    own = [c.scores["spearman"].value for c in report.cells if (c.model, c.split) == ("ridge", "random_5")]
    assert line.means["spearman"] == pytest.approx(sum(own) / 2)
    assert "(2 of 3 assays)" in (folder / "report" / "report.md").read_text()


def test_document_has_flags_and_failures_and_no_name_becomes_markup(folder: Path) -> None:
    write_report(folder, folder / "report.md")

    text = (folder / "report.md").read_text()

    assert GAP in text
    assert "## Failed" in text
    assert "MemoryError" in text
    assert "<img" not in text
    assert "<b>" not in text
    widths = {line.count(" |") for line in text.split("## Results")[1].split("##")[0].splitlines() if "|" in line}
    assert len(widths) == 1


def test_out_may_be_one_file(folder: Path, tmp_path: Path) -> None:
    for name in ("page.html", "some/results.csv", "report.md"):
        assert write_report(folder, tmp_path / "out" / name).files == (tmp_path / "out" / name,)
    assert not (folder / "report").exists()


def test_tables_need_no_plotly_and_the_page_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)

    write_report(folder, folder / "results-wide.csv")
    with pytest.raises(SettingsError, match="plotly") as error:
        write_report(folder)

    assert error.value.fix == 'pip install "repro-models[benchmark]"'
    assert not (folder / "report").exists()


def test_same_results_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    one, other = (write_report(folder, tmp_path / name, title="t") for name in ("one", "other"))
    assert [file.read_bytes() for file in one.files] == [file.read_bytes() for file in other.files]


def test_data_sets_can_be_chosen(folder: Path) -> None:
    assert {cell.dataset for cell in write_report(folder, datasets=["PAIRS_synthetic"]).cells} == {"PAIRS_synthetic"}
    with pytest.raises(InputError, match="no data set of these results is called 'PAIRS'"):
        write_report(folder, datasets=["PAIRS"])


def test_broken_predictions_leave_the_last_report_as_it_was(folder: Path) -> None:
    before = write_report(folder).files[1].read_text()
    (folder / "cells" / "c0000" / "predictions.csv").write_text("mutant,test,pred,split\nA1C,1,x,0\n")

    with pytest.raises(InputFileError, match="pred is no finite number"):
        write_report(folder)

    assert (folder / "report" / "report.md").read_text() == before


def test_broken_record_of_a_cell_is_named(folder: Path) -> None:
    (folder / "cells" / "c0000" / "cell.json").write_text("{")
    with pytest.raises(InputFileError, match=r"c0000/cell\.json cannot be read"):
        write_report(folder)


def test_folder_that_cannot_be_made_is_an_error_of_the_output(folder: Path) -> None:
    (folder / "file").write_text("")
    with pytest.raises(OutputError):
        write_report(folder, folder / "file" / "report")


# --------------------------------------------------------------------------------------------------------- the page


def test_name_that_would_be_a_script_stays_data(folder: Path) -> None:
    page = write_report(folder, folder / "page.html", title=HOSTILE).files[0].read_text()

    parsed = Parsed(page)

    assert "img" not in [tag for tag, _ in parsed.elements]
    data = json.loads(parsed.scripts[0])
    assert HOSTILE in {cell["dataset"] for cell in data["cells"]}
    assert {cell["target"] for cell in data["cells"]} >= {"<i>score</i>"}


def test_page_fetches_nothing_and_allows_its_own_scripts_alone(folder: Path) -> None:
    page = write_report(folder, folder / "page.html").files[0].read_text()

    parsed = Parsed(page)

    assert [attrs for _, attrs in parsed.elements if {"src", "href"} & attrs.keys()] == []
    [policy] = [
        attrs["content"] for _, attrs in parsed.elements if attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    allowed = re.findall(r"'(sha256-[^']+)'", policy)
    data, *programs = parsed.scripts
    assert [f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}" for text in programs] == allowed
    assert data.startswith('{"metrics":')


def test_page_of_a_hundred_thousand_rows_stays_small(tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add(scan("large", doubles=100_000), "ridge", "random_5")
    folder = made.write()
    results = len(write_report(folder, folder / "page.html").files[0].read_bytes())

    made.lines.clear()
    made.add_failed(scan("large"), "ridge", "random_5")
    made.write()
    empty = len(write_report(folder, folder / "page.html").files[0].read_bytes())

    assert results - empty < 100_000


# --------------------------------------------------------------------------------------------------------- the command


def test_command_prints_means_and_says_on_stderr_what_to_know(folder: Path, repro: Repro) -> None:
    ran = repro("benchmark", "report", folder)

    assert ran.code == 0
    assert ran.out.splitlines()[0].split() == ["MODEL", "SPLIT", "SPEARMAN", "MSE"]
    assert GAP in ran.err
    assert "1 cell failed" in ran.err
    assert f"wrote {folder / 'report' / 'report.html'}" in ran.err


def test_for_a_program_it_is_json(folder: Path, repro: Repro) -> None:
    told = json.loads(repro("benchmark", "report", folder, "-o", folder / "x.csv", "--json").out)

    assert told["files"] == [str(folder / "x.csv")]
    assert told["cells"] == 7
    assert [one["model"] for one in told["failed"]] == ["esm"]
    assert told["flagged"][0]["flags"] == [GAP]
    assert {line["model"] for line in told["means"]} >= {"ridge", "esm"}


def test_folder_of_something_else_is_an_error_of_the_input(tmp_path: Path, repro: Repro) -> None:
    ran = repro("benchmark", "report", tmp_path)
    assert ran.code == 3
    assert "results.csv is not there" in ran.err


def test_benchmark_of_which_no_cell_has_ended_is_asked_for_again_later(tmp_path: Path, repro: Repro) -> None:
    (tmp_path / "cells").mkdir()
    ran = repro("benchmark", "report", tmp_path)
    assert ran.code == 3
    assert "try again when a cell has ended" in ran.err


def test_file_in_the_place_of_a_folder_is_said_to_be_one(tmp_path: Path, repro: Repro) -> None:
    (tmp_path / "results.csv").touch()
    ran = repro("benchmark", "report", tmp_path / "results.csv")
    assert ran.code in (2, 3)
    assert "is a file" in ran.err
