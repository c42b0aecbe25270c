"""A session: one warm worker, and every record answered once, in order. In each runtime."""

from __future__ import annotations

import gc
import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from repro.errors import (
    CallTimeoutError,
    PredictionError,
    SessionClosedError,
    StartTimeoutError,
    WorkerCrashedError,
    WorkerStartError,
)
from repro.session import IN_FLIGHT, Session
from tests.integration.conftest import OpenSession
from tests.integration.hosts import wait_for

CALLS = 20
REVERSE = {"do": "reverse", "text": "abc"}


def answers(session: Session, records: Iterable[dict[str, Any]], **options: Any) -> list[Any]:
    """All answers, in one list."""
    return list(itertools.chain.from_iterable(session.stream(records, options)))


def texts(count: int) -> list[dict[str, Any]]:
    return [{"do": "reverse", "text": f"{number:06d}"} for number in range(count)]


def reversed_texts(count: int) -> list[dict[str, Any]]:
    return [{"output": f"{number:06d}"[::-1]} for number in range(count)]


def notes(session: Session) -> list[str]:
    """What the records with a `note` have left: one line for each time that one was computed."""
    return (output_dir(session) / "notes.txt").read_text().split()


def output_dir(session: Session) -> Path:
    assert session._folder is not None
    return session._folder.output_dir


class TestTheWorkersLife:
    def test_nothing_starts_before_the_first_call(self, open_session: OpenSession) -> None:
        session = open_session()

        assert (session.starts, session.is_warm, session._folder) == (0, False, None)

    def test_a_stream_that_nobody_reads_starts_nothing(self, open_session: OpenSession) -> None:
        session = open_session()

        session.stream([REVERSE])

        assert session.starts == 0

    def test_no_records_start_nothing(self, open_session: OpenSession) -> None:
        session = open_session()

        assert answers(session, []) == []
        assert session.starts == 0

    def test_the_second_call_finds_the_worker_of_the_first(self, open_session: OpenSession) -> None:
        session = open_session()

        answers(session, [{"do": "python", "code": "sys.first_call = True; answer = 1"}])
        (seen,) = answers(session, [{"do": "python", "code": "answer = hasattr(sys, 'first_call')"}])

        assert seen == {"value": True}
        assert session.starts == 1

    def test_it_stops_when_nobody_calls_and_starts_again_when_somebody_does(self, open_session: OpenSession) -> None:
        session = open_session(idle_timeout_s=0.2)

        answers(session, [REVERSE])
        wait_for(lambda: not session.is_warm, 20, "the idle worker is stopped")

        assert answers(session, [REVERSE]) == [{"output": "cba"}]
        assert session.starts == 2

    @pytest.mark.parametrize("call", ["ping", "start"])
    def test_it_stops_after_a_ping_or_a_start_too(self, open_session: OpenSession, call: str) -> None:
        session = open_session(idle_timeout_s=0.2)

        getattr(session, call)()

        wait_for(lambda: not session.is_warm, 20, "the idle worker is stopped")

    def test_it_does_not_stop_while_it_computes(self, open_session: OpenSession) -> None:
        session = open_session(idle_timeout_s=0.2)

        answers(session, [{"do": "sleep", "seconds": 0.8}])

        assert session.starts == 1

    def test_a_load_that_takes_too_long_is_a_start_timeout(self, open_session: OpenSession) -> None:
        session = open_session(options={"seconds": 60}, start_timeout_s=1.0)

        with pytest.raises(StartTimeoutError, match="not ready after 1 s"):
            answers(session, [REVERSE])

        assert session.starts == 0

    def test_a_batch_that_takes_too_long_is_a_call_timeout_and_the_next_call_works(
        self, open_session: OpenSession
    ) -> None:
        session = open_session(call_timeout_s=0.7)

        with pytest.raises(CallTimeoutError, match="did not answer record 0 within"):
            answers(session, [{"do": "hang"}])

        assert answers(session, [REVERSE]) == [{"output": "cba"}]

    def test_time_that_a_batch_waits_for_the_one_before_does_not_count(self, open_session: OpenSession) -> None:
        session = open_session(call_timeout_s=1.5, batch_size=1)
        session.start()

        slept = answers(session, [{"do": "sleep", "seconds": 0.4}] * 5)

        assert slept == [{"slept": 0.4}] * 5
        assert session.starts == 1

    def test_a_model_that_raises_while_it_loads_is_told_with_its_reason(self, open_session: OpenSession) -> None:
        session = open_session(options={"at_load": "raise"})

        with pytest.raises(WorkerStartError, match="ValueError: the model cannot take None") as caught:
            answers(session, [REVERSE])

        assert any("Traceback" in line for line in caught.value.evidence.log_tail)
        assert caught.value.evidence.exit_code == 1

    @pytest.mark.parametrize(
        ("end", "said", "code"),
        [("exit0", "ended with status 0", 0), ("segfault", "was killed by signal 11", -11)],
    )
    def test_a_worker_that_dies_while_it_loads_is_told_with_how_it_died(
        self, open_session: OpenSession, end: str, said: str, code: int
    ) -> None:
        session = open_session(options={"at_load": end})

        with pytest.raises(WorkerStartError, match=f"{said}.* before it was ready") as caught:
            answers(session, [REVERSE])

        assert caught.value.evidence.exit_code == code

    def test_an_option_that_run_py_does_not_have_is_told(self, open_session: OpenSession) -> None:
        session = open_session(options={"temperature": 1})

        with pytest.raises(WorkerStartError, match="no option 'temperature'"):
            answers(session, [REVERSE])

    def test_ping_says_what_the_worker_is(self, open_session: OpenSession) -> None:
        pong = open_session(options={"suffix": "!"}).ping()

        assert pong["device"] == "cpu"
        assert pong["options"]["suffix"] == "!"
        assert "numpy" in pong["packages"]


