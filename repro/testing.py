"""Helpers for the tests of models."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from repro.errors import SettingsError

if TYPE_CHECKING:
    from repro.model import Model
    from repro.verification import Difference, Report


def get_testing_device_parameters(gpu_only: bool = False, environ: Mapping[str, str] | None = None) -> list[tuple[int]]:
    """The devices to run a model's tests on, for `parameterized.expand`: those of TEST_DEVICES, or else the CPU.

    Args:
        gpu_only: leave the CPU out, for a model that cannot run on it.
        environ: where TEST_DEVICES is read from; the process's environment by default.

    >>> get_testing_device_parameters(environ={"TEST_DEVICES": "-1 0,1"})
    [(-1,), (0,), (1,)]

    Raises:
        SettingsError: TEST_DEVICES is not a list of whole numbers from -1.
    """
    text = (os.environ if environ is None else environ).get("TEST_DEVICES", "")
    words = [word for word in re.split(r"[,\s]+", text) if word] or ["-1"]
    try:
        devices = [int(word) for word in words]
    except ValueError:
        devices = [-2]
    if min(devices) < -1:
        raise SettingsError(f"TEST_DEVICES={text!r} is no list of devices", fix='for example: TEST_DEVICES="-1 0"')
    return [(device,) for device in devices if device >= 0 or not gpu_only]


def golden_parameters(model: type[Model], environ: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
    """The golden cases of a model, each with each device to test on, for `parameterized.expand`; without slow ones.

    >>> from repro.models.tutorial import TutorialModel
    >>> golden_parameters(TutorialModel, environ={"TEST_DEVICES": "-1 0"})
    [('reversed', -1), ('reversed', 0)]

    Raises:
        NotSetUpError: the model has no golden answers.
        SettingsError: they are not whole, or TEST_DEVICES is no list of devices.
    """
    from repro.verification import load_golden
    from repro.verification.verify import GOLDEN_FOLDER

    cases = load_golden(model.container_folder() / GOLDEN_FOLDER).cases.values()
    devices = get_testing_device_parameters(environ=environ)
    return [(case.name, device) for case in cases if not case.is_slow for (device,) in devices]


def assert_verified(model: type[Model], **request: Any) -> Report:
    """Hold a model against its golden answers, and against what every model must keep, as `repro verify` does.

    Args:
        model: the model's class.
        **request: what `repro.verification.Request` takes: `runtime`, `device`, `cases`, `conformance`, ...

    Raises:
        AssertionError: something differs, or nothing could be verified; says what.
    """
    from repro.verification import Request, verify_model

    report = verify_model(model, Request(**request))
    assert_nothing_differs(report)
    return report


def assert_nothing_differs(report: Report) -> None:
    """Raise AssertionError where a verification found something wrong, or verified nothing."""
    skipped = [f"{case.name}: {case.reason}" for case in report.cases if case.state == "skipped"]
    found = report.problems() or skipped
    assert report.verdict == "right", "\n".join([f"{report.model}: {report.verdict}", *found])


class ModelVerification:
    """The tests that every model has. A test class says which model and which runtime, and has them:

    ```python
    class TestTutorialLocally(ModelVerification, unittest.TestCase):
        model_class = TutorialModel
        runtime = "local"
    ```

    They run on each of TEST_DEVICES. The model is set up first; its worker is started once a device.
    """

    model_class: type[Model]
    runtime: str
    cases: tuple[str, ...] = ()
    """Golden cases; all but slow ones where it is empty."""
    _reports: dict[int, Report]

    @classmethod
    def setUpClass(cls) -> None:
        from repro.runtimes.choice import choose_runtime
        from repro.settings import load_settings

        choose_runtime(cls.runtime, load_settings()).setup(cls.model_class.spec(), lambda line: None)
        cls._reports = {}

    def test_golden_answers(self) -> None:
        for report in self._each_report():
            problems = [f"{case.name}: {shown}" for case in report.cases for shown in map(_shown, case.differences)]
            assert not problems, "\n".join(problems)
            assert any(case.state == "right" for case in report.cases), f"nothing was verified: {report.cases}"

    def test_what_every_model_must_keep(self) -> None:
        for report in self._each_report():
            failed = [check for check in report.checks if check.state == "failed"]
            assert not failed, "\n".join(f"{check.case}, {check.name}: {check.finding}" for check in failed)

    def _each_report(self) -> Iterator[Report]:
        from repro.verification import Request, verify_model

        for (device,) in get_testing_device_parameters():
            if device not in self._reports:
                request = Request(runtime=self.runtime, device=device, cases=self.cases)
                self._reports[device] = verify_model(self.model_class, request)
            yield self._reports[device]


def _shown(difference: Difference) -> str:
    from repro.verification.report import shown

    return shown(difference)
