"""How the layers of an image are told."""

from __future__ import annotations

import sys

import pytest

from repro.cli.console import QUIET, Console
from repro.cli.layers import LayerBars
from repro.images.transfer import LayerState

STATES = [
    LayerState("0123456789ab", "Preparing"),
    LayerState("0123456789ab", "Pushing", 10, 2_000_000),
    LayerState("0123456789ab", "Pushing", 20, 2_000_000),
    LayerState("0123456789ab", "Retrying in 5 seconds"),
    LayerState("0123456789ab", "Retrying in 4 seconds"),
    LayerState("0123456789ab", "Pushed"),
    LayerState("ba9876543210", "Layer already exists"),
]


def test_in_a_log_each_change_is_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    with LayerBars(Console()) as bars:
        for state in STATES:
            bars(state)
    assert capfd.readouterr().err.splitlines() == [
        "layer 0123456789ab: pushing 2.0 MB",
        "layer 0123456789ab: retrying",
        "layer 0123456789ab: pushed",
        "layer ba9876543210: layer already exists",
    ]


def test_who_looks_on_sees_a_bar_for_each(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with LayerBars(Console()) as bars:
        for state in STATES:
            bars(state)
    shown = capfd.readouterr().err
    assert "0123456789ab" in shown
    assert "ba9876543210" in shown


def test_quiet_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with LayerBars(Console(level=QUIET)) as bars:
        for state in STATES:
            bars(state)
    assert capfd.readouterr().err == ""
