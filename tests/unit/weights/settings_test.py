"""What a user sets once for weights."""

from __future__ import annotations

import pytest

from repro.errors import SettingsError
from repro.settings import Settings


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
