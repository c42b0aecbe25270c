"""Results against what they should be: whatever differs is found and named, and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from repro.errors import OutOfMemoryError, PredictionError, SettingsError
from repro.verification import Difference, ExpectedError, Tolerance, Tolerances, compare, compare_rows

WITHIN = {"x": Tolerance("absolute", 1e-3)}


def only(expected: Any, got: Any, tolerances: Any = None) -> Difference:
    """The one difference between two values of a field `x`."""
    (difference,) = compare_rows([{"x": expected}], [{"x": got}], tolerances)
    return difference


def equal(expected: Any, got: Any, tolerances: Any = None) -> bool:
    return not compare_rows([{"x": expected}], [{"x": got}], tolerances)


# ------------------------------------------------------------------------------------------------------ single values


def test_a_number_just_inside_its_tolerance_is_right_and_one_just_outside_is_not() -> None:
    assert equal(2.0, 2.00099, WITHIN)

    difference = only(2.0, 2.00101, WITHIN)

    assert (difference.kind, difference.field, difference.expected, difference.got) == ("value", "x", "2.0", "2.00101")
    assert difference.difference == pytest.approx(0.00101)
    assert (difference.allowed, difference.tolerance) == (1e-3, "absolute 0.001")


def test_a_relative_tolerance_is_a_part_of_the_expected_value() -> None:
    relative = {"x": Tolerance("relative", 0.1)}

    assert equal(-200.0, -181.0, relative)
    assert only(-200.0, -179.0, relative).allowed == pytest.approx(20)
    assert only(0.0, 1e-300, relative).allowed == 0


def test_what_has_no_tolerance_is_exact() -> None:
    assert equal(0.1, 0.1)
    assert only(0.1, math.nextafter(0.1, 1)).tolerance == "exact"
    assert only(10**30, 10**30 + 1).kind == "value"
    assert only("abc", "abd").got == "'abd'"
    assert only(True, False).kind == "value"


@pytest.mark.parametrize("tolerance", [Tolerance("absolute", 0.1), Tolerance("relative", 0.5), Tolerance()])
@pytest.mark.parametrize("got", [10**400 + 1, 5, 10**401])
def test_whole_numbers_that_no_float_holds_are_told_apart(got: int, tolerance: Tolerance) -> None:
    if tolerance.kind != "relative" or got != 10**400 + 1:
        assert only(10**400, got, {"x": tolerance}).kind == "value"
    assert equal(10**400, 10**400, {"x": tolerance})


def test_a_complex_number_is_no_other_because_a_part_of_both_is_nan() -> None:
    nan = math.nan
    values = np.array([complex(1, nan), complex(nan, 1), complex(nan, nan), complex(1, 2)])

    assert equal(values, values.copy(), WITHIN)
    for others in ([complex(2, nan)], [complex(1, 1)], [complex(nan, nan)], [complex(nan, 1)]):
        assert only(values[:1], np.array(others), WITHIN).kind == "value"


@pytest.mark.parametrize(("expected", "got"), [(1, 1.0), (1, True), ("1", 1), ([1], "1"), ({}, [])])
def test_values_of_another_type_differ(expected: Any, got: Any) -> None:
    assert only(expected, got).kind == "type"


@pytest.mark.parametrize(
    ("expected", "got"), [(1.0, math.nan), (math.nan, 1.0), (math.inf, 1.0), (1.0, math.inf), (math.inf, -math.inf)]
)
def test_nan_and_infinity_are_within_no_tolerance_of_a_number(expected: float, got: float) -> None:
    for wide in (Tolerance("absolute", 1e9), Tolerance("relative", 1e9)):
        assert only(expected, got, {"x": wide}).difference == math.inf
        assert only(np.float32([0, expected]), np.float32([0, got]), {"x": wide}).position == (1,)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_is_right_where_nan_is_expected(value: float) -> None:
    assert equal(value, value)
    assert equal(np.float32([value, 1]), np.float32([value, 1]), WITHIN)


def test_null_in_place_of_a_value_differs() -> None:
    assert only(1.0, None).got == "null"
    assert equal(None, None)


# ------------------------------------------------------------------------------------------------------------- arrays


def test_of_an_array_the_largest_difference_is_told_with_its_position() -> None:
    expected = np.zeros((3, 4), "float32")
    got = expected.copy()
    got[1, 2], got[2, 3], got[0, 0] = 0.5, 0.25, 1e-4

    difference = only(expected, got, WITHIN)

    assert (difference.position, difference.difference, difference.values) == ((1, 2), 0.5, 2)
    assert (difference.expected, difference.got) == ("0.0", "0.5")


def test_with_a_relative_tolerance_only_what_is_outside_of_it_is_told() -> None:
    expected, got = np.array([1000.0, 1.0]), np.array([1001.0, 1.5])

    difference = only(expected, got, {"x": Tolerance("relative", 0.01)})

    assert (difference.position, difference.difference, difference.allowed) == ((1,), 0.5, 0.01)


def test_another_shape_differs_also_where_it_could_be_broadcast() -> None:
    difference = only(np.zeros((1, 4)), np.zeros(4))

    assert (difference.kind, difference.expected, difference.got) == ("shape", "(1, 4)", "(4,)")


def test_another_dtype_differs_also_where_the_numbers_are_equal() -> None:
    difference = only(np.zeros(4, "float32"), np.zeros(4, "float64"))

    assert (difference.kind, difference.expected, difference.got) == ("dtype", "float32", "float64")
    assert equal(np.ones(4, ">f4"), np.ones(4, "<f4"))


def test_an_array_in_place_of_a_list_is_of_another_type() -> None:
    assert only([0.0, 0.0], np.zeros(2)).kind == "type"


def test_whole_numbers_neither_wrap_nor_are_rounded() -> None:
    assert only(np.uint8([0]), np.uint8([255]), {"x": Tolerance("absolute", 2)}).difference == 255
    assert only(np.int64([2**62]), np.int64([2**62 + 1])).kind == "value"
    assert equal(np.int64([2**62]), np.int64([2**62 + 1]), {"x": Tolerance("absolute", 1)})


def test_text_yes_or_no_and_complex_numbers_in_arrays() -> None:
    assert only(np.array(["a", "b"]), np.array(["a", "c"])).position == (1,)
    assert only(np.array([True, True]), np.array([True, False])).difference is None
    assert equal(np.array([1 + 1j]), np.array([1 + 1.0001j]), WITHIN)
    assert not equal(np.array([1 + 1j]), np.array([1 + 2j]), WITHIN)


def test_an_array_without_elements_is_right() -> None:
    assert equal(np.zeros((0, 5)), np.zeros((0, 5)))
    assert not equal(np.zeros((0, 5)), np.zeros((0, 4)))


def test_float16_is_not_compared_in_float16() -> None:
    assert not equal(np.float16([60000]), np.float16([-60000]), {"x": Tolerance("absolute", 100000)})


# ------------------------------------------------------------------------------------------------------- nested values


def test_what_is_nested_is_named_by_its_keys_and_has_the_tolerance_of_what_it_is_in() -> None:
    expected, got = {"a": {"b": [0.0, 1.0]}}, {"a": {"b": [0.0, 1.5]}}

    (difference,) = compare_rows([{"x": expected}], [{"x": got}])

    assert (difference.field, difference.position) == ("x.a.b", (1,))
    assert not compare_rows([{"x": expected}], [{"x": got}], {"x.a": Tolerance("absolute", 1)})


def test_of_a_list_the_largest_difference_is_told_and_how_many_there_are() -> None:
    difference = only([0.0, 0.0, 0.0], [0.1, 0.3, 0.2])

    assert (difference.position, difference.difference, difference.values) == ((1,), 0.3, 3)


def test_a_list_of_another_length_differs() -> None:
    difference = only([1, 2, 3], [1, 2])

    assert (difference.kind, difference.expected, difference.got) == ("length", "3 values", "2 values")


# ------------------------------------------------------------------------------------------------------------- records


def test_missing_and_additional_fields_are_named() -> None:
    missing, additional = compare_rows([{"a": 1, "b": 2.5}], [{"a": 1, "c": "new"}])

    assert (missing.kind, missing.field, missing.expected) == ("missing", "b", "2.5")
    assert (additional.kind, additional.field, additional.got) == ("additional", "c", "'new'")


def test_a_record_is_told_by_its_index_and_its_name() -> None:
    (difference,) = compare_rows([{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 9}], ids=["heavy", "light"])

    assert (difference.record, difference.record_id) == (1, "light")


@pytest.mark.parametrize(("many", "said"), [(1, "1 record"), (3, "3 records")])
def test_too_few_and_too_many_records_differ(many: int, said: str) -> None:
    (difference,) = compare_rows([{"x": 1}] * 2, [{"x": 1}] * many)

    assert (difference.kind, difference.record, difference.expected, difference.got) == (
        "count",
        None,
        "2 records",
        said,
    )


def test_swapped_records_are_told_as_what_they_are() -> None:
    rows = [{"x": np.float32([number, 1])} for number in range(3)]

    first, second = compare_rows(rows, [rows[1], rows[0], rows[2]], WITHIN, ids=["a", "b", "c"])

    assert (first.kind, first.record, first.got) == ("order", 0, "the answer to record 1")
    assert (second.kind, second.record, second.got) == ("order", 1, "the answer to record 0")
    assert second.record_id == "b"


# -------------------------------------------------------------------------------------------------------------- errors


def test_a_record_that_must_fail_has_to_fail_with_what_is_expected() -> None:
    expected = ExpectedError("holds '*'", "ValueError")
    right = PredictionError(0, "ValueError", "position 4 holds '*': no amino acid")

    assert not compare_rows([expected], [right])
    for wrong in (
        PredictionError(0, "KeyError", "position 4 holds '*'"),
        PredictionError(0, "ValueError", "another"),
        OutOfMemoryError("holds '*'"),
        {"x": 1},
    ):
        (difference,) = compare_rows([expected], [wrong])
        assert (difference.kind, difference.expected) == ("error", "error ValueError: ...holds '*'...")


def test_a_record_that_fails_and_should_not_is_told_with_its_error() -> None:
    (difference,) = compare_rows([{"x": 1}], [PredictionError(0, "ValueError", "no mood")])

    assert (difference.kind, difference.expected) == ("error", "an answer (x)")
    assert difference.got == "error ValueError: no mood"


def test_two_equal_errors_do_not_differ() -> None:
    assert not compare_rows(
        [PredictionError(0, "ValueError", "a", "one trace")], [PredictionError(4, "ValueError", "a")]
    )
    assert compare_rows([PredictionError(0, "ValueError", "a")], [PredictionError(0, "ValueError", "b")])


# ----------------------------------------------------------------------------------------------------------- closeness


def test_how_close_right_results_are_is_told() -> None:
    expected = [{"x": 1.0, "y": np.zeros(2)}]

    close = compare(expected, [{"x": 1.0005, "y": np.zeros(2)}], WITHIN)
    exact = compare(expected, expected)

    assert close.is_right
    assert close.closeness == "largest difference 0.0005 (x)"
    assert exact.closeness == "exact"


def test_a_tolerance_for_all_other_fields() -> None:
    tolerances = Tolerances({"x": Tolerance()}, default=Tolerance("absolute", 1))

    differences = compare_rows([{"x": 1.0, "y": 1.0}], [{"x": 1.1, "y": 1.1}], tolerances)

    assert [difference.field for difference in differences] == ["x"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("close", "must be exact"),
        ({"absolute": 1e-3, "relative": 1e-3}, "must be exact"),
        ({"about": 1}, "must be exact"),
        ({"absolute": -1}, "above 0"),
        ({"absolute": 0}, "above 0"),
        ({"absolute": math.inf}, "above 0"),
        ({"relative": True}, "above 0"),
        ({"relative": "1e-5"}, "with a dot, as 1.0e-5"),
    ],
)
def test_what_is_no_tolerance_is_refused(said: object, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        Tolerance.of(said)
