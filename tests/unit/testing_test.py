"""On which devices the tests of models run."""

from __future__ import annotations

import unittest

import pytest
from parameterized import parameterized

from repro.errors import SettingsError
from repro.testing import get_testing_device_parameters


@pytest.mark.parametrize(
    ("text", "devices"),
    [
        ("", [(-1,)]),
        ("-1", [(-1,)]),
        ("0", [(0,)]),
        ("-1 0", [(-1,), (0,)]),
        ("0,1", [(0,), (1,)]),
        (" 0 , 2 ", [(0,), (2,)]),
    ],
)
def test_the_devices_are_those_of_the_variable(text: str, devices: list[tuple[int]]) -> None:
    assert get_testing_device_parameters(environ={"TEST_DEVICES": text}) == devices


def test_unset_is_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DEVICES", raising=False)

    assert get_testing_device_parameters() == [(-1,)]


def test_a_model_that_needs_a_gpu_is_not_tested_on_the_cpu() -> None:
    assert get_testing_device_parameters(gpu_only=True, environ={"TEST_DEVICES": "-1 0"}) == [(0,)]
    assert get_testing_device_parameters(gpu_only=True, environ={}) == []


@pytest.mark.parametrize("text", ["cpu", "-2", "0.5", "0;1"])
def test_what_is_no_list_of_devices_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="TEST_DEVICES"):
        get_testing_device_parameters(environ={"TEST_DEVICES": text})


def test_parameterized_takes_them() -> None:
    class Case(unittest.TestCase):
        seen: list[int] = []  # noqa: RUF012

        @parameterized.expand(get_testing_device_parameters(environ={"TEST_DEVICES": "-1 0"}))
        def test_device(self, device: int) -> None:
            self.seen.append(device)

    unittest.TextTestRunner(stream=None, verbosity=0).run(unittest.defaultTestLoader.loadTestsFromTestCase(Case))

    assert sorted(Case.seen) == [-1, 0]
