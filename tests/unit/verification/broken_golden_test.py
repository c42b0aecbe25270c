"""Golden answers broken on purpose: whatever is changed in them is found, and named."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from repro.errors import InputFileError, SettingsError
from repro.verification import Difference, Report
from repro.verification.report import shown
from tests.unit.verification.conftest import Verify
from tests.unit.verification.pliable_package import add_case, read_rows, write_rows


def change_vector(golden: Path, row: int, column: int, by: float) -> None:
    vectors = np.load(golden / "vector.npy")
    vectors[row, column] += np.float32(by)
    np.save(golden / "vector.npy", vectors)


def change_row(golden: Path, number: int, **fields: object) -> None:
    rows = read_rows(golden / "expected.jsonl")
    rows[number].update(fields)
    write_rows(golden / "expected.jsonl", rows)


def only_difference(report: Report) -> Difference:
    assert report.verdict == "differs"
    (case,) = report.cases
    (difference,) = case.differences
    return difference


def test_golden_answers_that_are_right_are_right(verify: Verify) -> None:
    report = verify()

    assert report.verdict == "right"
    assert [(case.name, case.state, case.records) for case in report.cases] == [("codes", "right", 5)]
    assert report.problems() == []
    assert (report.runtime, report.device) == ("local", "CPU")


def test_a_value_beyond_its_tolerance_is_named_with_its_place(verify: Verify, golden: Path) -> None:
    change_vector(golden, 2, 1, 0.0011)

    difference = only_difference(verify())

    assert (difference.kind, difference.record, difference.record_id) == ("value", 2, "text 2")
    assert (difference.field, difference.position) == ("vector", (1,))
    assert difference.difference == pytest.approx(0.0011, rel=0.01)
    assert (difference.allowed, difference.tolerance) == (1e-3, "absolute 0.001")


def test_a_value_just_inside_its_tolerance_is_right(verify: Verify, golden: Path) -> None:
    change_vector(golden, 2, 1, 0.0009)

    report = verify()

    assert report.verdict == "right"
    assert report.cases[0].closeness == "largest difference 0.0009 (vector)"


def test_a_relative_tolerance_is_held_in_what_is_nested(verify: Verify, golden: Path) -> None:
    change_row(golden, 0, nested={"ends": [97.0 * 1.009, 99.0]})
    assert verify().verdict == "right"

    change_row(golden, 0, nested={"ends": [97.0 * 1.02, 99.0]})
    difference = only_difference(verify())

    assert (difference.field, difference.position, difference.tolerance) == ("nested.ends", (0,), "relative 0.01")


def test_an_exact_field_may_not_differ_at_all(verify: Verify, golden: Path) -> None:
    change_row(golden, 1, length=2)

    assert shown(only_difference(verify())) == (
        "record 1 (text 1), length: expected 2, got 1; they differ by 1, 0 is allowed"
    )


def test_another_shape_is_named(verify: Verify, golden: Path) -> None:
    change_row(golden, 0, vector={"$npy": "vector.npy", "start": 0, "shape": [1, 3]})

    difference = only_difference(verify())

    assert (difference.kind, difference.expected, difference.got) == ("shape", "(1, 3)", "(3,)")


def test_another_dtype_is_named(verify: Verify, golden: Path) -> None:
    np.save(golden / "vector.npy", np.load(golden / "vector.npy").astype("float64"))

    report = verify()

    assert {(one.kind, one.expected, one.got) for one in report.cases[0].differences} == {
        ("dtype", "float64", "float32")
    }


def test_a_field_that_the_golden_answer_lacks_is_named(verify: Verify, golden: Path) -> None:
    rows = read_rows(golden / "expected.jsonl")
    del rows[3]["text"]
    write_rows(golden / "expected.jsonl", rows)

    difference = only_difference(verify())

    assert (difference.kind, difference.record, difference.field) == ("additional", 3, "text")


def test_a_field_that_the_model_does_not_give_is_named(verify: Verify, golden: Path) -> None:
    change_row(golden, 3, variance=1.5)

    difference = only_difference(verify())

    assert (difference.kind, difference.record, difference.field, difference.expected) == (
        "missing",
        3,
        "variance",
        "1.5",
    )


def test_swapped_golden_answers_are_told_as_swapped(verify: Verify, golden: Path) -> None:
    first, second, *rest = read_rows(golden / "expected.jsonl")
    write_rows(golden / "expected.jsonl", [second, first, *rest])

    report = verify()

    assert [(one.kind, one.record, one.got) for one in report.cases[0].differences] == [
        ("order", 0, "the answer to record 1"),
        ("order", 1, "the answer to record 0"),
    ]


def test_a_nan_in_the_golden_answer_is_named(verify: Verify, golden: Path) -> None:
    change_vector(golden, 0, 2, math.nan)

    difference = only_difference(verify())

    assert (difference.expected, difference.got, difference.position) == ("nan", "99.0", (2,))
    assert difference.difference == math.inf


def test_a_nan_in_what_the_model_gives_is_named(verify: Verify, golden: Path) -> None:
    add_case(golden, "broken", options={"fault": "nan"})

    broken = next(case for case in verify(cases=("broken",)).cases)

    assert {(one.kind, one.field, one.got, one.position) for one in broken.differences} == {
        ("value", "vector", "nan", (1,))
    }
    assert len(broken.differences) == 4


@pytest.mark.parametrize(
    ("fault", "kind", "field"),
    [("double", "dtype", "vector"), ("list", "type", "vector"), ("extra", "additional", "surprise")],
)
def test_what_a_model_does_wrong_is_named(verify: Verify, golden: Path, fault: str, kind: str, field: str) -> None:
    add_case(golden, "broken", options={"fault": fault})

    (case,) = verify(cases=("broken",)).cases

    assert case.state == "differs"
    assert {(one.kind, one.field) for one in case.differences} == {(kind, field)}


def test_an_additional_golden_answer_is_told_before_anything_runs(verify: Verify, golden: Path) -> None:
    rows = read_rows(golden / "expected.jsonl")
    write_rows(golden / "expected.jsonl", [*rows, rows[0]])

    with pytest.raises(SettingsError, match=r"golden.yaml, line \d+: cases.codes.expected has 5 answers to 4 records"):
        verify()


def test_a_model_that_answers_too_often_is_named(verify: Verify, golden: Path) -> None:
    add_case(golden, "broken", options={"fault": "too-many"})

    (case,) = verify(cases=("broken",)).cases

    (difference,) = case.differences
    assert (difference.kind, difference.record, difference.expected) == ("count", None, "4 answers")
    assert "predict gave more than 4 results" in difference.got


def test_a_golden_file_that_is_cut_is_told_before_anything_runs(verify: Verify, golden: Path) -> None:
    text = (golden / "expected.jsonl").read_text()
    (golden / "expected.jsonl").write_text(text[: len(text) - 30])

    with pytest.raises(InputFileError, match=r"expected\.jsonl ends in the middle of line 4"):
        verify()


def test_an_array_file_that_is_cut_is_told_before_anything_runs(verify: Verify, golden: Path) -> None:
    data = (golden / "vector.npy").read_bytes()
    (golden / "vector.npy").write_bytes(data[:-4])

    with pytest.raises(InputFileError, match=r"vector\.npy cannot be read"):
        verify()


@pytest.mark.parametrize("key", ["command", "date", "device", "versions"])
def test_a_golden_file_that_does_not_say_how_it_was_made_is_refused(verify: Verify, golden: Path, key: str) -> None:
    lines = (golden / "golden.yaml").read_text().splitlines(keepends=True)
    (golden / "golden.yaml").write_text("".join(line for line in lines if not line.startswith(f"  {key}:")))

    with pytest.raises(SettingsError, match=rf"golden.yaml, line 1: made.{key} is missing"):
        verify()


def test_an_error_that_says_something_else_is_named(verify: Verify, golden: Path) -> None:
    text = (golden / "golden.yaml").read_text()
    (golden / "golden.yaml").write_text(
        text.replace("type: KeyError, message: text", "type: ValueError, message: another")
    )

    difference = only_difference(verify())

    assert (difference.kind, difference.record_id, difference.expected) == (
        "error",
        "errors 0",
        "error ValueError: ...another...",
    )
    assert difference.got == "error KeyError: 'text'"


def test_a_record_that_should_fail_and_does_not_is_named(verify: Verify, golden: Path) -> None:
    text = (golden / "golden.yaml").read_text()
    (golden / "golden.yaml").write_text(text.replace("{txt: abc}", "{text: abc}"))

    assert only_difference(verify()).got == "an answer (text, length, mean, vector, nested)"


def test_a_record_that_the_model_does_not_take_is_a_slip_in_the_golden_file(verify: Verify, golden: Path) -> None:
    add_case(golden, "broken", records=[{"txt": "abc"}], expected=[{"text": "cba"}], tolerance={})

    with pytest.raises(SettingsError, match="golden case broken: record 0: the key 'text' is missing"):
        verify(cases=("broken",))


def test_options_and_parameters_of_a_case_reach_the_model(verify: Verify, golden: Path) -> None:
    expected = [{"text": "BA", "length": 2, "mean": 198.0, "nested": {"ends": [197.0, 199.0]}}]
    expected[0]["vector"] = {"$npy": "own.npy"}
    np.save(golden / "own.npy", np.float32([197, 198, 199]))
    keys = {"options": {"scale": 2.0}, "parameters": {"shift": 3.0, "loud": True}}
    add_case(golden, "doubled", **keys, records=[{"text": "ab"}], expected=expected)

    assert verify(cases=("doubled",)).verdict == "right"


def test_weights_that_a_case_brings_are_used(verify: Verify, golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed", weights="fixtures", records=[{"text": "b"}], expected=[
        {"text": "b", "length": 1, "mean": 196.0, "nested": {"ends": [196.0, 196.0]}, "vector": {"$npy": "own.npy"}}
    ])  # fmt: skip
    np.save(golden / "own.npy", np.float32([196] * 3))

    assert verify(cases=("weighed",)).verdict == "right"


def test_a_case_whose_weights_are_not_fetched_is_skipped_with_the_command_that_fetches_them(
    verify: Verify, golden: Path
) -> None:
    add_case(golden, "weighed", variant="weighed")

    right, skipped = verify().cases

    assert (right.state, skipped.state) == ("right", "skipped")
    assert "the weights of weighed are not in" in skipped.reason
    assert skipped.fix == "repro setup pliable --variant weighed"


def test_skipping_everything_is_no_success(verify: Verify, golden: Path) -> None:
    add_case(golden, "weighed", variant="weighed")

    assert verify(cases=("weighed",)).verdict == "nothing verified"
    assert verify(variants=("weighed",)).verdict == "nothing verified"


def test_weights_that_the_user_names_are_used(verify: Verify, golden: Path, tmp_path: Path) -> None:
    add_case(golden, "weighed", variant="weighed")
    (tmp_path / "weight.txt").write_text("1.0")

    assert verify(cases=("weighed",), weights=tmp_path).verdict == "right"
    (tmp_path / "weight.txt").write_text("1.1")
    assert verify(cases=("weighed",), weights=tmp_path).verdict == "differs"


def test_cases_with_weights_of_their_own_are_not_held_against_the_users(
    verify: Verify, golden: Path, tmp_path: Path
) -> None:
    add_case(golden, "weighed", variant="weighed", weights="fixtures")
    (tmp_path / "weight.txt").write_text("1.0")

    (case,) = verify(cases=("weighed",), weights=tmp_path).cases

    assert (case.state, case.reason) == ("skipped", "its answers are those of weights of its own")


def test_a_slow_case_is_run_where_it_is_asked_for(verify: Verify, golden: Path) -> None:
    add_case(golden, "long", slow=True)

    assert [case.state for case in verify().cases] == ["skipped", "right"]
    assert [case.state for case in verify(slow=True).cases] == ["right", "right"]
    assert [case.state for case in verify(cases=("long",)).cases] == ["right"]


def test_another_golden_folder_can_be_named(verify: Verify, golden: Path, tmp_path: Path) -> None:
    from tests.unit.verification.pliable_package import write_golden

    other = write_golden(tmp_path / "copy")
    change_row(other, 0, length=9)

    assert verify().verdict == "right"
    assert verify(golden=other).verdict == "differs"