class TestAnswers:
    def test_they_come_in_order_whatever_the_size_of_the_batches(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=7)

        assert answers(session, texts(1000)) == reversed_texts(1000)

    def test_they_come_in_order_through_files_too(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=5000)

        assert answers(session, texts(12_000)) == reversed_texts(12_000)

    def test_an_option_of_one_call_is_not_there_in_the_next(self, open_session: OpenSession) -> None:
        session = open_session()

        assert answers(session, [REVERSE], suffix="!") == [{"output": "cba!"}]
        assert answers(session, [REVERSE]) == [{"output": "cba"}]

    def test_a_record_that_fails_leaves_the_others_alone(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=100)
        records = texts(50)
        for index, trouble in ((7, "raise"), (8, "yield-error"), (30, "no-object"), (49, "no-json")):
            records[index] = {"do": trouble, "text": "X"}

        found = answers(session, records)

        failed = {index: answer for index, answer in enumerate(found) if isinstance(answer, PredictionError)}
        assert {index: error.error_type for index, error in failed.items()} == {
            7: "ValueError",
            8: "KeyError",
            30: "TypeError",
            49: "TypeError",
        }
        assert all(error.index == index for index, error in failed.items())
        assert "cannot take 'X'" in failed[7].error_message
        assert "Traceback" in failed[7].traceback
        assert [answer for index, answer in enumerate(found) if index not in failed] == [
            answer for index, answer in enumerate(reversed_texts(50)) if index not in failed
        ]
        assert session.starts == 1

    def test_the_next_batch_is_on_its_way_while_one_is_computed_and_no_more_is_held(
        self, open_session: OpenSession
    ) -> None:
        session = open_session(batch_size=10)
        pulled = 0

        def source() -> Iterator[dict[str, Any]]:
            nonlocal pulled
            for pulled, record in enumerate(texts(1000), 1):  # noqa: B007
                yield record

        stream = session.stream(source())
        next(stream)

        assert pulled == IN_FLIGHT * 10

    def test_a_source_that_raises_is_heard_and_the_session_lives_on(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=2)

        def source() -> Iterator[dict[str, Any]]:
            yield from texts(5)
            raise LookupError("the file ended early")

        with pytest.raises(LookupError, match="ended early"):
            answers(session, source())

        assert answers(session, texts(5)) == reversed_texts(5)
        assert session.starts == 1

    def test_two_streams_may_be_read_in_turns(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=3)

        one, other = session.stream(texts(60)), session.stream(texts(60))
        pairs = list(zip(one, other, strict=True))

        assert list(itertools.chain.from_iterable(pair[0] for pair in pairs)) == reversed_texts(60)
        assert list(itertools.chain.from_iterable(pair[1] for pair in pairs)) == reversed_texts(60)

    def test_a_stream_may_be_read_inside_another(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=3)

        for batch in session.stream(texts(9)):
            for answer in batch:
                assert isinstance(answer, dict)
                assert answers(session, [{"do": "reverse", "text": answer["output"]}]) == [
                    {"output": answer["output"][::-1]}
                ]

    def test_a_stream_may_be_left_in_the_middle(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=2)

        for _ in session.stream(texts(100)):
            break
        gc.collect()

        assert answers(session, texts(10)) == reversed_texts(10)
        assert session.starts == 1

    def test_a_stream_that_is_left_in_the_middle_leaves_no_files(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=2)
        arrays = [{"do": "arrays", "shape": [1000], "dtype": "float32", "name": str(n)} for n in range(8)]

        for seconds in (0.0, 0.3):  # left while the next batch is computed, and when it is answered already
            stream = session.stream(arrays)
            next(stream)
            time.sleep(seconds)
            stream.close()
        answers(session, [REVERSE])

        assert session._folder is not None
        assert [path.name for path in session._folder.path.rglob("*") if path.is_file()] == ["owner.lock"]

    def test_threads_may_share_a_session(self, open_session: OpenSession) -> None:
        session = open_session()
        found: dict[int, list[Any]] = {}

        def call(thread: int) -> None:
            records = [{"do": "reverse", "text": f"{thread}-{call}"} for call in range(CALLS)]
            found[thread] = [answers(session, [record]) for record in records]

        threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        for number in range(8):
            assert found[number] == [[{"output": f"{number}-{call}"[::-1]}] for call in range(CALLS)]
        assert session.starts == 1


