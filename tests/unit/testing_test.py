"""On which devices the tests of models run, and what every one of them tests."""

from __future__ import annotations

import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest
from parameterized import parameterized

from repro.errors import SettingsError
from repro.model import Model
from repro.testing import ModelVerification, assert_verified, get_testing_device_parameters, golden_parameters
from tests.unit.verification.pliable_package import add_case, installed_pliable


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


# -------------------------------------------------------------------------------------------- golden answers in tests


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The golden folder of the model `pliable`, which runs on this interpreter."""
    monkeypatch.setenv("REPRO_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("REPRO_LOCAL_PYTHON", sys.executable)
    monkeypatch.delenv("TEST_DEVICES", raising=False)
    yield from installed_pliable(tmp_path / "packages", monkeypatch)


def test_golden_cases_are_parameters_of_tests_but_for_slow_ones(golden: Path) -> None:
    add_case(golden, "long", slow=True)

    devices = {"TEST_DEVICES": "-1 0"}

    assert golden_parameters(Model.by_name("pliable"), environ=devices) == [("codes", -1), ("codes", 0)]


def test_a_model_that_is_right_is_verified(golden: Path) -> None:
    report = assert_verified(Model.by_name("pliable"), runtime="local", conformance=False)

    assert [case.name for case in report.cases] == ["codes"]


def test_a_model_that_is_not_right_fails_with_what_differs(golden: Path) -> None:
    add_case(golden, "broken", options={"fault": "double"})

    with pytest.raises(
        AssertionError, match=r"broken: record 0 \(text 0\), vector: dtype: expected float32, got float64"
    ):
        assert_verified(Model.by_name("pliable"), runtime="local", cases=("broken",), conformance=False)


def test_verifying_nothing_is_a_failure(golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed")

    with pytest.raises(AssertionError, match="nothing verified\nweighed: pliable: the weights of weighed are not in"):
        assert_verified(Model.by_name("pliable"), runtime="local", cases=("weighed",))


def outcome_of_its_tests(model: type[Model], cases: tuple[str, ...] = ()) -> list[str]:
    """Names of the tests that fail in a test class that says no more than its model and runtime."""

    class TestIt(ModelVerification, unittest.TestCase):
        model_class = model
        runtime = "local"

    TestIt.cases = cases
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(TestIt).run(result)
    assert result.testsRun == 2
    assert not result.errors
    return [case.id().rpartition(".")[2] for case, _ in result.failures]


def test_a_test_class_of_a_model_has_its_tests_by_inheritance(golden: Path) -> None:
    assert outcome_of_its_tests(Model.by_name("pliable")) == []


@pytest.mark.parametrize(
    ("fault", "failing"), [("nan", ["test_golden_answers"]), ("one-shot", ["test_what_every_model_must_keep"])]
)
def test_what_is_wrong_with_a_model_fails_the_test_that_it_belongs_to(
    golden: Path, fault: str, failing: list[str]
) -> None:
    add_case(golden, "broken", options={"fault": fault})

    assert outcome_of_its_tests(Model.by_name("pliable"), cases=("broken",)) == failing


def test_a_test_that_verifies_nothing_fails(golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed")

    assert outcome_of_its_tests(Model.by_name("pliable"), cases=("weighed",)) == ["test_golden_answers"]
