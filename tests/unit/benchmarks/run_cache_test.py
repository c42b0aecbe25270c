"""The folder of cells: what is found in it, and that nothing half-written ever is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from repro.benchmarks.cache import (
    CELL_FILE,
    DONE,
    FAILED,
    PREDICTIONS_FILE,
    Cache,
    Record,
    file_sha256,
    read_record,
    write_record,
)
from repro.errors import OutputError

IDENTITY = {"data": "abc", "form": 1}


def put(cache: Cache, key: str = "k", status: str = DONE, text: str = "test,pred\n1,2\n") -> None:
    part = cache.begin(key)
    (part / PREDICTIONS_FILE).write_text(text)
    sha256 = file_sha256(part / PREDICTIONS_FILE) or ""
    write_record(part, Record(key, status, IDENTITY, {"dataset": "one"}, predictions_sha256=sha256))
    cache.commit(part, key)


def test_cell_is_found_with_all_that_was_recorded(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.find("k", IDENTITY) is None
    put(cache)
    found = cache.find("k", IDENTITY)
    assert found is not None
    assert (found.status, found.facts) == (DONE, {"dataset": "one"})
    assert json.loads((tmp_path / "cells" / "k" / "cell.json").read_text())["dataset"] == "one"


def test_cell_of_another_identity_that_failed_or_was_changed_is_not_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    put(cache)
    assert cache.find("k", {**IDENTITY, "data": "other"}) is None
    put(cache, "failed", FAILED)
    assert cache.find("failed", IDENTITY) is None
    (tmp_path / "cells" / "k" / PREDICTIONS_FILE).write_text("test,pred\n1,3\n")
    assert cache.find("k", IDENTITY) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"layout": 99}', '{"layout": 1, "key": "k"}'])
def test_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    cache = Cache(tmp_path)
    put(cache)
    (tmp_path / "cells" / "k" / "cell.json").write_text(text)
    assert cache.find("k", IDENTITY) is None


def test_cell_without_its_predictions_is_not_found(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    put(cache)
    (tmp_path / "cells" / "k" / PREDICTIONS_FILE).unlink()
    assert cache.find("k", IDENTITY) is None


def test_new_cell_takes_the_place_of_an_old_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    put(cache, status=FAILED)
    put(cache, text="test,pred\n5,6\n")
    assert cache.find("k", IDENTITY) is not None
    assert (tmp_path / "cells" / "k" / PREDICTIONS_FILE).read_text() == "test,pred\n5,6\n"
    assert [path.name for path in (tmp_path / "cells").iterdir()] == ["k"]


def test_what_a_killed_run_left_is_removed_by_who_has_the_lock(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    part = cache.begin("k")
    (part / PREDICTIONS_FILE).write_text("half")
    with cache.locked(lambda: None):
        assert not part.exists()


def test_one_run_at_a_time_has_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("repro.benchmarks.cache._LOCK_TIMEOUT_S", 0.01)
    told: list[str] = []
    with Cache(tmp_path).locked(lambda: None):
        with pytest.raises(OutputError, match="another run computes cells"):
            with Cache(tmp_path).locked(lambda: told.append("waiting")):
                pass
    assert told == ["waiting"]
    with Cache(tmp_path).locked(lambda: None):
        pass


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file"):
        with Cache(tmp_path / "file").locked(lambda: None):
            pass


@pytest.mark.parametrize(
    "changed",
    [
        {"scores": []},
        {"scores": {"auc": 3}},
        {"scores": {"auc": {}}},
        {"scored_with": 3},
        {"seconds": "x"},
        {"rows": None},
    ],
)
def test_record_whose_values_somebody_broke_is_none(tmp_path: Path, changed: dict[str, object]) -> None:
    write_record(tmp_path, Record("k", DONE, {"split": "random_5"}))
    document = json.loads((tmp_path / CELL_FILE).read_text())
    (tmp_path / CELL_FILE).write_text(json.dumps({**document, **changed}))

    assert read_record(tmp_path) is None


def test_folder_or_file_in_the_place_of_the_other_is_no_cell_and_goes(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    (cache.cells / "one" / CELL_FILE).mkdir(parents=True)
    (cache.cells / "two").write_text("")
    for key in ("one", "two"):
        assert cache.find(key, {}) is None
        part = cache.begin(key)
        write_record(part, Record(key, DONE, {}))
        (part / PREDICTIONS_FILE).mkdir()
        cache.commit(part, key)
        assert read_record(cache.cells / key) is not None
        assert cache.find(key, {}) is None
    (cache.cells / ".left.part").write_text("")
    cache.remove_unfinished()
    assert sorted(one.name for one in cache.cells.iterdir()) == ["one", "two"]
