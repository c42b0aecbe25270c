"""The documentation builds without a warning, has a page a model, and asks no other host for anything."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

from repro.config import load_config
from repro.models.esm import ESM
from scripts.docs.generate import PAGES
from scripts.docs.model_page import documented_models
from tests.documents import ROOT, copy_project, environment

LOADED_BY = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "preconnect", "dns-prefetch", "modulepreload", "manifest", "prefetch"}
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s]+)""")


class Page(HTMLParser):
    """What a page loads, where it leads, and which anchors it has."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.headings: list[str] = []
        self._heading: list[str] | None = None
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if name in values}
        if values.get(LOADED_BY.get(tag, "")):
            self.loaded.append(values[LOADED_BY[tag]])
        if tag == "link" and LOADED_LINKS & set(values.get("rel", "").split()):
            self.loaded.append(values["href"])
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        self.loaded += IN_STYLES.findall(values.get("style", ""))
        if tag in ("h1", "h2", "h3"):
            self._heading = []

    def handle_data(self, data: str) -> None:
        if self._heading is not None:
            self._heading.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h1", "h2", "h3") and self._heading is not None:
            self.headings.append("".join(self._heading).strip().rstrip("¶"))
            self._heading = None


def build(folder: Path, site: Path) -> None:
    """Build the site of a copy of the project; a warning fails the test."""
    environ = {**environment(folder, "local"), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of this project, with a model more than it has."""
    copy, site = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("site")
    copy_project(copy)
    for folder in (copy / "repro" / "models", copy / "models"):
        _copy_model(folder / "tutorial", folder / "newcomer")
    build(copy, site)
    return site