class TestDeaths:
    def test_a_worker_killed_in_the_middle_of_a_batch_is_started_again_and_nothing_is_lost_or_done_twice(
        self, open_session: OpenSession
    ) -> None:
        session = open_session(batch_size=5)
        records = [{"do": "reverse", "text": f"{number}", "note": f"n{number}"} for number in range(20)]
        records[7] = {"do": "kill9-once", "note": "n7"}

        found = answers(session, records)

        expected = [{"output": str(number)[::-1]} for number in range(20)]
        expected[7] = {"output": "survived"}
        assert found == expected
        assert session.starts == 2
        # What was answered before is not computed again; of the batch in which the worker died, what came first is.
        computed = notes(session)
        assert {note: computed.count(note) for note in computed} == {
            f"n{number}": 2 if number in (5, 6, 7) else 1 for number in range(20)
        }

    @pytest.mark.parametrize(
        ("runtime", "position"), [("local", 0), ("local", 11), ("local", 29), ("docker", 11)], indirect=["runtime"]
    )
    def test_a_record_that_kills_every_worker_is_named_and_the_others_are_answered(
        self, open_session: OpenSession, position: int
    ) -> None:
        session = open_session(batch_size=30)
        records = texts(30)
        records[position] = {"do": "exit0"}

        found = answers(session, records)

        error = found.pop(position)
        assert isinstance(error, WorkerCrashedError)
        assert f"record {position}" in error.message
        assert error.evidence.exit_code == 0
        expected = reversed_texts(30)
        del expected[position]
        assert found == expected

    def test_where_every_record_kills_none_is_blamed(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=4)

        with pytest.raises(WorkerCrashedError, match="records 0 to 3"):
            answers(session, [{"do": "kill9"}] * 4)

        assert answers(session, [REVERSE]) == [{"output": "cba"}]

    def test_what_a_dead_worker_had_begun_to_write_does_not_stay(self, open_session: OpenSession) -> None:
        session = open_session(batch_size=3)
        array = {"do": "arrays", "shape": [1000], "dtype": "float32", "name": "a"}

        answers(session, [array, {"do": "kill9-once"}, array])

        left = {path.name for path in output_dir(session).iterdir()}
        assert left == {"killed-once"}

    def test_a_segfault_leaves_its_trace_in_the_log(self, open_session: OpenSession) -> None:
        session = open_session()

        (error,) = answers(session, [{"do": "segfault"}])

        assert isinstance(error, WorkerCrashedError)
        assert error.evidence.exit_code == -11
        assert any("Segmentation fault" in line for line in error.evidence.log_tail)


class TestTheEnd:
    def test_close_leaves_nothing(self, open_session: OpenSession) -> None:
        session = open_session()
        answers(session, [REVERSE])
        folder = output_dir(session).parent

        session.close()
        session.close()

        assert not folder.exists()
        assert not session.is_warm

    def test_closing_what_never_started_is_fine(self, open_session: OpenSession) -> None:
        open_session().close()

    @pytest.mark.parametrize("call", ["stream", "ping", "start"])
    def test_using_it_after_close_is_an_error(self, open_session: OpenSession, call: str) -> None:
        session = open_session()
        session.close()

        with pytest.raises(SessionClosedError):
            answers(session, [REVERSE]) if call == "stream" else getattr(session, call)()

        assert session.starts == 0

    @pytest.mark.parametrize("end", ["close", "interrupt"])
    def test_a_call_in_another_thread_ends_with_an_error_when_the_session_is_ended(
        self, open_session: OpenSession, end: str
    ) -> None:
        session = open_session()
        raised: list[BaseException] = []

        def call() -> None:
            try:
                answers(session, [{"do": "hang", "note": "begun"}])
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        wait_for(lambda: session._folder and list(session._folder.output_dir.glob("notes.txt")), 60, "it computes")
        getattr(session, end)()
        thread.join(timeout=20)

        assert [type(error) for error in raised] == [SessionClosedError]

    def test_after_an_interruption_a_new_call_works(self, open_session: OpenSession) -> None:
        session = open_session()
        session.start()

        session.interrupt()

        assert answers(session, [REVERSE]) == [{"output": "cba"}]
        assert session.starts == 2

    def test_interrupting_a_start_in_another_thread_does_not_wait_for_it(self, open_session: OpenSession) -> None:
        session = open_session(options={"seconds": 60})
        raised: list[BaseException] = []

        def call() -> None:
            try:
                session.start()
            except BaseException as error:
                raised.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        time.sleep(1.0)
        session.interrupt()
        thread.join(timeout=20)

        assert not thread.is_alive()
        assert raised
