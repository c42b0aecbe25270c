"""What every model must keep: each check passes for a model that keeps it, and fails for one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repro.errors import CommandError, PredictionError, ProtocolError
from repro.model import Model
from repro.runtimes.choice import choose_runtime
from repro.settings import load_settings
from repro.verification import Check, Report
from repro.verification.conformance import ALONE, BAD_RECORD, DECLARED, DEVICES, EMPTY, ONE_SHOT, ORDER
from repro.verification.one_shot import answers_in_one_shot
from tests.unit.verification.conftest import Verify
from tests.unit.verification.pliable_package import add_case, answer, pretend_to_have_a_gpu

ALL = [DECLARED, ALONE, ORDER, BAD_RECORD, ONE_SHOT, EMPTY, DEVICES]
Suite = Callable[..., dict[str, Check]]


@pytest.fixture
def suite(verify: Verify, golden: Path) -> Suite:
    """The checks of a model with a fault, by their name."""

    def run(fault: str = "", **keys: Any) -> dict[str, Check]:
        add_case(golden, "chosen", options={"fault": fault} if fault else {}, **keys)
        return by_name(verify(cases=("chosen",), conformance=True))

    return run


def by_name(report: Report) -> dict[str, Check]:
    return {check.name: check for check in report.checks}


def failed(checks: dict[str, Check]) -> list[str]:
    return [check.name for check in checks.values() if check.state == "failed"]


def test_a_model_that_keeps_everything_passes_everything_that_can_be_checked(verify: Verify) -> None:
    report = verify(conformance=True)

    assert report.verdict == "right"
    assert [check.name for check in report.checks] == ALL
    states = {check.name: check.state for check in report.checks}
    assert states == {**dict.fromkeys(ALL, "passed"), DEVICES: "not checked"}
    findings = {check.name: check.finding for check in report.checks}
    assert findings[DECLARED] == "4 answers as Outputs says"
    assert findings[ALONE] == "3 records alone and 4 together: exact"
    assert findings[BAD_RECORD] == "1 bad record named, 2 good ones beside: exact"
    assert "no GPU is seen here" in findings[DEVICES]


def test_answers_that_depend_on_the_rest_of_the_batch_are_found(suite: Suite) -> None:
    checks = suite("batch", tolerance={"mean": {"absolute": 0.0005}})

    assert checks[ALONE].state == "failed"
    assert "mask the padding" in checks[ALONE].remedy
    assert {one.field for one in checks[ALONE].differences} == {"mean"}


def test_answers_in_another_order_than_their_records_are_found(suite: Suite) -> None:
    checks = suite("order")

    assert checks[ORDER].state == "failed"
    assert "in the order of the records" in checks[ORDER].remedy
    assert checks[ORDER].differences


def test_a_one_shot_form_that_gives_something_else_is_found(suite: Suite) -> None:
    checks = suite("one-shot")

    assert failed(checks) == [ONE_SHOT]
    assert {(one.field, one.difference) for one in checks[ONE_SHOT].differences} == {("mean", 0.5)}


def test_a_one_shot_form_that_has_another_default_is_found(suite: Suite, golden: Path) -> None:
    run = golden.parents[1] / "src" / "run.py"
    run.write_text(run.read_text().replace('"--shift", type=float, default=0.0', '"--shift", type=float, default=1.0'))

    checks = suite()

    assert failed(checks) == [ONE_SHOT]
    assert "the defaults of run.py's options are those of the wrapper" in checks[ONE_SHOT].remedy


def test_a_one_shot_form_that_cannot_take_an_empty_file_is_found(suite: Suite) -> None:
    checks = suite("empty")

    assert failed(checks) == [EMPTY]
    assert "ended with status 1" in checks[EMPTY].finding
    assert "its log ends: there are no records" in checks[EMPTY].finding


def test_a_one_shot_form_that_crashes_is_found(suite: Suite, golden: Path) -> None:
    run = golden.parents[1] / "src" / "run.py"
    run.write_text(run.read_text().replace('"--shift", type=float', '"--shft", dest="shift", type=float'))

    checks = suite(parameters={"shift": 0.0})

    assert ONE_SHOT in failed(checks)
    assert "unrecognized arguments: --shift 0.0" in checks[ONE_SHOT].finding


def test_a_model_that_gives_a_bad_record_an_answer_is_found(suite: Suite, golden: Path) -> None:
    checks = suite("swallow", errors=[{"record": {"txt": "abc"}, "message": "text"}])

    assert failed(checks) == [BAD_RECORD]
    assert checks[BAD_RECORD].finding == "1 record that must fail has an answer"


def test_a_bad_record_that_ends_the_worker_is_found(suite: Suite) -> None:
    checks = suite("die")

    assert failed(checks) == [BAD_RECORD]
    assert checks[BAD_RECORD].finding.startswith("it ends the worker: ")
    assert "yield the exception" in checks[BAD_RECORD].remedy


def test_without_a_named_bad_record_an_empty_one_is_tried(suite: Suite) -> None:
    checks = suite()

    assert checks[BAD_RECORD].finding == "1 bad record derived (an empty one), 2 good ones beside: exact"


def test_where_no_bad_record_can_be_derived_that_is_not_passed(suite: Suite) -> None:
    checks = suite("swallow")

    assert checks[BAD_RECORD].state == "not checked"
    assert "name one under `errors`" in checks[BAD_RECORD].finding


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("extra", "the answer to record 0: the key 'surprise' is not known"),
        ("list", "the answer to record 0: 'vector' is declared as an array and is a list"),
    ],
)
def test_fields_that_are_not_as_declared_are_found(suite: Suite, fault: str, said: str) -> None:
    checks = suite(fault)

    assert checks[DECLARED].state == "failed"
    assert checks[DECLARED].finding == said


def test_a_field_of_another_type_than_declared_is_found(suite: Suite, golden: Path) -> None:
    run = golden.parents[1] / "src" / "run.py"
    run.write_text(run.read_text().replace('"length": len(text)', '"length": float(len(text))'))

    checks = suite()

    assert checks[DECLARED].state == "failed"
    assert "the key 'length'" in checks[DECLARED].finding


def test_a_model_that_declares_no_outputs_is_not_said_to_keep_them(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Model.by_name("pliable"), "Outputs", None)

    assert suite()[DECLARED].state == "not checked"


def test_one_record_is_held_against_itself_in_a_batch_and_has_no_order(suite: Suite, golden: Path) -> None:
    row = {**answer("abc"), "vector": {"$npy": "vector.npy", "start": 0, "shape": [3]}}

    checks = suite("batch", records=[{"text": "abc"}], expected=[row], tolerance={"mean": {"absolute": 0.0015}})

    assert checks[ALONE].state == "failed"
    assert checks[ORDER].state == "not checked"
    assert checks[ORDER].finding == "the case has only one record"


def test_records_with_the_same_answer_say_nothing_about_order(suite: Suite) -> None:
    row = {**answer("abc"), "vector": {"$npy": "vector.npy", "start": 0, "shape": [3]}}

    checks = suite(records=[{"text": "abc"}] * 3, expected=[row] * 3)

    assert checks[ORDER].finding == "all records have the same answer"


def test_a_case_of_errors_alone_checks_that_they_fail_alone(suite: Suite) -> None:
    checks = suite(records=[], expected=[], tolerance={}, errors=[{"record": {}, "type": "KeyError"}])

    assert list(checks) == [BAD_RECORD]
    assert checks[BAD_RECORD].state == "passed"


def test_a_worker_is_shared_by_the_cases_that_can_share_it(
    verify: Verify, golden: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from repro.session import Session

    started: list[Session] = []
    start = Session._start_worker
    monkeypatch.setattr(Session, "_start_worker", lambda self: started.append(self) or start(self))
    add_case(golden, "loud", parameters={"shift": 0.0})
    add_case(golden, "other", options={"scale": 1.0})

    verify()

    assert len(started) == 2


# --------------------------------------------------------------------------------------------------- CPU against GPU


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_to_have_a_gpu(tmp_path / "driver", monkeypatch)


@pytest.mark.usefixtures("gpu")
def test_where_a_gpu_is_seen_the_cpu_is_held_against_it(suite: Suite) -> None:
    checks = suite("gpu")

    assert checks[DEVICES].state == "passed"  # within the tolerance of the GPU, beyond that of the CPU
    assert checks[DEVICES].finding == "3 records on CPU and GPU 0: largest difference 0.005 (vector)"


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_gives_something_else_is_found(suite: Suite) -> None:
    checks = suite("gpu", tolerance={"vector": {"absolute": 0.001}, "mean": {"absolute": 0.001}})

    assert failed(checks) == [DEVICES]
    assert {one.field for one in checks[DEVICES].differences} == {"vector"}


@pytest.mark.usefixtures("gpu")
def test_on_a_gpu_its_tolerances_hold_and_the_cpu_is_the_other_one(verify: Verify, golden: Path) -> None:
    add_case(golden, "chosen", options={"fault": "gpu"})

    report = verify(cases=("chosen",), device=0, conformance=True)

    assert (report.verdict, report.device) == ("right", "GPU 0")
    assert report.cases[0].closeness.startswith("largest difference 0.005 (vector)")
    assert by_name(report)[DEVICES].finding.startswith("3 records on GPU 0 and CPU")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_on_which_the_model_does_not_start_is_a_failure(suite: Suite) -> None:
    checks = suite("no-gpu")

    assert failed(checks) == [DEVICES]
    assert "not on this device" in checks[DEVICES].finding


@pytest.mark.usefixtures("gpu")
def test_a_model_for_gpus_alone_is_not_checked_on_the_cpu(verify: Verify, golden: Path) -> None:
    add_case(golden, "chosen", options={"fault": "no-cpu"})

    report = verify(cases=("chosen",), device=0, conformance=True)

    assert report.verdict == "right"
    assert by_name(report)[DEVICES].state == "not checked"


# ------------------------------------------------------------------------------------------------- the one-shot form


@pytest.fixture
def one_shot(golden: Path) -> Callable[..., Any]:
    """Runs run.py in its one-shot form."""
    settings = load_settings()
    environment = choose_runtime("local", settings).find(Model.by_name("pliable").spec())

    def run(*records: dict[str, Any], **options: Any) -> Any:
        return answers_in_one_shot(environment, records, options, exchange_root=settings.exchange_root)

    return run


def test_the_one_shot_form_gives_answers_and_errors_in_their_places(one_shot: Callable[..., Any]) -> None:
    first, second = one_shot({"text": "ab"}, {"txt": "ab"}, loud=True, shift=-1.0)

    assert (first["text"], first["vector"].tolist()) == ("BA", [96, 96.5, 97])
    assert isinstance(second, PredictionError)
    assert (second.index, second.error_type) == (1, "KeyError")


def test_a_one_shot_form_that_fails_says_how_it_ended(one_shot: Callable[..., Any]) -> None:
    with pytest.raises(CommandError, match="status 2") as caught:
        one_shot({"text": "ab"}, nothing="known")

    assert any("unrecognized arguments: --nothing known" in line for line in caught.value.evidence.log_tail)


def test_a_one_shot_form_that_writes_no_objects_is_told(one_shot: Callable[..., Any], golden: Path) -> None:
    run = golden.parents[1] / "src" / "run.py"
    run.write_text(
        "import sys\n"
        "out = sys.argv[sys.argv.index('--output-file') + 1]\n"
        "open(out, 'w').write('[1]\\n' if '--list' in sys.argv else '{\"a\": ')\n"
    )

    with pytest.raises(ProtocolError, match="no JSON object for record 0"):
        one_shot({"text": "ab"}, list=True)
    with pytest.raises(ProtocolError, match="cannot be read"):
        one_shot({"text": "ab"})


def test_a_one_shot_form_leaves_nothing_behind(one_shot: Callable[..., Any], tmp_path: Path) -> None:
    one_shot({"text": "ab"})
    with pytest.raises(CommandError):
        one_shot({"text": "ab"}, nothing="known")

    assert list((tmp_path / "exchange").iterdir()) == []
