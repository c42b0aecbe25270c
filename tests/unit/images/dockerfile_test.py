"""Dockerfiles are read as far as a build has to know them."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.errors import BuildError
from repro.images.dockerfile import parse, read_dockerfile

STAGES = """\
# syntax-free comment
ARG TAG=3.11
FROM python:${TAG}-slim AS builder
COPY src/build.c /
RUN cc build.c && \\
    # a comment in between
    strip a.out

FROM --platform=linux/amd64 debian:12
COPY --from=builder /a.out /usr/bin/
COPY ["with space.txt", "/data/"]
ADD https://example.org/a.tar /opt/
FROM builder
"""


def test_bases_are_images_and_not_stages_of_the_file() -> None:
    assert parse(STAGES).bases() == ("python:3.11-slim", "debian:12")


def test_a_build_argument_may_choose_the_base() -> None:
    assert parse(STAGES).bases({"TAG": "3.12"}) == ("python:3.12-slim", "debian:12")


def test_sources_are_those_of_the_context_alone() -> None:
    assert parse(STAGES).sources() == ("src/build.c", "with space.txt")


def test_instructions_know_their_lines() -> None:
    run = parse(STAGES).find_step("RUN cc build.c && strip a.out")

    assert run is not None
    assert (run.line, run.last_line) == (5, 7)


def test_a_step_is_found_with_or_without_its_mounts() -> None:
    file = parse("FROM a\nRUN --mount=type=cache,target=/c \\\n    make   all\n")

    assert file.find_step("RUN --mount=type=cache,target=/c     make   all") == file.find_step("RUN make all")
    assert file.find_step("RUN make all") is not None


def test_pinned_bases_replace_the_names_and_nothing_else() -> None:
    text = parse(STAGES).with_bases({"python:3.11-slim": "python:3.11-slim@sha256:1", "debian:12": "debian@sha256:2"})

    lines, was = text.splitlines(), STAGES.splitlines()
    assert lines[2] == "FROM python:3.11-slim@sha256:1 AS builder"
    assert lines[8] == "FROM --platform=linux/amd64 debian@sha256:2"
    assert [line for i, line in enumerate(lines) if i not in (2, 8)] == [
        w for i, w in enumerate(was) if i not in (2, 8)
    ]


def test_a_here_document_is_no_instruction() -> None:
    file = parse('FROM a\nRUN <<EOF\nFROM x\nCOPY y z\nEOF\nCOPY <<"END" /f\nARG q\nEND\nARG real\n')

    assert file.bases() == ("a",)
    assert file.sources() == ()
    assert file.declared_args() == ("real",)


def test_another_escape_character_is_kept_to() -> None:
    file = parse("# escape=`\nFROM a\nRUN one `\n    two\nCOPY c:\\ d\n")

    assert [i.keyword for i in file.instructions] == ["FROM", "RUN", "COPY"]


def test_arguments_that_nobody_declares_are_named() -> None:
    file = parse('FROM a\nARG VARIANTS="" TAG\nARG OTHER=1\n')

    assert file.declared_args() == ("VARIANTS", "TAG", "OTHER")
    assert file.unknown_args({"TAG": "1", "http_proxy": "x", "VARIANT": "2"}) == ["VARIANT"]


def test_a_folder_without_a_dockerfile_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no Dockerfile"):
        read_dockerfile(tmp_path)


def test_an_argument_that_is_declared_again_in_a_stage_does_not_change_its_base() -> None:
    file = parse("ARG T=3.11\nFROM python:$T\nARG T=9.9\nCOPY f$T ./\nFROM python:${T}-slim\nARG T\nCOPY g$T ./\n")

    assert file.bases() == ("python:3.11", "python:3.11-slim")
    assert file.sources() == ("f9.9", "g3.11")
    assert file.sources({"T": "1"}) == ("f1", "g1")


def test_what_a_stage_sets_holds_there_and_in_those_that_start_from_it() -> None:
    file = parse("FROM a AS one\nENV F=x G='y z'\nFROM one\nCOPY $F/$G ./\nFROM a\nCOPY $F ./\n")

    assert file.sources() == ("x/y z", "$F")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"python:3.11"', "python:3.11"),
        ("'python:3.11'", "python:3.11"),
        ("python${T:+:3.11}", "python:3.11"),
        ("python${NONE:+:3.11}", "python"),
        ("python:${NONE:-3.11}", "python:3.11"),
        ("python:${NONE:-${T}}", "python:x"),
        ("python:${EMPTY-3.11}x", "python:x"),
        ("LOCALHOST:5000/a/b__c-d.e:1", "LOCALHOST:5000/a/b__c-d.e:1"),
    ],
)
def test_a_base_may_be_quoted_and_hold_any_form_of_a_variable(written: str, meant: str) -> None:
    assert parse(f"ARG T=x\nARG EMPTY=\nFROM {written}\n").bases() == (meant,)


@pytest.mark.parametrize(
    "written", ["$NONE", "a:", "A:3.11", "a:${T#x}", "a:${T", "a:${NONE:?say}", "a@sha256:1", "a//b", ""]
)
@pytest.mark.parametrize("before", ["", "# a comment\n\n"])
def test_what_names_no_image_is_told_with_its_line(written: str, before: str) -> None:
    with pytest.raises(BuildError, match=f"line {2 + before.count(chr(10))} of the Dockerfile"):
        parse(f"{before}ARG T=x\nFROM {written}\n").bases()


TAKES = """\
FROM python:3.11 AS one
FROM debian:12
COPY --from=one /a /a
COPY --from=0 /b /b
COPY --chown=1 --from=busybox:1 /bin /bin
RUN --mount=type=cache,target=/c \\
    # --mount=type=bind,from=alpine:3
    --mount=type=bind,from=alpine:3,target=/t \\
    --mount=from=ONE,target=/o echo --mount=type=bind,from=alpine:3,target=/t --from=busybox:1
