"""Records and answers of odd content: what goes in comes out, or is refused before anything starts."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy
import pytest

from repro.errors import PredictionError, RecordError
from repro.session import Session
from tests.integration.conftest import OpenSession

VALUES: dict[str, Any] = {
    "empty text": "",
    "quotes and backslashes": '"\\"\\\\n{}[],:',
    "control characters": "".join(map(chr, range(32))) + "\x7f\x85\u2028\u2029\ufeff",
    "all kinds of characters": "é€😀\U0010ffff",
    "lone surrogates": "\ud800 \udc00 \udfff",
    "the words of the protocol": ['{"repro":1,"id":1}', "$npy", "error", "\n"],
    "large whole numbers": [2**53 + 1, -(2**63), 2**64 - 1, 2**64, -(2**64), 10**100],
    "whole numbers in the shape of large ones": [int("9" * n) for n in range(15, 25)],
    "real numbers": [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e22, 123456789012345680.0, 1.5e19],
    "truth": [True, False, None],
    "lists in lists": [[[[[]]], [[1], [2, [3]]]]],
    "dicts in dicts": {"": {"a b": {"c": {}}}, "é": None, "$": {"npy": 1}},
    "an error of its own": {"error": "not one of ours"},
    "a long text": "x" * 10_000_000,
    "many keys": {f"key {number}": number for number in range(2000)},
}


def call(session: Session, records: list[dict[str, Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(session.stream(records)))


def test_what_goes_in_comes_out(open_session: OpenSession) -> None:
    session = open_session(batch_size=4)

    found = call(session, [{"do": "echo", "value": value} for value in VALUES.values()])

    for name, answer in zip(VALUES, found, strict=True):
        assert answer == {"value": VALUES[name]}, name
        assert _kinds(answer["value"]) == _kinds(VALUES[name]), name


def _kinds(value: Any) -> Any:
    """Types all the way down: 1, 1.0 and True are equal and not the same."""
    if isinstance(value, dict):
        return {key: _kinds(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_kinds(inner) for inner in value]
    return (type(value), math.copysign(1, value)) if isinstance(value, float) else type(value)


def test_numbers_that_are_not_finite_stay_what_they_are(open_session: OpenSession) -> None:
    (answer,) = call(open_session(), [{"do": "echo", "value": [math.nan, math.inf, -math.inf, None]}])

    assert math.isnan(answer["value"][0])
    assert answer["value"][1:] == [math.inf, -math.inf, None]


def test_a_tuple_comes_back_as_a_list_and_a_number_of_numpy_as_a_number(open_session: OpenSession) -> None:
    value = (1, numpy.float32(0.5), numpy.int64(-3), numpy.bool_(True), numpy.array(7))

    (answer,) = call(open_session(), [{"do": "echo", "value": value}])

    assert answer == {"value": [1, 0.5, -3, True, 7]}


@pytest.mark.parametrize(
    "record",
    [
        {"do": "echo", "value": {1: "a"}},
        {"do": "echo", "value": [{"a": {None: 1}}]},
        {"do": "echo", "value": b"bytes"},
        {"do": "echo", "value": {1, 2}},
        {"do": "echo", "value": object()},
        {"do": "echo", "value": 1j},
        {"do": "echo", "value": numpy.array([object()])},
        {"do": "echo", "$npy": "x"},
        {"do": "echo", "value": {"$npy": "../../etc/passwd", "start": 0, "shape": [1]}},
        {"do": "echo", "value": [[{"$npy": 1}]]},
        {3: "echo"},
        "text",
        None,
        ["do", "echo"],
    ],
)
def test_what_cannot_be_handed_over_is_refused_with_its_index_and_nothing_starts(
    open_session: OpenSession, record: Any
) -> None:
    session = open_session()
    good = {"do": "echo", "value": 1}

    with pytest.raises(RecordError, match="record 2 ") as caught:
        call(session, [good, good, record, good])

    assert caught.value.index == 2
    assert session.starts == 0


def test_arrays_of_all_kinds_go_in_and_come_out(open_session: OpenSession) -> None:
    session = open_session()
    arrays = [
        numpy.arange(6, dtype="float32").reshape(2, 3),
        numpy.arange(6).reshape(2, 3)[:, ::-1],
        numpy.asfortranarray(numpy.arange(6.0).reshape(2, 3)),
        numpy.array([math.nan, math.inf, -0.0]),
        numpy.zeros((0, 5), dtype="int8"),
        numpy.array([True, False]),
        numpy.array([1 + 2j]),
        numpy.array([1, 2], dtype=">i4"),
        numpy.array(["é", "abc"]),
        numpy.arange(3, dtype="float16"),
        numpy.random.default_rng(0).random((300, 1000)),
    ]

    found = call(session, [{"do": "echo", "value": {"first": array, "list": [array, 1]}} for array in arrays])

    for sent, answer in zip(arrays, found, strict=True):
        for got in (answer["value"]["first"], answer["value"]["list"][0]):
            assert isinstance(got, numpy.ndarray)
            assert got.dtype == sent.dtype
            numpy.testing.assert_array_equal(got, sent)


def test_arrays_stay_valid_after_the_session_is_closed(open_session: OpenSession) -> None:
    session = open_session()
    sent = numpy.arange(1_000_000.0)
    (answer,) = call(session, [{"do": "echo", "value": sent}])

    session.close()

    numpy.testing.assert_array_equal(answer["value"], sent)


def test_arrays_that_a_worker_makes_of_many_shapes_come_in_order(open_session: OpenSession) -> None:
    session = open_session(batch_size=8)
    shapes = [[n % 7, 3] if n % 3 else [n] for n in range(100)]

    found = call(
        session, [{"do": "arrays", "shape": shape, "dtype": "int32", "name": str(n)} for n, shape in enumerate(shapes)]
    )

    for number, (shape, answer) in enumerate(zip(shapes, found, strict=True)):
        assert answer["name"] == str(number)
        assert answer["array"].shape == tuple(shape)
        assert answer["array"].ravel().tolist() == list(range(math.prod(shape)))


def test_a_number_comes_out_of_an_array_that_went_in(open_session: OpenSession) -> None:
    (answer,) = call(open_session(), [{"do": "sum", "array": numpy.ones((3, 4), dtype="float32")}])

    assert answer == {"sum": 12.0, "dtype": "float32"}


@pytest.mark.parametrize("form", ["dict", "list", "array"])
def test_a_model_that_fills_one_object_again_and_again_gives_each_record_its_own(
    open_session: OpenSession, form: str
) -> None:
    session = open_session(batch_size=10)

    found = call(session, [{"do": "refill", "form": form, "value": number} for number in range(30)])

    assert [_first(answer["value"]) for answer in found] == list(range(30))


def _first(value: Any) -> Any:
    return value if isinstance(value, int) else int(value[0])


def test_an_answer_with_a_field_called_error_is_an_answer(open_session: OpenSession) -> None:
    session = open_session()

    found = call(session, [{"do": "give", "answer": {"error": 0.25}}, {"do": "give", "answer": {"error": "mild"}}])

    assert found == [{"error": 0.25}, {"error": "mild"}]


@pytest.mark.parametrize("answer", [{}, {"": ""}, {"a": None}, {"%s": "%d"}, {'"': "\\"}, {"error": 1, "b": 2}])
def test_answers_of_odd_keys_come_as_they_are(open_session: OpenSession, answer: dict[str, Any]) -> None:
    assert call(open_session(), [{"do": "give", "answer": answer}] * 3) == [answer] * 3


def test_an_answer_with_the_reserved_key_fails_for_its_record_alone(open_session: OpenSession) -> None:
    session = open_session()

    found = call(session, [{"do": "reserved"}, {"do": "reverse", "text": "ab"}])

    assert isinstance(found[0], PredictionError)
    assert "reserved" in found[0].error_message
    assert found[1] == {"output": "ba"}


def test_an_exception_whose_text_cannot_be_made_fails_for_its_record_alone(open_session: OpenSession) -> None:
    session = open_session()

    found = call(session, [{"do": "raise-odd"}, {"do": "reverse", "text": "ab"}])

    assert isinstance(found[0], PredictionError)
    assert found[1] == {"output": "ba"}
