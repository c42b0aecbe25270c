"""`repro weights`: what is here, fetched, read again, removed."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Repro
from tests.unit.cli.housekeeping_test import on_a_terminal as typing_at_a_terminal
from tests.unit.cli.progress_test import on_a_terminal

SMALL, BOTH, NEW = b"small" * 1000, b"both" * 2000, b"newer" * 1000
CONFIG = """\
licence: MIT
default_variant: small
models:
  small:
    files:
      - {{url: "{url}/small.pt"}}
      - {{url: "{url}/both.pt", sha256: {both}, licence: CC0-1.0}}
  large:
    files:
      - {{url: "{url}/both.pt", sha256: {both}}}
  packaged: {{}}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path, moody: None) -> Iterator[Path]:
    """The folder that the weights of the model `moody` come from."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "small.pt").write_bytes(SMALL)
    (folder / "both.pt").write_bytes(BOTH)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    config = CONFIG.format(url=url, both=hashlib.sha256(BOTH).hexdigest())
    (tmp_path / "packages" / "moody" / "container" / "config.yaml").write_text(config)
    yield folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def weights_dir(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "weights"


@pytest.mark.usefixtures("served")
class TestFetch:
    def test_default_variant_is_fetched(self, repro: Repro, weights_dir: Path) -> None:
        ran = repro("weights", "fetch", "moody")
        assert ran.code == 0, ran.err
        assert (weights_dir / "moody" / "small" / "small.pt").read_bytes() == SMALL
        assert f"small: {weights_dir / 'moody' / 'small'}" in ran.err

    def test_several_variants_are_fetched_and_told_as_json(self, repro: Repro, weights_dir: Path) -> None:
        ran = repro("weights", "fetch", "moody", "--variant", "small", "--variant", "large", "--json")
        folder = weights_dir / "moody"
        assert json.loads(ran.out) == {"small": str(folder / "small"), "large": str(folder / "large")}

    def test_all_variants_are_fetched_those_without_files_too(self, repro: Repro, weights_dir: Path) -> None:
        ran = repro("weights", "fetch", "moody", "--all")
        assert ran.code == 0
        assert "packaged: comes with the packages of the model" in ran.err
        assert (weights_dir / "moody" / "large" / "both.pt").exists()

    def test_unknown_variant_is_told_with_the_near_names(self, repro: Repro) -> None:
        ran = repro("weights", "fetch", "moody", "--variant", "smal")
        assert ran.code == 2
        assert "did you mean small" in ran.err

    def test_unknown_model_is_told_with_the_near_names(self, repro: Repro) -> None:
        ran = repro("weights", "fetch", "moodi")
        assert ran.code == 2
        assert "did you mean moody" in ran.err

    def test_bars_of_several_files_are_shown_on_a_terminal(self) -> None:
        code, shown = on_a_terminal("weights", "fetch", "moody")
        assert code == 0
        assert "small.pt" in shown
        assert "both.pt" in shown

    @pytest.mark.parametrize("how", ["option", "variable"])
    def test_offline_what_is_missing_is_named(self, repro: Repro, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
        if how == "variable":
            monkeypatch.setenv("REPRO_OFFLINE", "1")
        ran = repro("weights", "fetch", "moody", *(["--offline"] if how == "option" else []))
        assert ran.code == 4
        assert "of small is not in" in ran.err
        assert "nothing is fetched offline" in ran.err

    def test_offline_what_is_here_is_enough(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody")
        assert repro("weights", "fetch", "moody", "--offline").code == 0

    def test_users_mirror_is_used_by_setup_too(
        self, repro: Repro, served: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place = tmp_path / "mirror" / "moody" / "large"
        place.mkdir(parents=True)
        (served / "both.pt").rename(place / "both.pt")
        monkeypatch.setenv("REPRO_WEIGHTS_MIRROR", str(tmp_path / "mirror"))
        ran = repro("setup", "moody", "--variant", "large")
        assert ran.code == 0, ran.err

    def test_changed_weights_are_refused_until_the_hash_is_forgotten(
        self, repro: Repro, served: Path, weights_dir: Path
    ) -> None:
        repro("weights", "fetch", "moody")
        repro("weights", "remove", "moody", "--all")
        (served / "small.pt").write_bytes(NEW)
        refused = repro("weights", "fetch", "moody")
        assert refused.code == 4
        assert "repro weights forget moody --variant small" in refused.err
        forgotten = repro("weights", "forget", "moody", "--variant", "small", "--file", "small.pt")
        assert "forgotten: small.pt" in forgotten.err
        assert repro("weights", "fetch", "moody").code == 0
        assert (weights_dir / "moody" / "small" / "small.pt").read_bytes() == NEW


@pytest.mark.usefixtures("served")
class TestList:
    def test_what_is_here_is_shown_with_sizes_licences_and_hashes(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody", "--all")
        lines = repro("weights", "list", "moody").out.splitlines()
        assert lines[0].split() == ["MODEL", "VARIANT", "FILE", "SIZE", "SHARED", "LICENCE", "SHA256"]
        digest = hashlib.sha256(BOTH).hexdigest()
        assert ["moody", "small", "both.pt", "8.0", "kB", "1", "CC0-1.0", digest[:12]] in [one.split() for one in lines]
        assert ["moody", "large", "both.pt", "8.0", "kB", "1", "MIT", digest[:12]] in [one.split() for one in lines]

    def test_contents_that_are_shared_count_once(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody", "--all")
        assert repro("weights", "list", "moody").err.startswith("13.0 kB in ")

    def test_more_is_shown_with_v(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody", "--variant", "large")
        out = repro("weights", "list", "moody", "-v").out
        assert hashlib.sha256(BOTH).hexdigest() in out
        assert "/both.pt" in out

    def test_what_is_not_fetched_is_shown_as_such(self, repro: Repro) -> None:
        lines = [line.split() for line in repro("weights", "list", "moody").out.splitlines()]
        assert ["moody", "small", "-", "?", "-", "MIT,", "CC0-1.0", "-"] in lines

    def test_as_json(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody", "--all")
        found = {one["variant"]: one for one in json.loads(repro("weights", "list", "moody", "--json").out)}
        assert found["small"]["size_bytes"] == len(SMALL) + len(BOTH)
        assert found["small"]["shared_bytes"] == len(BOTH)
        assert found["large"]["files"][0]["shared_with"] == ["moody/small"]
        assert found["small"]["licences"] == ["MIT", "CC0-1.0"]

    def test_weights_of_a_model_that_is_not_installed_any_more_are_shown_and_can_be_removed(
        self, repro: Repro, weights_dir: Path
    ) -> None:
        repro("weights", "fetch", "moody")
        (weights_dir / "moody").rename(weights_dir / "gone")
        assert "gone" in repro("weights", "list").out
        assert repro("weights", "remove", "gone", "--all").code == 0
        assert not (weights_dir / "gone" / "small").exists()


@pytest.mark.usefixtures("served")
class TestVerify:
    def test_whole_weights_are_said_to_be_whole(self, repro: Repro) -> None:
        repro("weights", "fetch", "moody", "--all")
        ran = repro("weights", "verify")
        assert (ran.code, ran.out) == (0, "")
        assert "3 files are what they should be" in ran.err

    def test_nothing_here_is_no_fault(self, repro: Repro) -> None:
        ran = repro("weights", "verify")
        assert ran.code == 0
        assert "no weights are here" in ran.err

    def test_damage_is_shown_in_a_table_and_mended_as_it_says(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody")
        path = weights_dir / "moody" / "small" / "small.pt"
        before = path.stat()
        path.chmod(0o644)
        path.write_bytes(NEW)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        ran = repro("weights", "verify", "moody")
        assert ran.code == 4
        assert ran.out.splitlines()[0].split() == ["MODEL", "VARIANT", "FILE", "SIZE", "WHAT", "IS", "WRONG"]
        assert "small.pt" in ran.out
        assert "both.pt" not in ran.out
        assert "do: repro weights fetch moody --variant small --again" in ran.err
        assert repro("weights", "fetch", "moody", "--variant", "small", "--again").code == 0
        assert repro("weights", "verify", "moody").code == 0
        assert path.read_bytes() == SMALL

    def test_as_json(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody")
        (weights_dir / "moody" / "small" / "small.pt").unlink()
        ran = repro("weights", "verify", "moody", "--variant", "small", "--json")
        assert ran.code == 4
        assert {one["name"]: one["flaw"] for one in json.loads(ran.out)} == {"small.pt": "missing", "both.pt": ""}

    def test_variant_that_is_not_here_is_told(self, repro: Repro) -> None:
        ran = repro("weights", "verify", "moody", "--variant", "large")
        assert ran.code == 2
        assert "no weights of 'large' are here" in ran.err


@pytest.mark.usefixtures("served")
class TestRemove:
    def test_dry_run_shows_and_removes_nothing(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody", "--all")
        ran = repro("weights", "remove", "moody", "--variant", "small", "--dry-run")
        assert "would remove moody/small, 13.0 kB" in ran.out
        assert "5.0 kB would be freed; 8.0 kB stay, as others have them too" in ran.err
        assert (weights_dir / "moody" / "small" / "small.pt").exists()

    def test_a_shared_content_stays_for_the_other(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody", "--all")
        ran = repro("weights", "remove", "moody", "--variant", "small", "--json")
        told = json.loads(ran.out)
        assert (told["freed_bytes"], told["kept_bytes"], told["dry_run"]) == (len(SMALL), len(BOTH), False)
        assert (weights_dir / "moody" / "large" / "both.pt").read_bytes() == BOTH
        assert len(list((weights_dir / ".blobs").iterdir())) == 1

    @pytest.mark.parametrize(("answer", "stays"), [("y", False), ("n", True), ("", True)])
    def test_on_a_terminal_it_asks_and_the_default_is_no(
        self, repro: Repro, weights_dir: Path, answer: str, stays: bool
    ) -> None:
        repro("weights", "fetch", "moody")
        said = typing_at_a_terminal(f"{answer}\n", "weights", "remove", "moody", "--all")
        assert "would remove moody/small" in said
        assert said.count("remove all of these? [y/N]") == 1
        assert ("nothing was removed" in said) is stays
        assert (weights_dir / "moody" / "small").exists() is stays

    def test_who_has_said_yes_is_not_asked(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody")
        assert "[y/N]" not in typing_at_a_terminal("", "weights", "remove", "moody", "--all", "--yes")
        assert not (weights_dir / "moody" / "small").exists()

    def test_what_a_failed_fetch_leaves_is_no_weights(self, repro: Repro, served: Path, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody", "--variant", "small")
        (served / "both.pt").unlink()
        repro("weights", "remove", "moody", "--all")
        assert repro("weights", "fetch", "moody", "--variant", "large").code != 0
        assert repro("weights", "verify", "moody").code == 0
        assert "nothing to remove" in repro("weights", "remove", "moody", "--all", "--dry-run").err

    def test_all_of_all_models(self, repro: Repro, weights_dir: Path) -> None:
        repro("weights", "fetch", "moody", "--all")
        assert repro("weights", "remove", "--all").code == 0
        assert list((weights_dir / ".blobs").iterdir()) == []
        assert "nothing to remove" in repro("weights", "remove", "--all").err

    @pytest.mark.parametrize("words", [[], ["moody"], ["moody", "--variant", "small", "--all"]])
    def test_what_is_meant_has_to_be_said(self, repro: Repro, words: list[str]) -> None:
        repro("weights", "fetch", "moody")
        assert repro("weights", "remove", *words).code == 2

    @pytest.mark.parametrize("name", ["..", "../work", ".blobs", "."])
    def test_names_that_are_no_models_lead_nowhere(self, repro: Repro, name: str) -> None:
        repro("weights", "fetch", "moody")
        assert repro("weights", "remove", name, "--all").code == 2


def test_a_model_without_weights_says_so(repro: Repro) -> None:
    ran = repro("weights", "fetch", "tutorial")
    assert ran.code == 0
    assert "tutorial has no weights that are fetched" in ran.err
    assert "packages" not in ran.err


def test_forgetting_what_is_not_known_is_said(repro: Repro, moody: None) -> None:
    ran = repro("weights", "forget", "moody", "--variant", "small")
    assert ran.code == 0
    assert "no such hash was recorded" in ran.err


def test_commands_are_shown(repro: Repro) -> None:
    out = repro("weights", "--help").out
    assert all(name in out for name in ("list", "fetch", "verify", "remove", "forget"))