"""


def test_images_that_something_is_copied_or_mounted_from_are_bases() -> None:
    file = parse(TAKES)

    assert file.stands_on() == ("python:3.11", "debian:12")
    assert file.bases() == ("python:3.11", "debian:12", "busybox:1", "alpine:3")
    assert file.sources() == ()
    with pytest.raises(BuildError, match="names no image"):
        parse("FROM a\nCOPY --from=$X /a /b\n").bases()


def test_they_are_pinned_where_they_are_named_and_nowhere_else() -> None:
    lines = parse(TAKES).with_bases({"busybox:1": "busybox:1@sha256:1", "alpine:3": "alpine:3@sha256:2"}).splitlines()

    was = TAKES.splitlines()
    assert lines[4] == "COPY --chown=1 --from=busybox:1@sha256:1 /bin /bin"
    assert lines[7] == "    --mount=type=bind,from=alpine:3@sha256:2,target=/t \\"
    assert [i for i, (line, old) in enumerate(zip(lines, was, strict=True)) if line != old] == [4, 7]


def test_tabs_separate_words_as_spaces_do() -> None:
    file = parse("FROM\tpython:3.11\nCOPY\tsrc\tx\nADD\t--chown=1\tdata\ty\nRUN\t--mount=type=bind,source=z\ttrue\n")

    assert file.bases() == ("python:3.11",)
    assert file.sources() == ("src", "data", "z")


@pytest.mark.parametrize("sign", ["\u2028", "\x0c", "\x0b", "\x85", "\x1c", "\r"])
def test_a_line_ends_at_a_newline_alone(sign: str, tmp_path: Path) -> None:
    text = f"FROM a\r\n# a comment{sign}RUN echo\r\nRUN one \\\r\n  two\r\n"
    (tmp_path / "Dockerfile").write_bytes(text.encode())
    file = read_dockerfile(tmp_path)

    assert [i.keyword for i in file.instructions] == ["FROM", "RUN"]
    assert file.instructions[1].shown == "RUN one two"
    assert f"comment{sign}RUN" in file.with_bases({"a": "a:1"})


def test_a_shift_is_no_here_document() -> None:
    shifts = 'RUN echo $((1<<4)) "a <<EOF b" << x\n'
    file = parse(f'FROM a\n{shifts}COPY src x\nRUN cat <<-"EOF"\nCOPY a b\n\tEOF\nCOPY y z\n')

    assert file.sources() == ("src", "y")


def test_arguments_that_are_nested_without_end_are_no_list() -> None:
    assert parse("FROM a\nCOPY " + "[" * 100_000 + " x\n").sources() == ("[" * 100_000,)
