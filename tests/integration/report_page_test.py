"""The page of a report in a real browser, opened from disk with no network: what a person sees, clicks and types."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repro.benchmarks.report import write_report
from tests.benchmark_folder import HOSTILE, BenchmarkFolder, scan, small_benchmark

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# Read before a fixture takes the settings of the person who runs the tests away.
PROGRAMS = (os.environ.get("REPRO_BROWSER", ""), "chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in PROGRAMS if name and (found := shutil.which(name))), None)
WIDE, NARROW = 1280, 400
WITHIN_MS = 60_000  # far more than a page takes, on a machine that does much else
GAP = "good on random folds, near zero on modulo folds"
NOTHING = "\N{EN DASH}"
REASON = "no Chromium was found: `make browser` installs one"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium; where there is none the test is skipped (with REPRO_REQUIRE_ENGINE=1: fails)."""
    from playwright.sync_api import sync_playwright

    if BROWSER is None and os.environ.get("REPRO_REQUIRE_ENGINE") == "1":
        pytest.fail(f"{REASON}, and REPRO_REQUIRE_ENGINE=1", pytrace=False)
    if BROWSER is None:
        pytest.skip(REASON)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = small_benchmark(tmp_path_factory.mktemp("results"))
    return write_report(folder, folder / "report.html", title="A small benchmark").files[0]


