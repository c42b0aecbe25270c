"""What a user sets once for weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from repro.config import load_config
from repro.errors import SettingsError
from repro.settings import Settings

if TYPE_CHECKING:
    from tests.unit.weights.conftest import FileServer, Store


def test_mirror_and_offline_are_read() -> None:
    settings = Settings.from_environ({"REPRO_WEIGHTS_MIRROR": "https://mirror.example.org", "REPRO_OFFLINE": "1"})
    assert (settings.weights_mirror, settings.offline) == ("https://mirror.example.org", True)


@pytest.mark.parametrize("environ", [{}, {"REPRO_WEIGHTS_MIRROR": "", "REPRO_OFFLINE": ""}, {"REPRO_OFFLINE": "0"}])
def test_unset_there_is_no_mirror_and_a_network(environ: dict[str, str]) -> None:
    settings = Settings.from_environ(environ)
    assert (settings.weights_mirror, settings.offline) == (None, False)


def test_a_value_that_is_neither_is_refused_with_its_name() -> None:
    with pytest.raises(SettingsError) as raised:
        Settings.from_environ({"REPRO_OFFLINE": "maybe"})
    assert raised.value.message == "REPRO_OFFLINE='maybe' is neither 1 nor 0"
    assert raised.value.fix == "set REPRO_OFFLINE=1, or unset it"


@pytest.mark.parametrize(
    "address",
    [
        "https://bob:hunter2@[::1/y",
        "https:///bob:hunter2@host/y",
        "https://bob:hunter2@/y",
        "hunter2@host/y",
        "bob:hunter2@host/y",
        "file://bob:hunter2@[host/y",
        "s3://bob:hunter2@bucket",
        "hf://bob:hunter2@host/y",
    ],
)
@pytest.mark.parametrize("key", ["url", "source", "mirrors"])
def test_an_address_in_config_that_is_none_shows_no_password(tmp_path: Path, address: str, key: str) -> None:
    entry = f'url: https://a.org/x\n        mirrors: ["{address}"]' if key == "mirrors" else f'{key}: "{address}"'
    (tmp_path / "config.yaml").write_text(f"models:\n  a:\n    files:\n      - {entry}\n")
    with pytest.raises(SettingsError) as raised:
        load_config(tmp_path)
    assert f"models.a.files.0.{key}" in raised.value.message
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    "mirror",
    ["bob:hunter2@host/m", "https:///bob:hunter2@host/m", "https://bob:hunter2@[::1/m", "ftp://bob:hunter2@host/m"],
)
def test_a_mirror_that_is_none_shows_no_password(
    store: Store, server: FileServer, mirror: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.put("w.pt", b"weights")
    server.files["w.pt"].statuses = [404]
    error = store.failure(server.file("w.pt"), mirror=mirror)
    assert "hunter2" not in str(error) + caplog.text


@pytest.mark.parametrize("name", ["x" * 201, "é" * 101, "a\\nb", "a\\eb", "C:x"])
def test_a_name_that_no_store_can_keep_is_refused(tmp_path: Path, name: str) -> None:
    entry = f'{{url: "https://a.org/x", name: "{name}"}}'
    (tmp_path / "config.yaml").write_text(f"models:\n  a:\n    files:\n      - {entry}\n")
    with pytest.raises(SettingsError, match=r"models\.a\.files\.0\.name must be a path inside"):
        load_config(tmp_path)
