"""The last lines of a log, whatever the pieces that it comes in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from repro.runtimes.log import TAIL_LINES, LogTail


@given(lines=st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), min_size=1)), data=st.data())
def test_lines_are_whole_wherever_the_stream_is_cut(lines: list[str], data: st.DataObject) -> None:
    stream = "".join(line + "\n" for line in lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    reported: list[str] = []
    tail = LogTail(report=reported.append)

    for start, stop in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        tail.feed(stream[start:stop])

    assert reported == lines
    assert tail.lines() == tuple(lines[-TAIL_LINES:])


def test_what_is_no_utf8_is_shown_as_such() -> None:
    tail = LogTail()

    tail.feed(b"caf\xe9\n")

    assert tail.lines() == ("caf\ufffd",)


def test_line_ends_of_windows_are_taken_off() -> None:
    tail = LogTail()

    tail.feed(b"one\r\ntwo\r\n")

    assert tail.lines() == ("one", "two")


def test_a_line_that_has_not_ended_is_shown_and_is_a_line_when_the_stream_ends() -> None:
    reported: list[str] = []
    tail = LogTail(report=reported.append)

    tail.feed(b"one\ntw")
    assert (tail.lines(), reported) == (("one", "tw"), ["one"])
    tail.close()

    assert (tail.lines(), reported) == (("one", "tw"), ["one", "tw"])


def test_a_line_without_end_takes_no_memory_to_speak_of() -> None:
    tail = LogTail()

    for _ in range(100):
        tail.feed(b"x" * 1_000_000)

    assert len(tail.lines()[0]) <= 2000
