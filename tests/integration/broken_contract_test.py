"""A run.py that does not keep the contract: in each runtime a clear error, and never a wrong answer."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from repro.errors import (
    CallTimeoutError,
    ProtocolError,
    StartTimeoutError,
    WorkerCrashedError,
    WorkerError,
    WorkerStartError,
)
from repro.session import Session
from tests.integration.conftest import OpenSession

RECORDS = [{"text": "ab"}, {"text": "cd"}, {"text": "ef"}]
ANSWERS = [{"output": "ba"}, {"output": "dc"}, {"output": "fe"}]


def call(session: Session, records: list[dict[str, Any]] = RECORDS) -> list[Any]:
    return list(itertools.chain.from_iterable(session.stream(records)))


@pytest.mark.parametrize("behaviour", ["right", "garbage", "odd_number", "ready_again", "twice"])
def test_what_it_prints_beside_its_answers_changes_none(open_session: OpenSession, behaviour: str) -> None:
    session = open_session(behaviour)

    assert call(session) == ANSWERS
    assert call(session) == ANSWERS
    assert session.starts == 1


def test_garbage_that_it_prints_is_there_when_something_goes_wrong(open_session: OpenSession) -> None:
    session = open_session("garbage_for_ready")

    with pytest.raises(WorkerStartError, match="ended with status 3") as caught:
        call(session)

    assert "(stdout) Traceback (most recent call last):" in caught.value.evidence.log_tail


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("too_few", r"gave 2 answers for records 0 to 2 \(3 records\)"),
        ("too_many", r"gave 4 answers for records 0 to 2 \(3 records\)"),
        ("too_few_in_a_file", r"gave 2 answers for records 0 to 2 \(3 records\)"),
        ("no_objects", "answered record 0 with no JSON object: 1"),
        ("no_list", "gave no list of answers"),
        ("nothing_in_it", "gave no list of answers"),
        ("error_is_text", "it went wrong"),
        ("half_a_line_in_a_file", "line 3 is cut"),
        ("garbage_in_a_file", "line 1 is no JSON"),
        ("no_file", "No such file"),
        ("file_elsewhere", "outside the exchange folder"),
        ("link", "cannot be read"),
        ("pipe", "is no regular file"),
        ("array_elsewhere", "malformed"),
    ],
)
def test_an_answer_that_is_none_is_a_protocol_error_that_says_what_is_wrong(
    open_session: OpenSession, behaviour: str, said: str
) -> None:
    session = open_session(behaviour)

    with pytest.raises(ProtocolError, match=said) as caught:
        call(session)

    assert caught.value.evidence.runtime is not None
    assert "docs/adding-a-model.md" in caught.value.fix


@pytest.mark.parametrize(
    ("do", "said"), [("too-few", "gave 0 results for 1 records"), ("too-many", "gave more than 1")]
)
def test_a_runner_that_gives_too_few_or_too_many_results_is_told_by_the_guest(
    open_session: OpenSession, do: str, said: str
) -> None:
    session = open_session()

    with pytest.raises(ProtocolError, match=said):
        call(session, [{"do": do}])

    assert call(session, [{"do": "reverse", "text": "ab"}]) == [{"output": "ba"}]
    assert session.starts == 1


def test_too_few_results_are_told_though_other_records_raise(open_session: OpenSession) -> None:
    session = open_session()

    with pytest.raises(ProtocolError, match="gave"):
        call(session, [{"do": "raise"}, {"do": "reverse", "text": "a"}, {"do": "too-few"}, {"do": "raise"}])


@pytest.mark.parametrize("behaviour", ["half_a_line", "exit0"])
def test_one_that_exits_without_an_answer_is_told_with_its_status(open_session: OpenSession, behaviour: str) -> None:
    session = open_session(behaviour)

    with pytest.raises(WorkerCrashedError, match="ended with status 0 and no answer") as caught:
        call(session)

    assert caught.value.evidence.exit_code == 0


def test_one_that_exits_before_it_is_ready_is_told(open_session: OpenSession) -> None:
    session = open_session("exit0_at_once")

    with pytest.raises(WorkerStartError, match="ended with status 0 and no answer before it was ready"):
        call(session)


def test_one_that_is_never_ready_is_told_when_the_time_is_up(open_session: OpenSession) -> None:
    session = open_session("never_ready", start_timeout_s=1.0)

    with pytest.raises(StartTimeoutError):
        call(session)


def test_one_that_hangs_is_stopped_when_the_time_is_up(open_session: OpenSession) -> None:
    session = open_session("hang", call_timeout_s=0.5)

    with pytest.raises(CallTimeoutError):
        call(session)

    assert not session.is_warm


def test_one_that_answers_no_ping_is_told(open_session: OpenSession) -> None:
    session = open_session("exit0")

    with pytest.raises(WorkerError, match="a ping"):
        session.ping()


@pytest.mark.parametrize("behaviour", ["garbage_in_a_file", "too_few_in_a_file", "link", "pipe", "array_elsewhere"])
def test_no_file_of_a_refused_answer_stays(open_session: OpenSession, behaviour: str) -> None:
    session = open_session(behaviour)

    with pytest.raises(ProtocolError):
        call(session)

    assert session._folder is not None
    assert list(session._folder.output_dir.iterdir()) == []
