"""A worker that means harm: whatever it says and leaves, its host neither hangs nor fails in an untold way."""

from __future__ import annotations

from typing import Any

import pytest

from repro.errors import ProtocolError, WorkerCrashedError
from repro.session import Session
from tests.integration.conftest import OpenSession

RECORD = {"do": "reverse", "text": "abc"}


def answer(session: Session) -> Any:
    """What the one record gives."""
    [[only]] = session.stream([RECORD])
    return only


@pytest.mark.parametrize(
    "behaviour",
    ["no_json", "nested_too_deeply", "nested_too_deeply_in_a_file", "folder", "name_of_no_file"],
)
def test_an_answer_that_cannot_be_read_is_an_error_of_run_py(open_session: OpenSession, behaviour: str) -> None:
    with pytest.raises(ProtocolError, match="record 0"):
        answer(open_session(behaviour))


def test_a_folder_named_like_an_answer_does_not_hide_the_workers_death(open_session: OpenSession) -> None:
    error = answer(open_session("folder_then_death"))

    assert isinstance(error, WorkerCrashedError)
    assert error.evidence.exit_code == 3


def test_a_worker_that_lets_go_of_its_stdout_and_lives_on_is_ended(open_session: OpenSession) -> None:
    # In a container the engine's init holds the stdout too: there it is a worker that hangs.
    session = open_session("lets_go_of_stdout", call_timeout_s=20.0)
    if session.environment.runtime == "docker":
        pytest.skip("the stdout of a container ends with the container")

    assert isinstance(answer(session), WorkerCrashedError)


def test_a_line_without_end_takes_no_memory_to_speak_of(open_session: OpenSession) -> None:
    session = open_session("line_without_end")

    assert answer(session) == {"output": "cba"}
    assert session._worker is not None
    assert sum(map(len, session._worker.evidence().log_tail)) < 1 << 20


def test_folders_deeper_than_a_path_may_be_are_removed(open_session: OpenSession) -> None:
    session = open_session("deep_folders")
    assert answer(session) == {"output": "cba"}
    assert session._folder is not None
    folder = session._folder.path

    session.close()

    assert not folder.exists()
