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
