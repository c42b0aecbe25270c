"""`image.lock`: written, read, and refused where it is not what it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import SettingsError
from repro.images.lock import LOCK_FILE, ImageLock, Published, read_lock, write_lock

DIGEST = "sha256:" + 64 * "a"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    lock = ImageLock({"python:3.11": DIGEST}, {"1.0": Published("registry.example.org/esm", DIGEST)})
    write_lock(tmp_path, lock)
    assert read_lock(tmp_path) == lock
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_a_folder_without_a_lock_has_an_empty_one(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == ImageLock()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "the file"),
        ('{"bases": {}}', "bases"),
        ('{"base": {"python:3.11": "sha256:12"}}', "base.python:3.11"),
        ('{"base": {"python:3.11": null}}', "base.python:3.11"),
        ('{"published": {"1.0": {"digest": "sha256:1"}}}', "published.1.0.repository"),
        ('{"published": {"1.0": "x"}}', "published.1.0"),
        ('{"published": {"1.0": {"repository": "a", "digest": "b", "when": 1}}}', "published.1.0.when"),
    ],
)
def test_what_is_no_lock_is_refused_with_the_place(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / LOCK_FILE).write_text(text)
    with pytest.raises(SettingsError) as raised:
        read_lock(tmp_path)
    assert named in str(raised.value)
    assert LOCK_FILE in str(raised.value)