class Opened:
    """A page, and all that it complained of or asked the network for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        page.set_default_timeout(WITHIN_MS)
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("#scatter .main-svg")

    def column(self, number: int) -> list[str]:
        """What the rows that are shown have in a column of the results."""
        found: list[str] = self.page.evaluate(
            "n => [...document.querySelectorAll('#results tbody tr')].filter(row => !row.hidden)"
            ".map(row => row.children[n].innerText.trim())",
            number,
        )
        return found

    def wait_until(self, expression: str, value: object) -> None:
        """Ask again until an expression has a value: wait_for_function would evaluate inside of the page, where
        its policy refuses that."""
        until = time.monotonic() + WITHIN_MS / 1000
        while (found := self.page.evaluate(expression)) != value:
            assert time.monotonic() < until, f"{expression} stays {found!r}"
            time.sleep(0.05)

    def drawn(self, plot: str) -> list[dict[str, Any]]:
        """The traces of a plot, as plotly has them."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "id => document.getElementById(id).data.map(trace => ({type: trace.type, name: trace.name, y: trace.y,"
            " x: trace.x, z: trace.z, text: trace.text, zmin: trace.zmin}))",
            plot,
        )
        return found

    def choose(self, what: str, option: str) -> None:
        """From one of the lists over the plots."""
        self.page.locator(f"#pick-{what}").select_option(label=option)

    def span(self) -> list[float]:
        """From where to where the axis of positions goes."""
        found: list[float] = self.page.evaluate("document.getElementById('map').layout.xaxis.range")
        return found


@pytest.fixture
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The page; a test that it has complained in fails."""
    width, scheme = getattr(request, "param", (WIDE, "light"))
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, reduced_motion="reduce"
    )
    opened = Opened(context.new_page(), report)
    yield opened
    context.close()
    assert opened.complaints == []
    assert opened.requests == [report.as_uri()]


# --------------------------------------------------------------------------------------------------------- the table


def test_numbers_are_sorted_as_numbers_and_what_has_none_stands_last(opened: Opened) -> None:
    heading = opened.page.locator("#results th", has_text="rows")

    heading.get_by_role("button").click()
    assert opened.column(5) == ["12,760", "760", "760", "760", "760", "760", NOTHING]
    assert heading.get_attribute("aria-sort") == "descending"

    heading.get_by_role("button").click()
    assert opened.column(5) == ["760", "760", "760", "760", "760", "12,760", NOTHING]
    assert heading.get_attribute("aria-sort") == "ascending"


def test_negative_numbers_sort_below_zero(opened: Opened) -> None:
    opened.page.locator("#results th", has_text="spearman").get_by_role("button").click()
    shown = [float(text.split()[0]) for text in opened.column(3) if text != NOTHING]
    assert shown == sorted(shown, reverse=True)
    assert shown[-1] < 0


def test_keyboard_alone_sorts_filters_and_picks(opened: Opened) -> None:
    page = opened.page
    page.locator("#results th", has_text="model").get_by_role("button").focus()
    page.keyboard.press("Enter")
    models = opened.column(1)
    assert models == sorted(models, key=str.lower)

    page.get_by_label("Search").focus()
    page.keyboard.type("pairs ridge")
    assert opened.column(1) == ["ridge"]
    page.keyboard.press("Tab")  # data set, model, split, flagged, the table, its seven heads, the row
    for _ in range(40):
        if page.evaluate("document.activeElement.innerText") == "PAIRS_synthetic":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#pick-assay option:checked").inner_text() == "PAIRS_synthetic · fitness"


def test_words_of_any_column_filter(opened: Opened) -> None:
    opened.page.get_by_label("Search").fill("kinase modulo_5")
    assert opened.column(2) == ["modulo_5", "modulo_5"]
    assert opened.page.locator("#shown").inner_text() == "2 of 7 cells"

    opened.page.get_by_label("Search").fill("no such thing")
    assert opened.column(2) == []
    opened.page.get_by_label("Search").fill("")
    assert opened.page.locator("#shown").inner_text() == "All 7 cells"


def test_lists_filter_and_go_together(opened: Opened) -> None:
    opened.page.locator("#filter-model").select_option(label="esm")
    opened.page.locator("#filter-split").select_option(label="random_5")
    assert opened.column(1) == ["esm", "esm"]


def test_what_failed_and_what_is_flagged_can_be_seen_alone_with_its_reason(opened: Opened) -> None:
    opened.page.get_by_label("flagged or failed").check()

    notes = opened.column(7)
    assert len(notes) == 3
    assert sum(GAP in note for note in notes) == 2
    [failed] = [note for note in notes if "failed" in note]
    assert "MemoryError: <b>no room</b> for 3 GB" in failed
    opened.page.locator("#results summary").click()
    assert 'File "run.py", line 7' in opened.page.locator("#results pre").inner_text()


def test_filter_stays_when_the_table_is_sorted(opened: Opened) -> None:
    opened.page.get_by_label("Search").fill("esm")
    opened.page.locator("#results th", has_text="seconds").get_by_role("button").click()
    assert opened.column(1) == ["esm", "esm", "esm"]


def test_means_say_of_how_many_assays_and_change_with_the_metric(opened: Opened) -> None:
    before = opened.page.locator("#means").inner_text()
    assert "2 of 3 assays" in before

    opened.page.get_by_label("Metric").select_option("mse")

    assert opened.page.locator("#means").inner_text() != before
    best = opened.page.locator("#means .best").all_inner_texts()
    assert float(best[0]) < 2  # of an error the lowest is the best


def test_what_to_know_before_reading_stands_on_top(opened: Opened) -> None:
    told = opened.page.locator("#warnings").inner_text()
    assert "1 cell failed" in told
    assert "Good on random folds, near zero on modulo or contiguous folds: ridge" in told


# --------------------------------------------------------------------------------------------------------- the plots


def test_every_held_out_row_is_a_point_at_its_measured_and_predicted_value(opened: Opened) -> None:
    of = scan("KINASE_synthetic")
    [points] = opened.drawn("scatter")

    assert points["text"] == list(of.variants)
    assert points["x"] == pytest.approx(of.measured.tolist(), abs=1e-3)
    assert "All 760 rows" in opened.page.locator("#scatter-note").inner_text()


def test_large_assay_is_drawn_as_counts_and_says_so(opened: Opened) -> None:
    opened.choose("assay", "PAIRS_synthetic · fitness")

    [bins] = opened.drawn("scatter")
    assert bins["type"] == "heatmap"
    note = opened.page.locator("#scatter-note").inner_text()
    assert "All 12,760 rows" in note
    assert "too many to draw each" in note
    assert "760 single mutants of 12,760 scored rows" in opened.page.locator("#map-note").inner_text()


def test_picker_offers_what_there_is_and_draws_it(opened: Opened) -> None:
    opened.choose("model", "esm")
    opened.choose("split", "modulo_5")
    assert opened.page.locator("#facts").inner_text().split()[:8] == [
        "data", "set", "KINASE_synthetic", "target", "DMS_score", "model", "esm", "split",
    ]  # fmt: skip

    opened.choose("assay", "PAIRS_synthetic · fitness")
    assert opened.page.locator("#pick-model option").all_inner_texts() == ["ridge"]
    assert opened.page.locator("#pick-split option").all_inner_texts() == ["random_5"]


def test_folds_get_a_colour_each(opened: Opened) -> None:
    opened.page.get_by_label("a colour for each fold").check()
    traces = opened.drawn("scatter")
    assert [trace["name"] for trace in traces] == [f"fold {number}" for number in range(5)]
    assert [len(trace["x"]) for trace in traces] == [152] * 5


def test_heat_map_has_each_substitution_where_it_belongs(opened: Opened) -> None:
    of = scan("KINASE_synthetic")
    measured = dict(zip(of.variants, of.measured, strict=True))
    letters = "KRHEDNQTSCGAVLIMPYFW"

    heat_map, *_ = opened.drawn("map")

    assert "".join(heat_map["y"]) == letters
    assert heat_map["z"][letters.index("W")][0] == pytest.approx(measured["M1W"], abs=1e-3)
    assert heat_map["z"][letters.index("M")][0] is None  # the wild type
    assert heat_map["z"][letters.index("A")][39] == pytest.approx(measured["V40A"], abs=1e-3)


def test_heat_map_shows_measured_predicted_and_difference(opened: Opened) -> None:
    seen = []
    for view in ("measured", "predicted", "difference"):
        opened.page.get_by_label(view, exact=True).check()
        seen.append(opened.drawn("map")[0]["z"])

    assert seen[0] != seen[1] != seen[2]
    assert all(-100 <= value <= 100 for row in seen[2] for value in row if value is not None)
    assert "Blue: predicted higher" in opened.page.locator("#map-note").inner_text()


def test_amino_acids_can_stand_in_the_order_of_the_alphabet(opened: Opened) -> None:
    opened.page.get_by_label("Amino acids").select_option("alphabet")
    assert "".join(opened.drawn("map")[0]["y"]) == "ACDEFGHIKLMNPQRSTVWY"


def test_profile_has_the_mean_rank_of_each_position(opened: Opened) -> None:
    of = scan("KINASE_synthetic")
    ranks = of.measured.argsort().argsort() / (len(of.measured) - 1) * 100
    at = [float(ranks[19 * place : 19 * (place + 1)].mean()) for place in range(40)]

    profile = {trace["name"]: trace["y"] for trace in opened.drawn("map") if trace["name"]}

    assert set(profile) == {"measured", "predicted"}
    assert profile["measured"] == pytest.approx(at, abs=0.5)


def test_positions_can_be_typed(opened: Opened) -> None:
    opened.page.get_by_label("first position").fill("10")
    opened.page.get_by_label("last position").fill("20")
    opened.page.keyboard.press("Enter")
    opened.wait_until("document.getElementById('map').layout.xaxis.range[1]", 20.5)
    assert opened.span() == [9.5, 20.5]

    opened.page.get_by_role("button", name="whole protein").click()
    opened.wait_until("document.getElementById('map').layout.xaxis.range[1]", 40.5)


def test_positions_outside_of_the_protein_become_its_ends(opened: Opened) -> None:
    opened.page.get_by_label("first position").fill("-5")
    opened.page.get_by_label("last position").fill("900")
    opened.page.keyboard.press("Enter")
    assert opened.page.get_by_label("first position").input_value() == "1"
    assert opened.page.get_by_label("last position").input_value() == "40"


def test_row_of_the_table_leads_to_its_plots(opened: Opened) -> None:
    opened.page.locator("#results tbody tr", has_text="modulo_5").nth(1).get_by_role("button").click()
    assert "modulo_5" in opened.page.locator("#facts").inner_text()
    assert opened.page.locator("tr.picked").inner_text().split()[:3] == ["KINASE_synthetic", "DMS_score", "esm"]


def test_what_made_the_predictions_can_be_unfolded(opened: Opened) -> None:
    opened.page.get_by_text("What made these predictions").click()
    assert 64 * "5" in opened.page.locator("#provenance").inner_text()


# --------------------------------------------------------------------------------------------------------- hostile data


def test_names_that_would_be_markup_are_shown_as_they_are(opened: Opened) -> None:
    opened.choose("assay", f"{HOSTILE} · <i>score</i>"[:59] + "…")

    assert opened.page.locator("#facts").inner_text().count(HOSTILE) == 1
    assert opened.page.title() == "A small benchmark"
    assert opened.page.locator("img").count() == 0
    assert opened.page.locator("main i, main b").count() == 0
    assert opened.page.locator("#scatter .xtitle").text_content() == "measured (<i>score</i>)"


# --------------------------------------------------------------------------------------------------------- the room


@pytest.mark.parametrize(
    "opened", [(width, scheme) for width in (WIDE, NARROW) for scheme in ("light", "dark")], indirect=True, ids=str
)
def test_page_fits_its_window_and_its_text_stands_out(opened: Opened) -> None:
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for plot in ("scatter", "map"):
        assert opened.page.evaluate(f"document.querySelector('#{plot} .main-svg').clientWidth <= innerWidth")
    for selector in ("h1", ".hint", "#warnings", "#results td", ".badge", "button.link"):
        assert opened.page.evaluate(CONTRAST, selector) >= 4.5, selector


CONTRAST = """selector => {
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (text) => numbers(text).slice(0, 3).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  let element = document.querySelector(selector), behind = element;
  const clear = (one) => /, 0\\)$|transparent/.test(getComputedStyle(one).backgroundColor);
  while (clear(behind) && behind.parentElement) behind = behind.parentElement;
  const [one, other] = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}"""


def test_colours_follow_the_system_while_the_page_is_open(opened: Opened) -> None:
    opened.page.emulate_media(color_scheme="dark")
    opened.wait_until("document.getElementById('scatter').layout.font.color", "#e4e8ec")


# --------------------------------------------------------------------------------------------------------- no plots


def test_benchmark_of_which_all_failed_has_a_page_that_says_so(browser: Browser, tmp_path: Path) -> None:
    made = BenchmarkFolder(tmp_path)
    made.add_failed(scan("one"), "ridge", "random_5")
    made.add_failed(scan("one"), "esm", "random_5", error="killed")
    file = write_report(made.write(), tmp_path / "page.html").files[0]
    complaints: list[str] = []
    page = browser.new_page()
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.goto(file.as_uri())

    assert "No cell has predictions to draw." in page.locator("#no-plots").inner_text()
    assert page.locator("#results tbody tr").count() == 2
    assert "2 cells failed" in page.locator("#warnings").inner_text()
    assert complaints == []
    page.close()