def _copy_model(source: Path, target: Path) -> None:
    for path in (path for path in source.rglob("*") if path.is_file()):
        copied = target / path.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_text(encoding="utf-8").replace("tutorial", "newcomer").replace("Tutorial", "Newcomer")
        copied.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_no_page_loads_anything_from_another_host(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {address for page in pages.values() for address in page.loaded}
    for style in site.rglob("*.css"):
        loaded |= set(IN_STYLES.findall(style.read_text(encoding="utf-8")))

    assert len(loaded) > 5
    assert [address for address in sorted(loaded) if urlsplit(address).netloc] == []


def test_links_within_the_site_lead_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        if path.name == "404.html":  # its links begin at the root of wherever the site will be
            continue
        for link in page.links:
            target, anchor = urldefrag(link)
            if urlsplit(link).scheme or urlsplit(link).netloc:
                continue
            found = path if not target else (path.parent / unquote(target)).resolve()
            found = found / "index.html" if found.is_dir() else found
            is_there = found in pages and (not anchor or unquote(anchor) in pages[found].anchors)
            if not is_there and found.suffix in ("", ".html"):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


def test_links_to_other_places_are_encrypted(pages: dict[Path, Page]) -> None:
    addresses = {link for page in pages.values() for link in page.links if urlsplit(link).netloc}
    local = {link for link in addresses if urlsplit(link).hostname in ("localhost", "127.0.0.1")}
    assert {urlsplit(link).scheme for link in addresses - local} <= {"https"}


def test_model_that_was_just_added_has_its_page_with_no_further_edits(site: Path, pages: dict[Path, Page]) -> None:
    page = site / "models" / "newcomer" / "index.html"
    assert {"newcomer", "Inputs", "Reference", "Keys of a record"} <= set(pages[page].headings)
    assert "newcomer/" in pages[site / "models" / "index.html"].links
    assert any(link.endswith("models/newcomer/") for link in pages[site / "index.html"].links)


@pytest.mark.parametrize("name", documented_models())
def test_page_of_a_model_has_its_card_and_what_its_code_says(name: str, site: Path) -> None:
    text = (site / "models" / name / "index.html").read_text(encoding="utf-8")
    config = load_config(ROOT / "models" / name)

    for heading in re.findall(r"^## (.+)$", (ROOT / "models" / name / "README.md").read_text(), re.MULTILINE):
        assert heading in text
    for variant in config.variants.values():
        assert f"<code>{variant.name}</code>" in text
        for file in variant.files:
            assert f"<code>{file.name}</code>" in text
            assert (file.sha256 or "") in text


def test_page_of_a_model_has_what_it_takes_and_gives(site: Path) -> None:
    text = html.unescape((site / "models" / "esm" / "index.html").read_text(encoding="utf-8"))
    for declared in (ESM.Inputs, ESM.Outputs, ESM.Parameters):
        assert declared is not None
        for field, info in declared.model_fields.items():
            assert f"<code>{field}</code>" in text
            assert (info.description or "").split("|")[0] in text
    assert "Golden answers" in text


def test_models_of_other_packages_are_not_on_the_site(site: Path) -> None:
    assert {path.name for path in (site / "models").iterdir() if path.is_dir()} == {*documented_models(), "newcomer"}


def test_everything_public_of_python_is_in_the_reference(pages: dict[Path, Page], site: Path) -> None:
    anchors = pages[site / "reference" / "python" / "index.html"].anchors
    assert {"repro.model.Model", "repro.parallel.ParallelModel", "repro.session.Session"} <= anchors
    assert "repro.model.Model.predict_batch" in anchors
    assert "repro.guest.runner.Runner.predict" in pages[site / "reference" / "run" / "index.html"].anchors


def test_every_error_is_in_the_reference_with_its_parents(pages: dict[Path, Page], site: Path) -> None:
    from repro.errors import ReproError

    def all_of(kind: type[ReproError]) -> Iterator[type[ReproError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from all_of(child)

    ours = {kind for kind in all_of(ReproError) if kind.__module__ == "repro.errors"}
    anchors = pages[site / "reference" / "errors" / "index.html"].anchors
    assert {f"repro.errors.{kind.__name__}" for kind in ours} <= anchors


def test_examples_in_docstrings_are_code_on_the_site(site: Path) -> None:
    text = (site / "reference" / "python" / "index.html").read_text(encoding="utf-8")
    assert "<blockquote>" not in text
    assert "doctest:" not in text


def test_tables_have_no_marks_of_markdown_left_in_them(pages: dict[Path, Page], site: Path) -> None:
    cells = re.compile(r"<t[dh][^>]*>(.*?)</t[dh]>", re.DOTALL)
    for path in pages:
        for cell in cells.findall(path.read_text(encoding="utf-8")):
            plain = re.sub(r"<[^>]+>", "", cell)
            assert "\\|" not in plain, path.relative_to(site)
            assert "](" not in plain, path.relative_to(site)


def test_search_finds_models_commands_and_classes(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {document["location"] for document in index["docs"]}
    assert {"models/esm/#variants", "reference/cli/#repro-clean"} <= found
    assert "reference/python/#repro.model.Model.stream" in found


def test_generated_pages_are_found_stale_when_the_code_has_changed(tmp_path: Path) -> None:
    copy_project(tmp_path)
    environ = environment(tmp_path, "local")
    check = [sys.executable, "-m", "scripts.docs.generate", "--check"]
    settings = tmp_path / "repro" / "settings.py"
    settings.write_text(settings.read_text().replace("environments and other things", "environments, other things"))
    clean = tmp_path / "repro" / "cli" / "clean.py"
    clean.write_text(clean.read_text().replace("Only show what would be removed.", "Show what would be removed."))

    checked = subprocess.run(check, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert all(f"{name} is stale: run `make docs`" in checked.stderr for name in PAGES)

    subprocess.run(check[:-1], cwd=tmp_path, env=environ, capture_output=True, check=True)
    assert subprocess.run(check, cwd=tmp_path, env=environ, check=False).returncode == 0
    assert "Show what would be removed." in (tmp_path / "docs" / "reference" / "cli.md").read_text()


def test_page_of_the_command_line_does_not_depend_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from scripts.docs import command_line

    monkeypatch.setenv("COLUMNS", "40")
    narrow = command_line.render()
    monkeypatch.setenv("COLUMNS", "200")
    assert os.environ["COLUMNS"] == "200"
    assert command_line.render() == narrow
