"""The record of the images that builds made."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from repro.images.made import RECORD_FILE, made_images, record_made


def engine(identity: str) -> Any:
    """An engine that has one image, whatever it is asked for."""
    return cast("Any", SimpleNamespace(images=SimpleNamespace(get=lambda _: SimpleNamespace(id=identity))))


def test_what_was_made_is_known_with_all_its_names(tmp_path: Path) -> None:
    record_made(engine("sha256:1"), "lab/esm:1.0", tmp_path / "cache")
    record_made(engine("sha256:2"), "lab/esm:1.0", tmp_path / "cache")
    record_made(engine("sha256:2"), "mirror/esm:1.0", tmp_path / "cache")

    assert made_images(tmp_path / "cache") == {
        "sha256:1": {"lab/esm:1.0"},
        "sha256:2": {"lab/esm:1.0", "mirror/esm:1.0"},
    }


def test_builds_at_the_same_time_are_all_recorded(tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=record_made, args=(engine(f"sha256:{number}"), "esm:1.0", tmp_path))
        for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made_images(tmp_path)) == 20


@pytest.mark.parametrize("content", ["", "[]", '{"sha256:1": {}}', '{"sha256:1": 3}', "\xff", '{"sha256:1": {"na'])
def test_damaged_record_knows_no_image_says_so_and_is_begun_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    (tmp_path / RECORD_FILE).write_text(content, encoding="latin-1")

    assert made_images(tmp_path) == {}
    assert "no image is known to be repro's" in caplog.text

    record_made(engine("sha256:1"), "esm:1.0", tmp_path)
    assert json.loads((tmp_path / RECORD_FILE).read_text()) == {"sha256:1": {"names": ["esm:1.0"]}}


def test_record_that_cannot_be_written_fails_no_build_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()

    with caplog.at_level(logging.WARNING):
        record_made(engine("sha256:1"), "esm:1.0", tmp_path / "file" / "cache")

    assert "esm:1.0: `repro clean --images` will not know it" in caplog.text
