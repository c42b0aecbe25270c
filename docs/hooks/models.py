"""A page a model, made while the site is built: from its card, its wrapper, its config.yaml and its golden answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

# mkdocs runs as a program of its own, which does not look for modules here.
sys.path.insert(0, str(Path(__file__).parents[2]))
from scripts.docs.model_page import documented_models, render, render_overview

_SECTION = "Models"
_OVERVIEW = "models/index.md"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages into the navigation, where mkdocs.yml has the section."""
    entries: list[Any] = config.nav or []
    section = next(entry for entry in entries if _SECTION in entry)
    section[_SECTION] = [_OVERVIEW, *({name: f"models/{name}.md"} for name in documented_models())]
    return config


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages."""
    names = documented_models()
    files.append(File.generated(config, _OVERVIEW, content=render_overview(names)))
    for name in names:
        files.append(File.generated(config, f"models/{name}.md", content=render(name)))
    return files
