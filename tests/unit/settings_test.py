"""Settings are read from the environment, once, and a wrong one is told by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import SettingsError
from repro.settings import Settings


def test_without_variables_the_defaults_hold() -> None:
    settings = Settings.from_environ({})

    assert settings.runtime is None
    assert settings.start_timeout_s == 600
    assert settings.call_timeout_s is None
    assert settings.weights_dir == settings.cache_dir / "weights"


def test_every_variable_is_read() -> None:
    settings = Settings.from_environ(
        {
            "REPRO_RUNTIME": "local",
            "REPRO_CACHE_DIR": "/c",
            "REPRO_WEIGHTS_DIR": "/w",
            "REPRO_EXCHANGE_DIR": "/x",
            "REPRO_LOCAL_PYTHON": "/p",
            "REPRO_START_TIMEOUT": "1",
            "REPRO_CALL_TIMEOUT": "2.5",
            "REPRO_IDLE_TIMEOUT": "3",
        }
    )

    assert settings == Settings("local", Path("/c"), Path("/w"), Path("/x"), Path("/p"), 1.0, 2.5, 3.0)


def test_weights_lie_in_the_cache_that_is_named() -> None:
    assert Settings.from_environ({"REPRO_CACHE_DIR": "/c"}).weights_dir == Path("/c/weights")


def test_the_cache_follows_the_desktops_own_variable() -> None:
    assert Settings.from_environ({"XDG_CACHE_HOME": "/x"}).cache_dir == Path("/x/repro")


def test_auto_and_empty_leave_the_choice_open() -> None:
    assert Settings.from_environ({"REPRO_RUNTIME": "auto"}).runtime is None
    assert Settings.from_environ({"REPRO_RUNTIME": ""}).runtime is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REPRO_RUNTIME", "dokcer"),
        ("REPRO_START_TIMEOUT", "soon"),
        ("REPRO_CALL_TIMEOUT", "0"),
        ("REPRO_IDLE_TIMEOUT", "-1"),
        ("REPRO_IDLE_TIMEOUT", "nan"),
        ("REPRO_IDLE_TIMEOUT", "inf"),
    ],
)
def test_a_wrong_value_is_told_with_the_name_of_its_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}='{value}'") as caught:
        Settings.from_environ({name: value})
    assert caught.value.fix
